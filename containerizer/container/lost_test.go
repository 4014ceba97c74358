package container

import (
	"testing"
	"testing/synctest"
	"time"
)

// stopped is how long an Engine may take over a container that was to be stopped.
const stopped = 4 * time.Second

// The time in which the Engine answers nothing does not count, however long it is.
func TestLostExit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLostExit(time.Minute, stopped)
		time.Sleep(time.Hour)
		if l.answered(false) || !l.giveUp(time.Now()).IsZero() {
			t.Error("the exit of a process that runs is given up")
		}
		l.begin()
		for range 100 { // 50 s with answers, and an hour without
			time.Sleep(500 * time.Millisecond)
			if l.answered(false) {
				t.Fatal("the exit is given up early")
			}
			time.Sleep(36 * time.Second)
			if l.answered(true) {
				t.Fatal("the exit is given up although the Engine is silent")
			}
		}
		time.Sleep(10 * time.Second)
		if !l.answered(false) {
			t.Error("the exit is waited for when the time is over")
		}
		forever := newLostExit(0, stopped)
		forever.begin()
		time.Sleep(24 * time.Hour)
		if forever.answered(false) || !forever.giveUp(time.Now()).IsZero() {
			t.Error("the exit is given up where that is not wanted")
		}
	})
}

// A container that was to be stopped is given up soon after the stop's deadline if its process is gone by then.
func TestGiveUpOfAStoppedContainer(t *testing.T) {
	for name, test := range map[string]struct{ deadline, want time.Duration }{ // from the end of the process on
		"it obeys":               {time.Hour, stopped},
		"it obeys at the end":    {time.Second, stopped},
		"it is killed":           {-100 * time.Millisecond, stopped - 100*time.Millisecond},
		"past a hanging Engine":  {-3 * time.Second, leastPatience},
		"it did not want to end": {-time.Minute, leastPatience},
		"it ended before it all": {time.Minute, stopped},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLostExit(time.Minute, stopped)
				l.begin()
				if got := time.Until(l.giveUp(time.Now().Add(test.deadline))); got != test.want {
					t.Errorf("after %v, want %v", got, test.want)
				}
			})
		})
	}
}
