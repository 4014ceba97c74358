package container

import (
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"mesos-docker-containerizer/containerizer/engine"
)

// The Engine is asked rarely about a container whose process is watched, and often when that has ended.
func TestTimeBetweenTwoLooks(t *testing.T) {
	running := &engine.Container{InspectResponse: container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{State: &container.State{Running: true}},
	}}
	for name, c := range map[string]struct {
		watched, ended bool
		want           time.Duration
	}{
		"process unknown":   {false, false, lookInterval},
		"process watched":   {true, false, watchedInterval},
		"process has ended": {true, true, askInterval},
	} {
		w := (&Container{}).newWait()
		if c.watched {
			w.gone = make(chan struct{})
		}
		if c.ended {
			w.noteGone()
		}
		w.see(running)
		if w.interval != c.want {
			t.Errorf("%s: %v, want %v", name, w.interval, c.want)
		}
	}
}
