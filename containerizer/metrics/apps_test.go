package metrics

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/containerd/errdefs"
	"pgregory.net/rapid"
)

// withApps are Metrics that show so many apps.
func withApps(limit int) *Metrics {
	m := New("")
	m.Ask(func() State { return State{} }, func() bool { return true })
	m.ShowApps(limit)
	return m
}

// Gauges are of the running instances, and counters go on from one instance to the next.
func TestInstancesOfAnAppAreSummed(t *testing.T) {
	m := withApps(5)
	one, two := m.TaskStarted("/shop/web", false), m.TaskStarted("/shop/web", false)
	use := Usage{
		MemoryLimit: 100, Memory: 10, MemoryPeak: 20, PIDs: 3, CPU: 2 * time.Second,
		Received: 1000, Sent: 500, Read: 4096, Written: 512, KilledForMemory: 1,
	}
	one.Used(use)
	two.Used(use)
	one.Health(Healthy)
	two.Health(Unhealthy)
	one.Probed(ProbeOK)
	two.Probed(ProbeFailed)
	want(t, m, `app_tasks{app="/shop/web"} 2`, `app_memory_bytes{app="/shop/web"} 20`, `app_memory_limit_bytes{app="/shop/web"} 200`,
		`app_memory_peak_bytes{app="/shop/web"} 40`, `app_pids{app="/shop/web"} 6`, `app_cpu_seconds_total{app="/shop/web"} 4`,
		`app_network_receive_bytes_total{app="/shop/web"} 2000`, `app_network_transmit_bytes_total{app="/shop/web"} 1000`,
		`app_io_read_bytes_total{app="/shop/web"} 8192`, `app_io_written_bytes_total{app="/shop/web"} 1024`,
		`app_oom_kills_total{app="/shop/web"} 2`, `app_starts_total{app="/shop/web"} 2`,
		`app_health_checked_tasks{app="/shop/web",health="healthy"} 1`, `app_health_checked_tasks{app="/shop/web",health="unhealthy"} 1`,
		`app_probes_total{app="/shop/web",result="ok"} 1`, `app_probes_total{app="/shop/web",result="failed"} 1`,
		`probes_total{result="ok"} 1`, `probes_total{result="failed"} 1`)
	use.CPU, use.Received = 3*time.Second, 0 // whose network cannot be read any more
	one.Used(use)
	one.Ended()
	want(t, m, `app_tasks{app="/shop/web"} 1`, `app_memory_bytes{app="/shop/web"} 10`, `app_cpu_seconds_total{app="/shop/web"} 5`,
		`app_network_receive_bytes_total{app="/shop/web"} 2000`, `app_health_checked_tasks{app="/shop/web",health="healthy"} 0`)
	two.Ended()
	three := m.TaskStarted("/shop/web", true) // that an earlier daemon has counted: to a rate, what it has used before is no use now
	three.Used(Usage{CPU: time.Hour, Memory: 5})
	three.Used(Usage{CPU: time.Hour + time.Second, Memory: 6})
	want(t, m, `app_tasks{app="/shop/web"} 1`, `app_memory_bytes{app="/shop/web"} 6`, `app_cpu_seconds_total{app="/shop/web"} 6`, `app_starts_total{app="/shop/web"} 2`)
}

// Without the flag there is nothing of apps, and all else is counted.
func TestAppsAreNotShownUnlessAsked(t *testing.T) {
	m := withApps(0)
	task := m.TaskStarted("/shop/web", false)
	task.Used(Usage{CPU: time.Second})
	task.Health(Healthy)
	task.Probed(ProbeNotCounted)
	task.Ended()
	want(t, m, `probes_total{result="not_counted"} 1`)
	if text := show(t, m); strings.Contains(text, "_app_") || strings.Contains(text, "/shop/web") {
		t.Error(text)
	}
	var none *AppTask
	none.Used(Usage{})
	none.Probed(ProbeOK)
	none.Health(Healthy)
	none.Ended()
}

