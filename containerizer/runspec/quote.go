package runspec

import (
	"strconv"
	"strings"
)

// maxQuoted bounds one value in an error text, in bytes.
const maxQuoted = 200

// Quote returns a value for an error text: quoted, on one line, and bounded.
func Quote(value string) string {
	if len(value) > maxQuoted {
		return strconv.Quote(strings.ToValidUTF8(value[:maxQuoted], "")) + "..."
	}
	return strconv.Quote(value)
}
