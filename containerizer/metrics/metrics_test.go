package metrics

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/image"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "rewrite the table of docs/metrics.md")

// experienced are the Metrics of a daemon that has seen everything once: those with open labels show nothing before.
func experienced() *Metrics {
	m := New("1.2.3")
	m.Ask(func() State { return State{Tasks: map[TaskState]int{TaskRunning: 3}, DiskSize: 1} }, func() bool { return true })
	m.ShowApps(1)
	m.TaskStarted("/app", false).Health(Healthy)
	m.EngineCall("create container", time.Second, errdefs.ErrConflict)
	return m
}

func TestNamesAreInPrometheusWay(t *testing.T) {
	families, err := experienced().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, namespace) {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	for _, f := range families {
		name := f.GetName()
		if !strings.HasPrefix(name, namespace+"_") && !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			t.Errorf("%s is neither ours nor one of every program", name)
		}
	}
}

// TestDocumentation holds the table of docs/metrics.md equal to the metrics, and has every value of a label explained there.
func TestDocumentation(t *testing.T) {
	const path, begin, end = "../../docs/metrics.md", "<!-- metrics -->\n", "<!-- /metrics -->\n"
	var table strings.Builder
	table.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	families, err := experienced().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		name, ours := strings.CutPrefix(f.GetName(), namespace+"_")
		if !ours {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp())
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(content), begin)
	old, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s lacks the lines that enclose the table", path)
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+table.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(table.String(), old); diff != "" {
		t.Errorf("%s is not up to date; run `go test ./containerizer/metrics -update` (-want +got):\n%s", path, diff)
	}
	for _, value := range labelValues() {
		if !strings.Contains(after, "`"+value+"`") {
			t.Errorf("%s does not explain the value %s of a label", path, value)
		}
	}
}

// labelValues are those that docs/metrics.md explains itself. Kinds of failed pulls are explained in docs/images.md.
func labelValues() []string {
	values := []string{pullOK.name, pullCancelled.name, "task", "host", "none"}
	for _, o := range launchOutcomes {
		values = append(values, string(o))
	}
	for _, e := range taskEnds {
		values = append(values, string(e))
	}
	for _, s := range taskStates {
		values = append(values, string(s))
	}
	for _, h := range healths {
		values = append(values, string(h))
	}
	for _, r := range probeResults {
		values = append(values, string(r))
	}
	for _, k := range engineKinds {
		values = append(values, k.name)
	}
	return values
}

var engineKinds = []struct {
	err  error
	name string
	up   bool // from false
}{
	{errdefs.ErrUnavailable, "unavailable", false},
	{errdefs.ErrAborted, "cancelled", false},
	{fmt.Errorf("given up: %w", context.Canceled), "cancelled", false},
	{errdefs.ErrNotFound, "not_found", true},
	{errdefs.ErrConflict, "conflict", true},
	{errdefs.ErrInvalidArgument, "invalid", true},
	{errdefs.ErrUnauthenticated, "denied", true},
	{errdefs.ErrPermissionDenied, "denied", true},
	{errdefs.ErrResourceExhausted, "rate_limited", true},
	{errdefs.ErrNotImplemented, "not_implemented", true},
	{errdefs.ErrInternal, "internal", true},
	{errors.New("words"), "internal", true},
}

