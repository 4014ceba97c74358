package wire

import "time"

// clockSlack is more than two readings of the clocks differ by.
const clockSlack = time.Second

// Anchor has a point in time keep its distance from now whatever becomes of the host's clock. It is called for what the other end has told,
// as soon as that comes, and again before it is told another process: that gets what the clock says by then. Zero stays zero.
func Anchor(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	now := time.Now()
	anchored := now.Add(t.Sub(now))
	if set := anchored.Round(0).Sub(t.Round(0)); set != 0 && set.Abs() < clockSlack {
		return t // the other end compares what it is told again
	}
	return anchored
}

// Anchor is Anchor for both times of the order.
func (k *Kill) Anchor() { k.Deadline, k.Sent = Anchor(k.Deadline), Anchor(k.Sent) }

// SameTime reports whether two points in time, anchored or not, are one that was told twice. Their readings of the monotonic clock differ.
func SameTime(a, b time.Time) bool { return a.Round(0).Equal(b.Round(0)) }
