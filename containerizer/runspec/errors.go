package runspec

import (
	"fmt"
	"strconv"
	"strings"
)

// maxErrorText bounds what is quoted back to a framework, in bytes: a status message is stored by agent and master.
const maxErrorText = 2048

// Error is a mistake in the task: a field that is missing, malformed or asks for something that is refused. It never holds
// the value of an environment variable or of a secret.
//
// If contract 2 lists a text of the stock executor, Text is exactly that text, because frameworks may look for it. The caller adds
// stock's prefix "Failed to create docker run options: " (contract 3.1).
type Error struct {
	// Field is the path of the field in TaskInfo, such as "container.docker.port_mappings[0].host_port".
	Field string

	// Text says what is wrong, with the value where there is one.
	Text string

	cause error
}

// Error returns the text and, in parentheses, the field.
func (e *Error) Error() string {
	text := e.Text
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "..."
	}
	return fmt.Sprintf("%s (%s)", text, e.Field)
}

// Unwrap returns the error behind this one, if any.
func (e *Error) Unwrap() error { return e.cause }

// fault returns an *Error with a formatted text.
func fault(field, format string, values ...any) *Error {
	return &Error{Field: field, Text: fmt.Sprintf(format, values...)}
}

// maxQuoted bounds one value in an error text, in bytes.
const maxQuoted = 200

// Quote returns a value for an error text: quoted, on one line, and bounded.
func Quote(value string) string {
	if len(value) > maxQuoted {
		return strconv.Quote(strings.ToValidUTF8(value[:maxQuoted], "")) + "..."
	}
	return strconv.Quote(value)
}
