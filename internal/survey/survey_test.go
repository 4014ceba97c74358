package survey

import (
	"runtime"
	"sync/atomic"
	"testing"
)

// Those who ask during a look share the next one, whose result is from after they asked, and no two looks are made at a time.
func TestSurvey(t *testing.T) {
	const askers = 50
	var s Survey[int]
	var looks, at atomic.Int32
	goOn := make(chan struct{})
	results := make(chan int, askers)
	look := func() int {
		if at.Add(1) != 1 {
			t.Error("two looks at a time")
		}
		defer at.Add(-1)
		<-goOn
		return int(looks.Add(1))
	}
	first := make(chan int)
	go func() { first <- s.Get(look) }()
	for at.Load() == 0 {
		runtime.Gosched()
	}
	for range askers {
		go func() { results <- s.Get(look) }()
	}
	for s.asked.Load() < askers+1 {
		runtime.Gosched()
	}
	close(goOn)
	if got := <-first; got != 1 {
		t.Errorf("the first gets look %d", got)
	}
	for range askers {
		if later := <-results; later != 2 {
			t.Errorf("one that asked during the first look gets look %d", later)
		}
	}
	if s.Get(look) != 3 {
		t.Error("one that asks later gets an old result")
	}
}
