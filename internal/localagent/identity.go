package localagent

import (
	"crypto/rand"
	"fmt"
	"strings"
)

// randomBytes returns n bytes nobody can guess.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails, by its contract
	return b
}

// newUUIDBytes returns the 16 bytes of a random UUID, version 4 of RFC 4122.
func newUUIDBytes() []byte {
	b := randomBytes(16)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return b
}

func newUUID() string {
	b := newUUIDBytes()
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// validUUID is the agent's notion of it: 16 bytes with a version of RFC 4122.
func validUUID(b []byte) bool {
	return len(b) == 16 && b[6]>>4 >= 1 && b[6]>>4 <= 5
}

// checkID refuses what a master refuses, because ids become the names of directories.
func checkID(kind, id string) error {
	switch {
	case id == "":
		return fmt.Errorf("%s id is empty", kind)
	case id == "." || id == "..":
		return fmt.Errorf("%s id %q is not allowed", kind, id)
	case len(id) > 255:
		return fmt.Errorf("%s id is longer than 255 bytes", kind)
	}
	if i := strings.IndexFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f || r == '/' || r == '\\' }); i >= 0 {
		return fmt.Errorf("%s id %q has a character that is not allowed: %q", kind, id, id[i])
	}
	return nil
}