func TestCallsOfTheEngine(t *testing.T) {
	for _, k := range engineKinds {
		m := New("")
		m.EngineCall("signal container", 20*time.Millisecond, k.err)
		want(t, m, `engine_call_errors_total{call="signal_container",kind="`+k.name+`"} 1`,
			`engine_call_duration_seconds_bucket{call="signal_container",le="0.01"} 0`,
			`engine_call_duration_seconds_bucket{call="signal_container",le="0.025"} 1`, fmt.Sprintf(`engine_up %d`, toInt(k.up)))
	}
	m := New("")
	m.EngineCall("ping", time.Millisecond, nil)
	m.EngineCall(engine.PullImage, time.Hour, nil)
	m.EngineCall(engine.AskRegistry, 9*time.Second, nil)
	m.EngineCall(engine.AwaitExit, time.Hour, nil)
	want(t, m, `engine_up 1`, `engine_call_duration_seconds_count{call="ping"} 1`)
	if text := show(t, m); strings.Count(text, "engine_call_duration_seconds_count{") != 1 || strings.Contains(text, "engine_call_errors_total{") {
		t.Error("a pull is no call that the Engine could be slow at, nor is a container's life, and what went well no error")
	}
	m.EngineCall("ping", time.Millisecond, errdefs.ErrAborted)
	want(t, m, `engine_up 1`)
	m.EngineCall(engine.AskRegistry, 10*time.Second, errors.Join(errdefs.ErrUnavailable, context.DeadlineExceeded))
	want(t, m, `engine_up 1`, `engine_call_errors_total{call="ask_the_registry_for_image",kind="unavailable"} 1`)
	m.EngineCall(engine.AskRegistry, time.Millisecond, errdefs.ErrUnavailable)
	want(t, m, `engine_up 0`)
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Every kind of failure has its series before it happens, counts in that alone, and is explained.
func TestKindsOfFailedPulls(t *testing.T) {
	page, err := os.ReadFile("../../docs/images.md")
	if err != nil {
		t.Fatal(err)
	}
	kinds := image.Kinds()
	if len(kinds) == 0 {
		t.Fatal("there are no kinds")
	}
	for _, kind := range kinds {
		m := New("")
		fault := map[image.Fault]string{image.User: "task", image.Platform: "host"}[kind.Fault()]
		series := fmt.Sprintf(`pulls_total{fault=%q,outcome=%q}`, fault, kind)
		want(t, m, series+" 0")
		m.PullEnded(fmt.Errorf("task: %w", &image.Error{Kind: kind, Err: errors.New("words")}), time.Second)
		want(t, m, series+" 1", `pull_duration_seconds_count 0`)
		if n := strings.Count(show(t, m), "\n"+namespace+"_pulls_total{"); n != len(kinds)+2 {
			t.Errorf("%d series of pulls, want one for each of %d kinds, ok and cancelled", n, len(kinds))
		}
		if strings.HasPrefix(kind.String(), "kind_") || !strings.Contains(string(page), fmt.Sprintf("| `%s` | the %s's |", kind, fault)) {
			t.Errorf("docs/images.md does not explain %s", kind)
		}
	}
}

func TestPulls(t *testing.T) {
	m := New("")
	m.PullEnded(nil, 3*time.Second)
	m.PullEnded(context.Canceled, time.Second)
	m.Downloaded(700)
	m.Downloaded(300)
	m.PullRetried()
	m.PullJoined()
	m.CachedImageUsed()
	m.ImageRemoved(5000)
	want(t, m, `pulls_total{fault="none",outcome="ok"} 1`, `pulls_total{fault="none",outcome="cancelled"} 1`,
		`pull_duration_seconds_count 1`, `pull_duration_seconds_sum 3`, `pulled_bytes_total 1000`, `pull_retries_total 1`,
		`pull_joins_total 1`, `pull_fallbacks_total 1`, `images_removed_total 1`, `images_removed_bytes_total 5000`)
}

// The time of a launch counts only where it is known, and for a launch that came to something.
func TestLaunches(t *testing.T) {
	m := New("")
	m.LaunchEnded(LaunchStarted, 2*time.Second)
	m.LaunchEnded(LaunchStarted, 0)
	m.LaunchEnded(LaunchHostFault, time.Minute)
	want(t, m, `launches_total{outcome="started"} 2`, `launches_total{outcome="host_fault"} 1`, `launches_total{outcome="killed"} 0`,
		`launch_duration_seconds_count 1`, `launch_duration_seconds_sum 2`)
}

// Two Metrics share nothing, and what is so at the moment is asked for each time.
func TestState(t *testing.T) {
	m, other := New("1.2.3"), New("")
	if strings.Contains(show(t, m), "executors_attached") {
		t.Error("there is a state before anybody was asked")
	}
	executors := 0
	m.Ask(func() State {
		executors++
		return State{Executors: executors, Tasks: map[TaskState]int{TaskPulling: 2}, PullsRunning: 4, PullsWaiting: 5}
	}, func() bool { return true })
	want(t, m, `executors_attached 1`, `tasks{state="pulling"} 2`, `tasks{state="running"} 0`, `pulls_running 4`, `pulls_waiting 5`)
	if text := show(t, m); !strings.Contains(text, "executors_attached 2") || !strings.Contains(text, `version="1.2.3"} 1`) ||
		!strings.Contains(text, "\ngo_goroutines ") || !strings.Contains(text, "\nprocess_resident_memory_bytes ") {
		t.Error(text)
	}
	m.OrphanStopped()
	m.OutputLost()
	m.TaskKilledForHealth()
	want(t, other, `orphans_stopped_total 0`, `output_losses_total 0`, `health_kills_total 0`)
	want(t, m, `orphans_stopped_total 1`, `output_losses_total 1`, `health_kills_total 1`)
}

func show(t *testing.T, m *Metrics) string {
	t.Helper()
	mux := http.NewServeMux()
	m.HandleAdmin(mux)
	server := httptest.NewServer(mux)
	defer server.Close()
	answer, err := server.Client().Get(server.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", answer.Status, err)
	}
	return string(text)
}

// want fails the test unless the lines are shown.
func want(t *testing.T, m *Metrics, lines ...string) {
	t.Helper()
	shown := slices.Collect(strings.Lines(show(t, m)))
	for _, line := range lines {
		if !slices.Contains(shown, namespace+"_"+line+"\n") {
			t.Errorf("%s is not shown, but %q", line, slices.DeleteFunc(slices.Clone(shown), func(s string) bool { return !strings.HasPrefix(s, namespace) }))
		}
	}
}
