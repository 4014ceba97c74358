package container

import (
	"testing"
	"time"
)

// What was noted by a clock that was set since holds nothing up: it counts as if it had happened now at the latest.
func TestClockIsSet(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	at := func(d time.Duration) time.Time { return now.Add(d) }
	for name, c := range map[string]struct{ noted, split, grace time.Duration }{
		"not at all":         {-time.Second, -time.Second, outputGrace - time.Second},
		"forward by an hour": {-time.Hour, -time.Hour, outputGrace - time.Hour},
		"back by an hour":    {time.Hour, 0, outputGrace},
		"back by a second":   {time.Second, 0, outputGrace},
	} {
		if got := split(at(c.noted), now).Sub(now); got != c.split {
			t.Errorf("%s: the log is divided %v from now, want %v", name, got, c.split)
		}
		if got := graceLeft(at(c.noted), now); got != c.grace {
			t.Errorf("%s: %v of the grace are left, want %v", name, got, c.grace)
		}
	}
	if !split(time.Time{}, now).IsZero() {
		t.Error("the log is divided without a loss")
	}

	const grace = 10 * time.Second
	for name, c := range map[string]struct{ deadline, grace, sent, wantDeadline, wantSent time.Duration }{ // sent is none if zero
		"not at all":                           {4 * time.Second, grace, -6 * time.Second, 4 * time.Second, -6 * time.Second},
		"before it was sent":                   {4 * time.Second, grace, 0, 4 * time.Second, 0},
		"back by an hour":                      {time.Hour + 4*time.Second, grace, time.Hour - 6*time.Second, grace, 0},
		"back by an hour, before it was sent":  {time.Hour + 4*time.Second, grace, 0, grace, 0},
		"back by an hour, no grace to go by":   {time.Hour, 0, 0, time.Hour, 0},
		"forward by an hour":                   {4*time.Second - time.Hour, grace, -time.Hour, 4*time.Second - time.Hour, -time.Hour},
		"forward, before the signal was sent":  {4*time.Second - time.Hour, grace, 0, 4*time.Second - time.Hour, 0},
		"back by more than the time it is out": {time.Hour, grace, time.Hour - time.Minute, grace, 0},
	} {
		order := StopOrder{Deadline: at(c.deadline), Grace: c.grace}
		if c.sent != 0 {
			order.Sent = at(c.sent)
		}
		got := order.within(now)
		if !got.Deadline.Equal(at(c.wantDeadline)) || c.sent != 0 && !got.Sent.Equal(at(c.wantSent)) || c.sent == 0 && !got.Sent.IsZero() {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
