package health

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// prober carries out the probes of one check, one after the other.
type prober struct {
	spec     Spec
	target   Target
	leftover string // exec id of a command that may still run although its time was up
}

func newProber(spec Spec, target Target) *prober { return &prober{spec: spec, target: target} }

// probe carries out one probe within its timeout.
func (p *prober) probe(session context.Context) Result {
	ctx, cancel := context.WithCancel(session) // what ends with it are the connections of an HTTP client, too
	defer cancel()
	if p.spec.Timeout > 0 {
		var expire context.CancelFunc
		ctx, expire = context.WithTimeout(ctx, p.spec.Timeout)
		defer expire()
	}
	switch p.spec.Kind {
	case HTTP:
		return p.http(ctx)
	case TCP:
		return p.tcp(ctx)
	case Command:
		return p.command(ctx)
	default:
		return Result{Message: fmt.Sprintf("a check of kind %d cannot be carried out", p.spec.Kind)}
	}
}

// failed is the result of a probe that did not come to one. What says what was tried.
func (p *prober) failed(ctx context.Context, what string, err error) Result {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return Result{Message: what + " timed out after " + durationText(p.spec.Timeout)}
	}
	return Result{Message: what + ": " + oneLine(err.Error())}
}

// portError tells of a port that is none.
func portError(port uint32) error {
	if port == 0 || port > 65535 {
		return fmt.Errorf("port %d is not between 1 and 65535", port)
	}
	return nil
}

// durationText writes a duration as Mesos does.
func durationText(d time.Duration) string {
	if d < time.Second {
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', -1, 64) + "ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "secs"
}

// longestQuote bounds what a message repeats of another's text.
const longestQuote = 500

// oneLine makes another's text fit into a message: one line, valid, bounded.
func oneLine(text string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return bounded(strings.TrimSpace(clean))
}

// bounded cuts a text that is too long.
func bounded(text string) string {
	if len(text) <= longestQuote {
		return text
	}
	return strings.ToValidUTF8(text[:longestQuote], "") + "..."
}
