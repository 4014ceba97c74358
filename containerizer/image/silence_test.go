package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/errdefs"
)

// A registry that hangs is said to be silent, and the end of the Engine's patience is no end of the pull.
func TestSilentRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &fakeEngine{present: map[string]bool{}}
		e.pull = func(context.Context, func(string)) error {
			if len(e.pulls) > 1 {
				return nil
			}
			time.Sleep(25 * time.Second)
			return fmt.Errorf(`Get "https://registry.example/v2/": context deadline exceeded: %w`, errdefs.ErrInternal)
		}
		p := newPuller(t, e)
		started := time.Now()
		var seen []string
		_, err := p.Pull(t.Context(), Request{Reference: "registry.example/app", Progress: func(p Progress) {
			seen = append(seen, fmt.Sprint(time.Since(started).Round(time.Second), " ", p.Status, " ", p.Silent))
		}})
		want := []string{"0s asking the registry 0s", "3s asking the registry 3s", "6s asking the registry 6s", "12s asking the registry 12s",
			"24s asking the registry 24s", "25s waiting to try again 0s"}
		if err != nil || len(seen) < len(want) || !slices.Equal(seen[:len(want)], want) || len(e.pulls) != 2 {
			t.Errorf("%v, %d tries: %q", err, len(e.pulls), seen)
		}
	})
}

// What the Engine says is unknown, and the registry has given no answer to the question for the manifest either: then it is out of reach
// for now, whatever the words. An answer decides otherwise.
func TestNoAnswerOfTheRegistryIsTemporary(t *testing.T) {
	for name, tt := range map[string]struct {
		asked error
		tries int
		kind  Kind
	}{
		"no answer":           {errors.New("words of an Engine to come"), MaxTries, Unreachable},
		"denied":              {errdefs.ErrPermissionDenied, 1, Denied},
		"not found":           {errdefs.ErrNotFound, 1, NotFound},
		"it has it":           {nil, 1, Other},
		"no trust, by phrase": {errors.New("x509: certificate signed by unknown authority"), 1, TLS},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, e := retrying(t, repeat(fmt.Errorf("other words: %w", errdefs.ErrInternal), MaxTries)...)
			e.ask = tt.asked
			_, err := p.Pull(t.Context(), Request{Reference: "app"})
			failed, ok := errors.AsType[*Error](err)
			if !ok || failed.Kind != tt.kind || failed.Tries != tt.tries {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}
