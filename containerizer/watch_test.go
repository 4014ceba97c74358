package containerizer

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
)

// An Engine that comes back is heard at once, however long it was away, and one that refuses what it is asked is not asked more often for
// that.
func TestPauseUntilAnEngineListens(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "engine.sock")
	e, err := engine.New(engine.Options{Socket: socket, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	w := newWatch(e, "", nil, zap.NewNop())
	over := make(chan struct{})
	go func() {
		w.pause(t.Context(), time.Hour)
		close(over)
	}()
	var listener net.Listener
	deadline := time.After(patience)
	for listening := false; ; listening = !listening { // it need not have looked before the first time
		if listening {
			listener.Close()
		} else if listener, err = net.Listen("unix", socket); err != nil {
			t.Fatal(err)
		}
		select {
		case <-over:
		case <-time.After(5 * listenInterval):
			continue
		case <-deadline:
			t.Fatal("it waits on, though the Engine listens")
		}
		break
	}
	listener.Close()
	if listener, err = net.Listen("unix", socket); err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	began := time.Now()
	if w.pause(t.Context(), 3*listenInterval); time.Since(began) < 3*listenInterval {
		t.Error("an Engine that listened before is asked early")
	}
}
