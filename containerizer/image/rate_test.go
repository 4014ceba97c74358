package image

import (
	"testing"
	"time"
)

func TestRate(t *testing.T) {
	start := time.Now()
	var m meter
	at := func(after time.Duration, bytes, want int64) {
		t.Helper()
		if got := m.observe(start.Add(after), bytes); got != want {
			t.Errorf("after %v: %d a second, want %d", after, got, want)
		}
	}
	at(0, 0, 0)
	at(500*time.Millisecond, 1000, 0) // too early to say
	at(time.Second, 1000, 1000)
	at(2*time.Second, 1000, 500)
	for n := time.Duration(3); n < 30; n++ {
		m.observe(start.Add(n*time.Second), 1000)
	}
	at(30*time.Second, 1000, 0) // what was long ago does not count
	at(31*time.Second, 12000, 1100)
	at(32*time.Second, 500, 0) // a layer begins anew
	at(34*time.Second, 4500, 2000)
}
