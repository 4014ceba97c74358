package containerizer

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	puller "mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

// figures returns every series that the metrics show at the moment, without the prefix of their names.
func (h *host) figures() map[string]float64 {
	h.t.Helper()
	mux := http.NewServeMux()
	h.server.options.Metrics.HandleAdmin(mux)
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	all := map[string]float64{}
	for line := range strings.Lines(answer.Body.String()) {
		name, ours := strings.CutPrefix(strings.TrimSpace(line), "mesos_docker_containerizer_")
		space := strings.LastIndexByte(name, ' ')
		if !ours || space < 0 {
			continue
		}
		value, err := strconv.ParseFloat(name[space+1:], 64)
		if err != nil {
			h.t.Fatalf("%q: %v", line, err)
		}
		all[name[:space]] = value
	}
	return all
}

// awaitFigures waits until the metrics show the values.
func (h *host) awaitFigures(want map[string]float64) {
	h.t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for {
		all := h.figures()
		got := map[string]float64{}
		for name := range want {
			if value, shown := all[name]; shown {
				got[name] = value
			}
		}
		if maps.Equal(got, want) {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			h.t.Fatalf("metrics (-want +got):\n%s", cmp.Diff(want, got))
		}
	}
}

func TestFiguresOfATask(t *testing.T) {
	h := newHost(t)
	before := h.figures()
	e := h.newExecutor()
	h.awaitFigures(map[string]float64{`executors_attached`: 1, `tasks{state="awaited"}`: 1, `tasks{state="running"}`: 0})
	e.launch(dockerTask(t, environment.Busybox(t), `sleep 1000`))
	e.awaitRunning()
	h.awaitFigures(map[string]float64{
		`executors_attached`: 1, `tasks{state="awaited"}`: 0, `tasks{state="running"}`: 1,
		`launches_total{outcome="started"}`: 1, `launch_duration_seconds_count`: 1,
		`engine_up`: 1, `engine_call_duration_seconds_count{call="create_container"}`: 1,
		`engine_call_duration_seconds_count{call="start_container"}`: 1,
		`containers_removed_total`:                                   0,
	})
	if took := h.figures()["launch_duration_seconds_sum"]; took <= 0 || took > patience.Seconds() {
		t.Errorf("a launch of %v s", took)
	}
	h.restart() // the figures of a launch are not counted twice
	e.reconnect(h.socket)
	e.awaitRunning()
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
	e.awaitExit()
	h.awaitFigures(map[string]float64{`tasks{state="ended"}`: 1, `tasks{state="running"}`: 0, `task_ends_total{how="killed"}`: 1})
	e.conn.Close()
	h.awaitFigures(map[string]float64{`executors_attached`: 0})
	e.reconnect(h.socket)
	e.awaitExit()
	e.done()
	h.awaitNoContainers()
	h.awaitFigures(map[string]float64{
		`containers_removed_total`: 1, `tasks{state="ended"}`: 0, `orphans_stopped_total`: 0,
		`launches_total{outcome="started"}`: 1, `launch_duration_seconds_count`: 1, `task_ends_total{how="killed"}`: 1,
	})
	for _, name := range slices.Sorted(maps.Keys(h.figures())) {
		if strings.Contains(name, t.Name()) || strings.Contains(name, "SIGKILL") || strings.Contains(name, "busybox") {
			t.Errorf("series %s names what it must not", name)
		}
	}
	if before[`launches_total{outcome="started"}`] != 0 || !hasKey(before, `launches_total{outcome="host_fault"}`) {
		t.Error("series do not begin at 0")
	}
}

func hasKey(m map[string]float64, key string) bool {
	_, found := m[key]
	return found
}

func TestFiguresOfEnds(t *testing.T) {
	for how, line := range map[string]string{"finished": "true", "failed": "exit 5", "oom": "tail /dev/zero"} {
		t.Run(how, func(t *testing.T) {
			h := newHost(t)
			e := h.newExecutor()
			task := dockerTask(t, environment.Busybox(t), line)
			task.Container.Docker.Parameters = []mesos.Parameter{{Key: "memory-swap", Value: "32m"}}
			e.launch(task)
			e.awaitExit()
			h.awaitFigures(map[string]float64{`task_ends_total{how="` + how + `"}`: 1})
			e.done()
			h.awaitNoContainers()
		})
	}
}

