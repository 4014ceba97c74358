package wire

import (
	"testing"
	"time"
	"unsafe"
)

// noted is a point in time that was noted before the clock of the host was set by so many seconds: its wall clock differs from what its
// monotonic clock says by that. Package time makes no such value while the clock stands.
func noted(t *testing.T, at time.Time, set int64) time.Time {
	t.Helper()
	before := at
	*(*uint64)(unsafe.Pointer(&before)) -= uint64(set) << 30 // the seconds of a Time with a monotonic clock
	if !before.Round(0).Equal(at.Round(0).Add(-time.Duration(set)*time.Second)) || !before.Equal(at) {
		t.Fatalf("%v is not %v before the clock was set by %d s", before, at, set)
	}
	return before
}

// Whatever the clock is set to, a point in time stays as far away as it was: for this process, and for one that is told of it.
func TestAnchor(t *testing.T) {
	for name, set := range map[string]int64{"forward": 3600, "back": -3600, "not at all": 0, "by a year": 366 * 24 * 3600} {
		for _, away := range []time.Duration{-time.Minute, 0, 10 * time.Second} {
			want := time.Now().Add(away)
			mine := noted(t, want, set)
			told := Anchor(mine).Round(0) // as a frame has it
			if off := told.Sub(want.Round(0)).Abs(); off >= clockSlack {
				t.Errorf("%s: what was %v away is told %v off", name, away, off)
			}
			if set == 0 && !told.Equal(mine.Round(0)) {
				t.Errorf("%v is told as %v without a reason", mine, told)
			}
			if heard := Anchor(told); !heard.Round(0).Equal(told) || heard == told {
				t.Errorf("%s: %v is heard as %v", name, told, heard)
			}
		}
	}
	if !Anchor(time.Time{}).IsZero() {
		t.Error("no time becomes one")
	}
}

// A time that is told again is known to be the same.
func TestSameTime(t *testing.T) {
	told := time.Now().Add(time.Hour).Round(0)
	for range 1000 {
		if !SameTime(Anchor(told), Anchor(told)) {
			t.Fatalf("%v is heard as two times", told)
		}
	}
	if SameTime(Anchor(told), Anchor(told.Add(time.Millisecond))) {
		t.Error("two times are heard as one")
	}
}
