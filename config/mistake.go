package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// Mistake is one thing in the configuration that has to be put right. Load
// reports all of them at once, in a *multierror.Error.
type Mistake struct {
	Origin Origin
	// Flag is the flag concerned; empty where the mistake is in no flag's
	// value, as with an unknown name.
	Flag string
	// Value is what was found, shortened; empty for secrets and where there is
	// no value.
	Value string
	// Accepts says what would be right; may be empty.
	Accepts string
	// Err says what is wrong.
	Err error
}

func (m *Mistake) Error() string {
	var b strings.Builder
	b.WriteString(m.Origin.String())
	b.WriteString(": ")
	if m.Value != "" {
		fmt.Fprintf(&b, "%q is refused: ", m.Value)
	}
	b.WriteString(m.Err.Error())
	if m.Accepts != "" {
		b.WriteString("; accepted is ")
		b.WriteString(m.Accepts)
	}
	return b.String()
}

func (m *Mistake) Unwrap() error { return m.Err }

// collect turns mistakes into one error, nil if there are none.
func collect(mistakes []*Mistake) error {
	if len(mistakes) == 0 {
		return nil
	}
	all := &multierror.Error{ErrorFormat: formatMistakes}
	for _, m := range mistakes {
		all = multierror.Append(all, m)
	}
	return all
}

func formatMistakes(errs []error) string {
	if len(errs) == 1 {
		return "the configuration has a mistake: " + errs[0].Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the configuration has %d mistakes:", len(errs))
	for _, err := range errs {
		b.WriteString("\n  * ")
		b.WriteString(err.Error())
	}
	return b.String()
}

// shorten cuts s to what is readable within a message.
func shorten(s string) string {
	const longest = 80
	runes := 0
	for i := range s {
		if runes == longest {
			return s[:i] + "…"
		}
		runes++
	}
	return s
}

// nearest is the flag whose name is closest to an unknown one, or nil where
// none is close enough to have been meant.
func nearest(name string) *flag {
	// Nothing this long resembles a flag, and the distance costs its length.
	if len(name) > 64 {
		return nil
	}
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	best, distance := (*flag)(nil), 2+len(name)/4
	for _, f := range flags {
		if d := editDistance(name, f.name); d < distance {
			best, distance = f, d
		}
	}
	return best
}

// editDistance is the number of bytes to insert, delete or replace to make b
// of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
