package container

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestRemovalHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h RemovalHold
		if h.Holds("mesos-x") {
			t.Error("kept without a promise")
		}
		h.Extend(time.Now().Add(time.Minute))
		h.Extend(time.Now().Add(time.Second)) // takes nothing back
		time.Sleep(time.Minute - time.Second)
		for name, want := range map[string]bool{"mesos-x": true, "/mesos-x": true, "mesos-x.executor": true, "mdc-x": false, "": false} {
			if h.Holds(name) != want {
				t.Errorf("%q: kept %v, want %v", name, !want, want)
			}
		}
		time.Sleep(time.Second)
		if h.Holds("mesos-x") {
			t.Error("kept for too long")
		}
	})
}
