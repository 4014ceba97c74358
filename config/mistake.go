package config

import (
	"errors"
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
	what, texts := "the command line", make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
		if m, ok := errors.AsType[*Mistake](err); !ok || m.Origin.Layer != CommandLine {
			what = "the configuration"
		}
	}
	if what == "the command line" {
		for i := range texts {
			texts[i] = strings.TrimPrefix(texts[i], commandLinePlace)
		}
	}
	if len(texts) == 1 {
		return what + " has a mistake: " + texts[0]
	}
	return fmt.Sprintf("%s has %d mistakes:\n  * %s", what, len(texts), strings.Join(texts, "\n  * "))
}