// More apps than are shown go together, and one without tasks makes room.
func TestAppsBeyondTheLimit(t *testing.T) {
	m := withApps(2)
	a, b := m.TaskStarted("/a", false), m.TaskStarted("/b", false)
	m.TaskStarted("/c", false)
	m.TaskStarted("", false)
	m.TaskStarted("other", false) // a name that a task can choose, too
	want(t, m, `app_starts_total{app="/a"} 1`, `app_starts_total{app="/b"} 1`, `app_starts_total{app="other"} 3`)
	b.Ended()
	a.Ended()
	want(t, m, `app_starts_total{app="/b"} 1`, `app_tasks{app="/b"} 0`) // the last of it can still be scraped
	m.TaskStarted("/d", false)
	want(t, m, `app_starts_total{app="/a"} 1`, `app_starts_total{app="/d"} 1`, `app_starts_total{app="other"} 3`)
	m.TaskStarted("/a", false)
	want(t, m, `app_starts_total{app="/a"} 2`)
	if text := show(t, m); strings.Contains(text, `app="/b"`) {
		t.Error("an app beyond the limit is shown")
	}
}

// Whatever tasks call their apps, a scrape succeeds, has no more series than it may, and counters do not fall. A name is shown in
// printable characters and is no longer than it may be.
func TestAnyNames(t *testing.T) {
	const limit = 4
	names := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"other", "", "\xff\xfe", "/a\nb{}\"\\", strings.Repeat("ä", 80), strings.Repeat("x", 99) + "世", strings.Repeat("\x80", 200), "\u202eabc",
	}))
	rapid.Check(t, func(t *rapid.T) {
		m := withApps(limit)
		var tasks []*AppTask
		before := map[string]float64{}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			if len(tasks) > 0 && rapid.Bool().Draw(t, "end") {
				tasks[0].Ended()
				tasks = tasks[1:]
			} else {
				task := m.TaskStarted(names.Draw(t, "app"), rapid.Bool().Draw(t, "earlier"))
				task.Used(Usage{CPU: time.Duration(rapid.Int64Range(0, 1000).Draw(t, "cpu")) * time.Second})
				tasks = append(tasks, task)
			}
			families, err := m.registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			after := map[string]float64{}
			for _, f := range families {
				if f.GetName() != namespace+"_app_cpu_seconds_total" {
					continue
				}
				for _, series := range f.GetMetric() {
					label := series.GetLabel()[0].GetValue()
					after[label] = series.GetCounter().GetValue()
					if !utf8.ValidString(label) || strings.ContainsFunc(label, func(r rune) bool { return !unicode.IsPrint(r) }) || len(label) > 10*maxAppBytes {
						t.Errorf("label %q", label)
					}
				}
			}
			if len(after) > limit+1 {
				t.Errorf("%d series", len(after))
			}
			if after[others] < before[others] {
				t.Errorf("the others fell from %v to %v", before[others], after[others])
			}
			before = after
		}
	})
}

func TestAppLabel(t *testing.T) {
	for name, want := range map[string]string{
		"":                            "other",
		"/shop/web":                   "/shop/web",
		"/a\n\"b\"\\\x1b[2J\xff":      `/a\n\"b\"\\\x1b[2J\xff`,
		"/grün":                       "/grün",
		strings.Repeat("x", 101):      strings.Repeat("x", 100) + "…",
		strings.Repeat("x", 99) + "世": strings.Repeat("x", 99) + "…",
		strings.Repeat("x", 100):      strings.Repeat("x", 100),
	} {
		if got := appLabel(name); got != want {
			t.Errorf("%q is shown as %q, want %q", name, got, want)
		}
	}
}

// Whether the daemon answers and whether tasks can start are two things.
func TestLiveAndReady(t *testing.T) {
	m := New("")
	mux := http.NewServeMux()
	m.HandleAdmin(mux)
	ask := func(path string) string {
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		return fmt.Sprint(answer.Code, " ", strings.TrimSpace(answer.Body.String()))
	}
	recovered := false
	for _, step := range []struct {
		change func()
		ready  string
	}{
		{func() {}, "503 the Docker Engine does not answer"},
		{func() { m.EngineCall("ping", time.Second, nil) }, "503 the containers of the last daemon are not known yet"},
		{func() { m.Ask(func() State { return State{} }, func() bool { return recovered }) }, "503 the containers of the last daemon are not known yet"},
		{func() { recovered = true }, "200 ok"},
		{func() { m.EngineCall("ping", time.Second, errdefs.ErrUnavailable) }, "503 the Docker Engine does not answer"},
	} {
		step.change()
		if got := ask("/readyz"); got != step.ready {
			t.Errorf("ready: %s, want %s", got, step.ready)
		}
		if got := ask("/healthz"); got != "200 ok" {
			t.Errorf("live: %s", got)
		}
	}
}
