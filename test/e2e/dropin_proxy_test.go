package e2e

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

// behindProxy has the daemon see the Engine through a proxy that fails as told.
func (h *host) behindProxy(t *testing.T, faults func(*fakeengine.Proxy)) *fakeengine.Proxy {
	t.Helper()
	proxy := fakeengine.New(t, environment.Socket(t))
	faults(proxy)
	logger := h.daemon.Logger
	e, err := engine.New(engine.Options{Socket: proxy.Socket, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	images, err := image.New(image.Options{Engine: e, InactivityTimeout: time.Minute, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	before := h.daemon
	h.stopDaemon(t)
	h.daemon.Engine, h.daemon.Images = e, images
	h.start(t)
	t.Cleanup(func() { // the machine clears up with an Engine that answers
		h.stopDaemon(t)
		h.daemon = before
		h.start(t)
		e.Close()
	})
	return proxy
}

// patientRegistry is a silentRegistry that knows how many connections it has.
func patientRegistry(t *testing.T) (address string, connections func() int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open atomic.Int64
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Add(1)
			serving.Go(func() {
				io.Copy(io.Discard, conn)
				conn.Close()
				open.Add(-1)
			})
		}
	})
	t.Cleanup(func() { listener.Close(); serving.Wait() })
	return listener.Addr().String(), func() int { return int(open.Load()) }
}
