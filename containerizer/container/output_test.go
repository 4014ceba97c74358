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