// A container that vanishes while the daemon is away leaves an end that nobody knows, and is no launch.
func TestFiguresOfAnUnknownEnd(t *testing.T) {
	h := newHost(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), `sleep 1000`))
	e.awaitRunning()
	h.stop()
	if err := h.options.Engine.Remove(t.Context(), e.state.ContainerID); err != nil {
		t.Fatal(err)
	}
	h.start()
	e.reconnect(h.socket)
	e.awaitExit()
	h.awaitFigures(map[string]float64{
		`task_ends_total{how="unknown"}`: 1, `launches_total{outcome="host_fault"}`: 0, `launches_total{outcome="started"}`: 1,
	})
	e.done()
}

func TestFiguresOfFailedLaunches(t *testing.T) {
	for _, tt := range []struct {
		outcome string
		change  func(t *testing.T) func(*Options)
		others  map[string]float64
	}{
		{"host_fault", func(*testing.T) func(*Options) { return func(o *Options) { o.Refusal = "not here" } }, nil},
		{"task_fault", func(t *testing.T) func(*Options) {
			return withPuller(t, puller.Options{Policy: puller.PolicyNever})
		}, map[string]float64{`pulls_total{fault="task",outcome="not_pulled"}`: 1, `pull_duration_seconds_count`: 0}},
	} {
		t.Run(tt.outcome, func(t *testing.T) {
			h := newHost(t, tt.change(t))
			e := h.newExecutor()
			e.launch(dockerTask(t, "registry.invalid/absent:v1", "true"))
			e.awaitExit()
			want := map[string]float64{`launches_total{outcome="` + tt.outcome + `"}`: 1, `launches_total{outcome="started"}`: 0}
			maps.Copy(want, tt.others)
			h.awaitFigures(want)
			e.done()
		})
	}
}

func TestFiguresOfPulls(t *testing.T) {
	h := newHost(t, withPuller(t, puller.Options{MaxConcurrent: 1}))
	silent := silentRegistry(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, silent+"/app:1", "true"))
	h.awaitFigures(map[string]float64{`pulls_running`: 1, `pulls_waiting`: 0, `tasks{state="pulling"}`: 1})
	others := []*process{
		h.newProcess(dockerTask(t, silent+"/other:1", "true"), 0),
		h.newProcess(dockerTask(t, silent+"/other:1", "true"), 0),
	}
	h.awaitFigures(map[string]float64{
		`pulls_running`: 1, `pulls_waiting`: 1, `pull_joins_total`: 1, `tasks{state="pulling"}`: 3, `executors_attached`: 3,
	})
	for _, p := range others {
		p.kill()
	}
	h.awaitFigures(map[string]float64{`pulls_waiting`: 0, `launches_total{outcome="executor_gone"}`: 2})
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
	e.awaitExit()
	h.awaitFigures(map[string]float64{
		`pulls_running`: 0, `launches_total{outcome="killed"}`: 1, `pulls_total{fault="none",outcome="cancelled"}`: 2,
		`task_ends_total{how="killed"}`: 0, `engine_up`: 1,
	})
	e.done()
}

func TestFiguresOfACachedImage(t *testing.T) {
	h := newHost(t, withPuller(t, puller.Options{Policy: puller.PolicyAlways, Fallback: puller.FallbackCached}))
	e := h.newExecutor()
	e.launch(dockerTask(t, h.presentImage(), "true"))
	e.awaitExit()
	h.awaitFigures(map[string]float64{`pull_fallbacks_total`: 1, `pulls_total{fault="host",outcome="rate_limited"}`: 1})
	e.done()
	h.awaitNoContainers()
}

// A container whose executor dies is stopped, by its session or, where that was with an earlier daemon, by the recovery.
func TestFiguresOfOrphans(t *testing.T) {
	h := newHost(t)
	task := dockerTask(t, environment.Busybox(t), `sleep 1000`)
	p := h.newProcess(task, 200*time.Millisecond)
	p.awaitRunning(t)
	p.kill()
	h.awaitFigures(map[string]float64{`orphans_stopped_total`: 1, `containers_removed_total`: 1})
	p = h.newProcess(task, 200*time.Millisecond)
	p.awaitRunning(t)
	h.stop()
	p.kill()
	h.start()
	h.awaitFigures(map[string]float64{`orphans_stopped_total`: 2, `containers_removed_total`: 2})
	h.awaitNoContainers()
}

func TestFiguresOfAnEngineThatIsAway(t *testing.T) {
	h, p := newFailingHost(t)
	h.awaitFigures(map[string]float64{`engine_up`: 1})
	p.Away()
	h.awaitFigures(map[string]float64{`engine_up`: 0})
	h.awaitMore(map[string]float64{`engine_call_errors_total{call="watch_events_of_containers_with_label",kind="unavailable"}`: 1})
	p.Back()
	h.awaitFigures(map[string]float64{`engine_up`: 1})
}
