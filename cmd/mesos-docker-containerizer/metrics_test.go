package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// An Engine that hangs or comes back is noticed on a host where nothing else is asked of it.
func TestEngineIsAskedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		asked, ended := 0, make(chan struct{})
		go func() {
			defer close(ended)
			keepAsking(ctx, func(context.Context) error { asked++; return errors.New("no answer") })
		}()
		time.Sleep(10*pingInterval + time.Second)
		cancel()
		<-ended
		if asked != 11 {
			t.Errorf("asked %d times", asked)
		}
	})
}
