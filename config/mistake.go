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
