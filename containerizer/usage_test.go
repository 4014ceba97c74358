package containerizer

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/cgroup"
	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/metrics"
	"mesos-docker-containerizer/containerizer/pidfd"
	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

// withTasks is a server with running tasks whose control groups are files of the test's, in the layout of a version, and whose
// metrics name so many apps.
func withTasks(t testing.TB, version, tasks, apps int) *Server {
	t.Helper()
	root := t.TempDir()
	figures := metrics.New("")
	figures.ShowApps(apps)
	images, err := image.New(image.Options{InactivityTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{options: Options{Metrics: figures, Images: images}, sessions: map[string]*session{}, named: map[string]*session{}}
	figures.Ask(s.state, func() bool { return true })
	self, err := wire.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	process, err := pidfd.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { process.Close() })
	for i := range tasks {
		id := fmt.Sprintf("%064x", i)
		group, err := cgroup.Find(madeUp(t, root, version, id), mountsOf(root, version), id)
		if err != nil {
			t.Fatal(err)
		}
		session := &session{server: s, container: container.New(container.Options{Losses: func() int { return 0 }})}
		session.at.record = record.Record{
			Task: "group_app." + id, App: fmt.Sprintf("/group/app-%d", i), Container: id, Asked: record.Asked{Image: "registry.example/app:1"},
		}
		session.at.facts = facts{ports: []string{"31000->80/tcp"}, started: time.Now()}
		for at, state := range []record.State{record.Launched, record.Preparing, record.Pulling, record.Creating, record.Starting, record.Running} {
			session.at.record.Enter(record.Step{State: state, At: time.Unix(int64(at), 0)})
		}
		session.memory.setGroup(group, &firstProcess{process, os.Getpid()})
		session.startUsage()
		s.sessions[id], s.named[id] = session, session
	}
	return s
}

// scraped serves the metrics of a server.
func scraped(s *Server) http.Handler {
	mux := http.NewServeMux()
	s.options.Metrics.HandleAdmin(mux)
	return mux
}

// controllers are the directories of version 1 with their files.
var controllers = map[string]map[string]string{
	"memory": {"memory.limit_in_bytes": "33554432\n", "memory.usage_in_bytes": "4096\n", "memory.max_usage_in_bytes": "8192\n",
		"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n"},
	"cpuacct": {"cpuacct.usage": "1000000000\n"},
	"pids":    {"pids.current": "2\n"},
	"blkio":   {"blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\n8:0 Write 512\n8:0 Total 4608\nTotal 4608\n"},
}

// unified are the files of version 2.
var unified = map[string]string{
	"memory.max": "33554432\n", "memory.current": "4096\n", "memory.peak": "8192\n", "memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n",
	"cpu.stat": "usage_usec 1000000\nuser_usec 1\nsystem_usec 1\n", "pids.current": "2\n", "io.stat": "8:0 rbytes=4096 wbytes=512 rios=1 wios=1\n",
}

// madeUp writes the control groups of a container and returns the text of its process's cgroup file.
func madeUp(t testing.TB, root string, version int, id string) (membership string) {
	t.Helper()
	groups := controllers
	if version == 2 {
		groups = map[string]map[string]string{"": unified}
	}
	for controller, files := range groups {
		directory := filepath.Join(root, controller, "docker", id)
		if err := os.MkdirAll(directory, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		membership += "1:" + controller + ":/docker/" + id + "\n"
	}
	return membership
}

func mountsOf(root string, version int) (mounts []*mountinfo.Info) {
	if version == 2 {
		return []*mountinfo.Info{{FSType: "cgroup2", Root: "/", Mountpoint: root}}
	}
	for controller := range controllers {
		mounts = append(mounts, &mountinfo.Info{FSType: "cgroup", Root: "/", Mountpoint: filepath.Join(root, controller), VFSOptions: controller})
	}
	return mounts
}

// processorTime is what this process has used of the processors. Unlike the time that passes it does not depend on what else runs.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func scrape(t testing.TB, from http.Handler) (text string, took time.Duration) {
	t.Helper()
	answer := httptest.NewRecorder()
	began := processorTime(t)
	from.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	took = processorTime(t) - began
	if answer.Code != http.StatusOK {
		t.Fatalf("%d %s", answer.Code, answer.Body)
	}
	return answer.Body.String(), took
}

// bareReading returns the processor time of reading the files that a scrape of the server reads, the cheapest of some.
func bareReading(t *testing.T, s *Server) (least time.Duration) {
	t.Helper()
	least = time.Hour
	for range 20 {
		began := processorTime(t)
		for _, session := range s.sessions {
			if _, err := session.memory.group.Usage(); err != nil {
				t.Fatal(err)
			}
		}
		least = min(least, processorTime(t)-began)
	}
	return least
}

// A scrape and a view of a host with 300 tasks are cheap, and a scrape is bounded however many apps there are. The cheapest of some
// counts, for the garbage collector works for what was before, too. On a machine that is slow for others' work a multiple of the reading is allowed.
func TestScrapeOfManyTasks(t *testing.T) {
	const tasks, apps, limit = 300, 200, 50 * time.Millisecond
	for version := 1; version <= 2; version++ {
		s := withTasks(t, version, tasks, apps)
		from := scraped(s)
		text, least := scrape(t, from)
		for range 20 {
			_, took := scrape(t, from)
			least = min(least, took)
		}
		if n := strings.Count(text, "\nmesos_docker_containerizer_app_cpu_seconds_total{"); n != apps+1 {
			t.Errorf("version %d: %d series", version, n)
		}
		for _, line := range []string{
			`app_tasks{app="other"} 100`, `app_cpu_seconds_total{app="other"} 100`, `app_memory_limit_bytes{app="other"} 3.3554432e+09`,
			`app_pids{app="other"} 200`, `app_io_read_bytes_total{app="other"} 409600`, `app_io_written_bytes_total{app="other"} 51200`, `tasks{state="running"} 300`,
		} {
			if !strings.Contains(text, "\nmesos_docker_containerizer_"+line+"\n") {
				t.Errorf("version %d: %s is not shown", version, line)
			}
		}
		view := viewMany(t, s)
		bare := bareReading(t, s)
		t.Logf("version %d: a scrape takes %v, a view %v, the files %v", version, least, view, bare)
		if max(least, view) > max(limit, 3*bare) && !raceEnabled { // the detector makes it slow
			t.Errorf("version %d: a scrape takes %v of a processor, a view %v", version, least, view)
		}
	}
}

func BenchmarkScrapeOf300Tasks(b *testing.B) {
	for version := 1; version <= 2; version++ {
		b.Run(fmt.Sprint("cgroup-v", version), func(b *testing.B) {
			from := scraped(withTasks(b, version, 300, 200))
			var used time.Duration
			for b.Loop() {
				_, took := scrape(b, from)
				used += took
			}
			b.ReportMetric(float64(used.Microseconds())/1000/float64(b.N), "processor-ms/op")
		})
	}
}

// TestFiguresOfApps looks at what two instances of an app with a network of their own use, and one that has the host's, under a
// name that is none.
func TestFiguresOfApps(t *testing.T) {
	h := newHost(t, func(o *Options) { o.Metrics.ShowApps(5) })
	var all []*executor
	launch := func(app, id string, network mesos.ContainerInfo_DockerInfo_Network) *executor {
		e := h.newExecutor(func(a *wire.Attach) { a.Executor += id })
		all = append(all, e)
		task := dockerTask(t, environment.Busybox(t), "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; ping -c1 -w1 192.0.2.1; sleep 1000")
		task.TaskID.Value += id
		task.Container.Docker.Network = &network
		task.Command.Environment = &mesos.Environment{Variables: []mesos.Environment_Variable{{Name: "MARATHON_APP_ID", Value: &app}}}
		e.launch(task)
		e.awaitRunning()
		return e
	}
	const bridge, hostNetwork = mesos.ContainerInfo_DockerInfo_BRIDGE, mesos.ContainerInfo_DockerInfo_HOST
	web := launch("/shop/web", "1", bridge)
	launch("/shop/web", "2", bridge)
	launch("/bad\"\n", "3", hostNetwork)
	const bad = `{app="/bad\\\"\\n"}` // escaped by us, and then by the format
	h.awaitFigures(map[string]float64{
		`app_tasks{app="/shop/web"}`: 2, `app_starts_total{app="/shop/web"}`: 2, `app_memory_limit_bytes{app="/shop/web"}`: 64 << 20,
		`app_tasks` + bad: 1, `app_network_transmit_bytes_total` + bad: 0,
	})
	used := h.awaitMore(map[string]float64{
		`app_cpu_seconds_total{app="/shop/web"}`: .01, `app_memory_bytes{app="/shop/web"}`: 1000, `app_memory_peak_bytes{app="/shop/web"}`: 1000,
		`app_pids{app="/shop/web"}`: 2, `app_network_transmit_bytes_total{app="/shop/web"}`: 40, `app_cpu_seconds_total` + bad: .005,
	})
	web.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now(), Unhealthy: true}})
	web.awaitExit()
	h.awaitFigures(map[string]float64{`app_tasks{app="/shop/web"}`: 1, `app_starts_total{app="/shop/web"}`: 2, `health_kills_total`: 1})
	h.awaitMore(map[string]float64{`app_cpu_seconds_total{app="/shop/web"}`: used[`app_cpu_seconds_total{app="/shop/web"}`]})
	if free, size := h.figures()["disk_free_bytes"], h.figures()["disk_size_bytes"]; free <= 0 || size < free {
		t.Errorf("%v of %v bytes of the disk are free", free, size)
	}
	for _, e := range all {
		if e != web {
			e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
			e.awaitExit()
		}
		e.done()
	}
	h.awaitNoContainers()
}

// awaitMore waits until the metrics show at least the values, and returns what they show.
func (h *host) awaitMore(least map[string]float64) map[string]float64 {
	h.t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for {
		all, short := h.figures(), ""
		for name, value := range least {
			if all[name] < value {
				short += fmt.Sprintf("%s %v, want %v; ", name, all[name], value)
			}
		}
		if short == "" {
			return all
		}
		select {
		case <-ticker.C:
		case <-deadline:
			h.t.Fatal(short)
		}
	}
}
