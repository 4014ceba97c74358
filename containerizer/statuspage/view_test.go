package statuspage

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/containerizer/cgroup"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/record"
)

func TestLaunch(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	step := func(state record.State, after time.Duration) record.Step {
		return record.Step{State: state, At: began.Add(after)}
	}
	for name, tt := range map[string]struct {
		steps []record.Step
		now   time.Duration
		want  launch
	}{
		"none":                          {},
		"found running by a new daemon": {steps: []record.Step{step(record.Running, 0)}, now: time.Hour},
		"over": {
			steps: []record.Step{step(record.Launched, 0), step(record.Creating, time.Second), step(record.Starting, 3*time.Second), step(record.Running, 4*time.Second), step(record.Healthy, 5*time.Second)},
			now:   time.Hour,
			want: launch{Took: 4 * time.Second, Words: "launched 1s, creating 2s, starting 1s",
				Bar: []segment{{"prepare", 0, 25}, {"create", 25, 50}, {"start", 75, 25}}},
		},
		"pulls": {
			steps: []record.Step{step(record.Launched, 0), step(record.Pulling, 0), step(record.Retrying, 5*time.Second), step(record.Pulling, 15*time.Second)},
			now:   20 * time.Second,
			want: launch{Took: 20 * time.Second, Words: "launched 0s, pulling 5s, retrying 10s, pulling 5s",
				Bar: []segment{{"pull", 0, 25}, {"wait", 25, 50}, {"pull", 75, 25}}},
		},
		"the clock went back": {
			steps: []record.Step{step(record.Launched, time.Second), step(record.Creating, 0)}, now: time.Second,
			want: launch{Took: time.Second, Words: "launched 0s, creating 1s", Bar: []segment{{"create", 0, 100}}},
		},
	} {
		if diff := cmp.Diff(tt.want, launchOf(tt.steps, began.Add(tt.now)), cmp.AllowUnexported(segment{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestMemory(t *testing.T) {
	for _, tt := range []struct {
		memory cgroup.Memory
		limit  string
		want   []segment
	}{
		{cgroup.Memory{}, "", nil},
		{cgroup.Memory{Usage: 1 << 20}, "", nil},
		{cgroup.Memory{Usage: 1 << 20, Peak: 2 << 20, Limit: 4 << 20}, "4MiB", []segment{{"used", 0, 25}, {"peak", 49, 1}}},
		{cgroup.Memory{Usage: 1 << 20, Peak: 1 << 20, Limit: 4 << 20}, "4MiB", []segment{{"used", 0, 25}}},
		{cgroup.Memory{Usage: 95 << 20, Limit: 100 << 20}, "100MiB", []segment{{"full", 0, 95}}},
		{cgroup.Memory{Usage: 2 << 20, Peak: 2 << 20, Limit: 1 << 20}, "1MiB", []segment{{"full", 0, 100}}},
	} {
		var row taskRow
		row.memory(tt.memory)
		if want := draw(tt.want); row.MemoryBar != want || row.MemoryLimit != tt.limit {
			t.Errorf("%+v: limit %q, bar %q, want %q, %q", tt.memory, row.MemoryLimit, row.MemoryBar, tt.limit, want)
		}
	}
}

// one is the page of the facts, without its style.
func one(t *testing.T, facts Facts, target string) string {
	t.Helper()
	o := Options{Host: "agent1", Version: "1.2", Settings: func() []Setting { return nil }, Facts: func() Facts { return facts }}
	_, page, _ := strings.Cut(get(t, o, func(r *http.Request) { r.URL.RawQuery = target }).Body.String(), "</style>")
	return page
}

func inOrder(t *testing.T, page string, parts ...string) {
	t.Helper()
	rest := page
	for _, part := range parts {
		_, behind, found := strings.Cut(rest, part)
		if !found {
			t.Fatalf("%q is not where it belongs in\n%s", part, page)
		}
		rest = behind
	}
}

func TestPageOfAnIdleHost(t *testing.T) {
	inOrder(t, one(t, Facts{}, ""), "agent1", "1.2", "<b>0</b> <span>running", "Tasks", "There are none.", "Last failures", "There were none", "Settings", "There are none.")
}

func TestTasksThatWantAttentionComeFirst(t *testing.T) {
	facts := Facts{Tasks: []Task{
		{Task: "t1", State: "running", Health: "healthy", Doing: "running, healthy"}, {Task: "t2", State: "stopping"}, {Task: "t3", State: "pulling"},
		{Task: "t4", State: "running", Health: "unhealthy", Doing: "running, unhealthy"}, {Task: "t5", State: "waiting", Doing: "waiting for the Docker Engine"},
	}, Trouble: "the Docker Engine does not answer", Behind: 2, DiskFree: 1 << 30, DiskSize: 100 << 30}
	page := one(t, facts, "")
	inOrder(t, page, "No task can start at the moment:</b> the Docker Engine does not answer.", "<b>2</b> <span>running", "<b>2</b> <span>launching",
		`"bad"><b>1</b> <span>unhealthy`, "<b>2</b> <span>containers that cannot be removed yet", `"bad"><b>1GiB</b> <span>free of 100GiB`,
		"t5", "waiting for the Docker Engine", "t4", "t3", "t2", "t1")
	if strings.Contains(page, "running, healthy") || strings.Contains(page, "running, unhealthy") {
		t.Error("what the state says is said twice")
	}
}

// A launch that is under way goes on with the clock, and one that has failed does not.
func TestLaunchThatIsNotOver(t *testing.T) {
	steps := []record.Step{{State: record.Launched, At: time.Now().Add(-time.Hour)}}
	inOrder(t, one(t, Facts{Tasks: []Task{{Task: "t1", State: "starting", Steps: steps}}}, ""), "1h0m0s", "so far")
	steps = append(steps, record.Step{State: record.Ended, At: steps[0].At.Add(3 * time.Second)})
	page := one(t, Facts{Tasks: []Task{{Task: "t1", State: "ended", Steps: steps}}}, "")
	if inOrder(t, page, ">3s"); strings.Contains(page, "so far") {
		t.Error("a launch that has failed goes on")
	}
}

func TestOneApp(t *testing.T) {
	failed := func(app string) *record.Record {
		return &record.Record{Task: "failed" + app, App: app, Steps: []record.Step{{State: record.Ended, At: time.Now()}}, End: &record.End{Outcome: "exited", Code: 3}}
	}
	facts := Facts{
		Tasks: []Task{{Task: "one", App: "/shop/web"}, {Task: "two", App: "/shop/db&x=1"}}, Failures: []*record.Record{failed("/shop/web"), failed("/shop/db&x=1")},
	}
	all := one(t, facts, "refresh=off")
	inOrder(t, all, "paused", `href="/?"`, `href="/?app=%2Fshop%2Fweb&amp;refresh=off"`, "one", `href="/?app=%2Fshop%2Fdb%26x%3D1&amp;refresh=off"`, "two", "failed/shop/web", "failed/shop/db")
	web := one(t, facts, "app=%2Fshop%2Fweb")
	inOrder(t, web, `href="/?app=%2Fshop%2Fweb&amp;refresh=off">pause`, "Tasks of <bdi>/shop/web</bdi>", `href="/?">all`, "one", "failed/shop/web")
	if strings.Contains(web, "two") || strings.Contains(web, "failed/shop/db") {
		t.Error("other apps are shown, too")
	}
}

func TestPulls(t *testing.T) {
	page := one(t, Facts{Pulls: []image.Pull{
		{Reference: "registry.example/app:7", Tasks: []string{"a", "b"}, Progress: image.Progress{Status: image.Downloading, Layers: 5, LayersDone: 2, BytesDone: 10 << 20, BytesTotal: 40 << 20}},
		{Reference: "registry.example/other:1", Progress: image.Progress{Status: image.Queued}},
	}}, "")
	inOrder(t, page, "registry.example/app:7", "downloading, 2 of 5 layers, 10.49MB of 41.94MB", "<div>2</div>", "25%", `class="pull" x="0.0" width="25.0"`,
		"registry.example/other:1", "waiting for other pulls on this host", "<div>0</div>")
}
