package health

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
)

// freePort returns an address on the host's loopback at which nobody listens.
func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

func userNetwork(t *testing.T) string {
	t.Helper()
	api, name := environment.Engine(t), "mdc-health-"+strings.ToLower(rand.Text()[:12])
	if _, err := api.NetworkCreate(t.Context(), name, network.CreateOptions{Labels: map[string]string{testimage.Label: "1"}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := api.NetworkRemove(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	return name
}

func TestTCP(t *testing.T) {
	target := serve(t, nil, TCPSpec{Port: 80}, "-http", ":80")
	probe := func(target Target, port uint32) Result {
		return newProber(Spec{Kind: TCP, Timeout: patience, TCP: TCPSpec{Port: port}}, target).probe(t.Context())
	}
	if got := probe(target, 80); !got.Ran || !got.Succeeded || got.Message != "TCP connection to 127.0.0.1:80 was accepted" {
		t.Errorf("%+v", got)
	}
	if got := probe(target, 81); !got.Ran || got.Succeeded || got.Message != "TCP connection to 127.0.0.1:81: connection refused" {
		t.Errorf("%+v", got)
	}
	// What listens on the host is out of reach, whatever is said about the container's process.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := uint32(l.Addr().(*net.TCPAddr).Port)
	for what, c := range map[string]struct {
		target Target
		ran    bool
		says   string
	}{
		"of the container":    {target, true, "connection refused"},
		"pid unknown":         {Target{ContainerID: target.ContainerID}, false, "pid of the container is not known"},
		"container unknown":   {Target{PID: target.PID}, false, "pid of the container is not known"},
		"another's pid":       {Target{ContainerID: target.ContainerID, PID: os.Getpid()}, false, "not in a cgroup of container"},
		"pid of no process":   {Target{ContainerID: target.ContainerID, PID: 1 << 22}, false, "is gone"},
		"another's container": {Target{ContainerID: strings.Repeat("0", 64), PID: target.PID}, false, "not in a cgroup of container"},
	} {
		if got := probe(c.target, port); got.Succeeded || got.Ran != c.ran || !strings.Contains(got.Message, c.says) {
			t.Errorf("%s: %+v", what, got)
		}
	}
	if got := probe(target, 65536); got.Ran || got.Succeeded {
		t.Errorf("%+v", got)
	}
}

// A paused container accepts connections, since the kernel does that for it, but answers nothing.
func TestPaused(t *testing.T) {
	target := serve(t, nil, TCPSpec{Port: 80}, "-http", ":80")
	api := environment.Engine(t)
	if err := api.ContainerPause(t.Context(), target.ContainerID); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := api.ContainerUnpause(context.Background(), target.ContainerID); err != nil {
			t.Error(err)
		}
	})
	ask := get(80, "/status/200")
	ask.Timeout = 200 * time.Millisecond
	if got := newProber(ask, target).probe(t.Context()); got.Ran || !strings.Contains(got.Message, "timed out after 200ms") {
		t.Errorf("%+v", got)
	}
	ask.HTTP.Scheme = schemeHTTPS
	if got := newProber(ask, target).probe(t.Context()); got.Ran || !strings.Contains(got.Message, "timed out after 200ms") {
		t.Errorf("in the handshake: %+v", got)
	}
	if got := newProber(script("true", patience), target).probe(t.Context()); got.Ran || got.Succeeded || !strings.Contains(got.Message, "paused") {
		t.Errorf("%+v", got)
	}
}

// Nothing listens, and the socket gets the very port that it is to connect to.
func TestConnectionToItself(t *testing.T) {
	address := freePort(t)
	own, err := os.Open("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	fd, err := socketIn(own, unix.AF_INET)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	bind(t, fd, address)
	if err := connect(t.Context(), fd, sockaddr(address)); err == nil || err.Error() != "connection refused" {
		t.Errorf("%v", err)
	}
}

// No thread stays in a container's network, and threads do not pile up.
func TestThreadsComeBack(t *testing.T) {
	target := serve(t, nil, TCPSpec{Port: 80}, "-http", ":80")
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan Result)
	const probes = 200
	for range probes {
		go func() {
			done <- newProber(Spec{Kind: TCP, Timeout: patience, TCP: TCPSpec{Port: 80}}, target).probe(t.Context())
		}()
	}
	for range probes {
		if got := <-done; !got.Succeeded {
			t.Errorf("%+v", got)
		}
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		if is, err := os.Readlink("/proc/self/task/" + thread.Name() + "/ns/net"); err == nil && is != own {
			t.Errorf("thread %s is in %s, not in %s", thread.Name(), is, own)
		}
	}
	if most := 40 + 4*runtime.GOMAXPROCS(0); len(threads) > most {
		t.Errorf("%d threads after %d probes", len(threads), probes)
	}
}

func BenchmarkTCP(b *testing.B)  { benchmark(b, Spec{Kind: TCP, TCP: TCPSpec{Port: 80}}) }
func BenchmarkHTTP(b *testing.B) { benchmark(b, get(80, "/status/200")) }

// BenchmarkCommand is the Engine's cost, for comparison.
func BenchmarkCommand(b *testing.B) { benchmark(b, script("true", patience)) }

// BenchmarkHundredChecks runs a hundred HTTP checks once a second. An operation is a second.
func BenchmarkHundredChecks(b *testing.B) {
	target := serve(b, &container.HostConfig{}, TCPSpec{Port: 80}, "-http", ":80")
	spec := get(80, "/status/200")
	spec.Interval = time.Second
	ctx, cancel := context.WithCancel(b.Context())
	var checks sync.WaitGroup
	var succeeded atomic.Int64
	began := cpuTime(b)
	for range 100 {
		checks.Go(func() {
			Run(ctx, spec, target, time.Now().Add(-time.Hour), func(r Result) {
				if r.Succeeded {
					succeeded.Add(1)
				}
			})
		})
	}
	most := 0
	tick := time.Tick(time.Second)
	for b.Loop() {
		<-tick
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			b.Fatal(err)
		}
		most = max(most, len(threads))
	}
	cancel()
	checks.Wait()
	b.ReportMetric(float64((cpuTime(b)-began).Microseconds())/1000/float64(b.N), "cpu-ms/s")
	b.ReportMetric(float64(succeeded.Load())/float64(b.N), "successes/s")
	b.ReportMetric(float64(most), "threads")
}

func benchmark(b *testing.B, spec Spec) {
	target := serve(b, &container.HostConfig{}, TCPSpec{Port: 80}, "-http", ":80")
	p := newProber(spec, target)
	began := cpuTime(b)
	b.ReportAllocs()
	for b.Loop() {
		if got := p.probe(b.Context()); !got.Succeeded {
			b.Fatalf("%+v", got)
		}
	}
	b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N), "cpu-ns/op")
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(threads)), "threads")
}
