package container

import (
	"testing"
	"time"
)

// TestEndedWithContainer shows how long before the end of its container a stream may end and yet count as complete.
func TestEndedWithContainer(t *testing.T) {
	finished := time.Unix(1000, 0)
	for name, c := range map[string]struct {
		ended time.Time
		want  bool
	}{
		"after the container":           {finished.Add(time.Second), true},
		"with the container":            {finished, true},
		"just within the slack":         {finished.Add(-endSlack + time.Nanosecond), true},
		"the slack before the end":      {finished.Add(-endSlack), false},
		"long before the end":           {finished.Add(-time.Minute), false},
		"the owner never had a stream":  {time.Time{}, false},
		"a broken clock, in the future": {finished.Add(time.Hour), true},
	} {
		w := &wait{finished: finished}
		got, err := w.endedWithContainer(t.Context(), OutputEnd{Ended: c.ended})
		if err != nil || got != c.want {
			t.Errorf("%s: complete is %v (%v), want %v", name, got, err, c.want)
		}
	}
}

// An owner that died leaves nothing to wait for, whether that was heard before its last stream was opened or after.
func TestAbandonedOutput(t *testing.T) {
	for _, first := range []bool{true, false} {
		c := &Container{}
		if first {
			c.AbandonOutput()
		}
		c.output.open, c.output.past = true, &Past{}
		if !first {
			c.AbandonOutput()
		}
		if _, settled, err := (&wait{Container: c, end: &End{}}).followOutput(t.Context()); !settled || err != nil {
			t.Errorf("abandoned first %t: settled %t, %v", first, settled, err)
		}
	}
}
