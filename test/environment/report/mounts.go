package report

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Mount is one line of /proc/self/mountinfo.
type Mount struct {
	Target  string   `json:"target"`
	Root    string   `json:"root"` // which directory of the file system is mounted
	Type    string   `json:"type"`
	Source  string   `json:"source"`
	Options []string `json:"options"` // of the mount itself: "ro", "nosuid", ...
	Super   []string `json:"super"`   // of the file system: "size=65536k", ...
	Tags    []string `json:"tags"`    // propagation: "shared:1", "master:2"; none means private
}

// MountAt returns the mount that is visible at the path itself, which is the last one made there.
func (r *Report) MountAt(path string) (Mount, bool) {
	for i := len(r.Mounts) - 1; i >= 0; i-- {
		if r.Mounts[i].Target == path {
			return r.Mounts[i], true
		}
	}
	return Mount{}, false
}

func mounts() ([]Mount, error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var all []Mount
	for line := range strings.Lines(string(b)) {
		m, err := parseMount(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// parseMount reads "ID parent major:minor root target options [tags...] - type source super" (proc(5)).
func parseMount(line string) (Mount, error) {
	left, right, ok := strings.Cut(line, " - ")
	l, r := strings.Split(left, " "), strings.Split(right, " ")
	if !ok || len(l) < 6 || len(r) < 3 {
		return Mount{}, fmt.Errorf("unexpected line in mountinfo: %q", line)
	}
	return Mount{
		Root:    unescape(l[3]),
		Target:  unescape(l[4]),
		Options: strings.Split(l[5], ","),
		Tags:    l[6:],
		Type:    r[0],
		Source:  unescape(r[1]),
		Super:   strings.Split(r[2], ","),
	}, nil
}

// unescape undoes the kernel's octal escapes of blanks and backslashes.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
