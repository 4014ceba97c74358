package cni

import (
	"fmt"
	"strings"

	"mesos-docker-containerizer/containerizer/runspec"
)

// Error says that a network cannot be joined or left.
type Error struct {
	Network, File string
	err           error
}

func (e *Error) Error() string {
	return fmt.Sprintf("CNI network %s (defined in %s): %v", runspec.Quote(e.Network), e.File, e.err)
}

func (e *Error) Unwrap() error { return e.err }

// maxText bounds what of a plugin's words goes into an error.
const maxText = 1000

// excerpt is the beginning of what a plugin has printed, in one line and in characters that can be shown.
func excerpt(text []byte) string {
	words := strings.Join(strings.Fields(strings.ToValidUTF8(string(text[:min(len(text), maxText)]), "?")), " ")
	if len(text) > maxText {
		words += " …"
	}
	return words
}
