package image

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestSlotsAreFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		var mu sync.Mutex
		var order []int
		var wg sync.WaitGroup
		for n := range 20 {
			wg.Go(func() {
				if err := s.take(t.Context(), func() {}); err != nil {
					t.Error(err)
				}
				mu.Lock()
				order = append(order, n)
				mu.Unlock()
				time.Sleep(time.Second)
				s.give()
			})
			synctest.Wait()
		}
		started := time.Now()
		wg.Wait()
		if took := time.Since(started); took != 20*time.Second {
			t.Errorf("20 holders of a second each took %v", took)
		}
		if !slices.IsSorted(order) {
			t.Errorf("served in the order %v", order)
		}
	})
}

// Who leaves the queue takes no slot with it, in the moment it is given one least of all.
func TestLeavingTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		for range 1000 {
			if err := s.take(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			result := make(chan error)
			waits := make(chan struct{})
			go func() { result <- s.take(ctx, func() { close(waits) }) }()
			<-waits
			go cancel()
			go s.give()
			if err := <-result; err == nil {
				s.give()
			} else if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			synctest.Wait()
			if !s.TryAcquire(1) { // it fails while one waits, too
				t.Fatal("no slot is free")
			}
			s.give()
		}
	})
}

func TestNoLimit(t *testing.T) {
	s := newSlots(0)
	for range 100 {
		if err := s.take(t.Context(), func() { t.Error("waits") }); err != nil {
			t.Fatal(err)
		}
	}
	s.give()
}
