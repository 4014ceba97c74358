package tasklist

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/mattn/go-runewidth"
	"pgregory.net/rapid"

	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/containerizer/metrics"
)

var now = time.Unix(1700000000, 0)

func marathon(instance byte) string {
	return fmt.Sprintf("shop_frontend_web.instance-%c1c9f1a2-5d1c-11ef-8a1b-0242ac110002._app.1", instance)
}

var reports = []containerizer.TaskReport{
	{
		Task: marathon('4'), App: "/shop/frontend/web", State: containerizer.StateRunning, Health: metrics.Unhealthy,
		Image: "registry.example.com:5000/shop/frontend/web:2024-11-28.7", Started: now.Add(-26 * time.Hour), Since: now.Add(-time.Second),
		Memory: 256 << 20, Ports: []string{"31000->80/tcp", "31001->443/tcp"}, Route: "drop-in", PID: 4711, Container: "mesos-1", ContainerID: "ab12",
		Sandbox: "/var/lib/mesos/1", Doing: "running", Framework: "f-1", Executor: "e-1",
	},
	{Task: marathon('5'), State: containerizer.StateWaiting, Image: "busybox", Since: now.Add(-75 * time.Second), Doing: "pulling busybox: waiting to try again"},
	{Task: "evil\x1b[2J\n\u202e", State: containerizer.StateStarting, Image: "\u009b31m", Since: now},
}

func TestTable(t *testing.T) {
	for _, c := range []struct {
		options Options
		want    string
	}{
		{Options{Width: 80}, `
TASK                                 STATE     AGE  HEALTH     IMAGE
shop_frontend_web.instance-41c9f1a…  running   26h  unhealthy  …web:2024-11-28.7
shop_frontend_web.instance-51c9f1a…  waiting   75s  -          busybox
evil\x1b[2J\n\u202e                  starting  0s   -          \u009b31m
`},
		{Options{}, `
TASK                                                                    STATE     AGE  HEALTH     IMAGE
shop_frontend_web.instance-41c9f1a2-5d1c-11ef-8a1b-0242ac110002._app.1  running   26h  unhealthy  registry.example.com:5000/shop/frontend/web:2024-11-28.7
shop_frontend_web.instance-51c9f1a2-5d1c-11ef-8a1b-0242ac110002._app.1  waiting   75s  -          busybox
evil\x1b[2J\n\u202e                                                     starting  0s   -          \u009b31m
`},
	} {
		var out strings.Builder
		c.options.Now = now
		if err := Table(&out, reports, c.options); err != nil || "\n"+out.String() != c.want {
			t.Errorf("%v\n%s\nwant%s", err, out.String(), c.want)
		}
	}
	var out strings.Builder
	if err := Table(&out, reports[:1], Options{Wide: true, Width: 80, Now: now}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"31000->80/tcp, 31001->443/tcp", "256MiB", "drop-in", "4711", "mesos-1", "/var/lib/mesos/1"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("%q is missing from\n%s", text, out.String())
		}
	}
}

// TestTableFits: whatever the names are, the table fits, nothing in it is for a terminal to obey, and what is left of a name of ordinary
// length is its own.
func TestTableFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ab]{1,60}`), rapid.StringMatching(`a{20}[a-z世]{1,6}`))
		width := rapid.IntRange(60, 200).Draw(t, "width")
		var tasks []containerizer.TaskReport
		for range rapid.IntRange(0, 5).Draw(t, "tasks") {
			tasks = append(tasks, containerizer.TaskReport{Task: name.Draw(t, "task"), Image: name.Draw(t, "image"),
				State: containerizer.StateStopping, Health: metrics.Unhealthy, Since: now.Add(-300 * 24 * time.Hour)})
		}
		var out strings.Builder
		if err := Table(&out, tasks, Options{Width: width, Now: now}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != len(tasks)+1 {
			t.Fatalf("%d lines for %d tasks:\n%s", len(lines), len(tasks), out.String())
		}
		for _, line := range lines {
			if runewidth.StringWidth(line) > width || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("width %d: %q", width, line)
			}
		}
	})
}

func TestDistinct(t *testing.T) {
	for names, want := range map[string]int{"": 0, "a": 0, "a b": 2, "web.1 web.2": 6, "web web.2": 5, "a a": 0, "世1 世2 x": 4} {
		if got := distinct(strings.Fields(names)); got != want {
			t.Errorf("%q: %d, want %d", names, got, want)
		}
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 119 * time.Second: "119s", 2 * time.Minute: "2m", 119 * time.Minute: "119m", 47 * time.Hour: "47h", 800 * time.Hour: "33d",
	} {
		if got := Age(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestFormat(t *testing.T) {
	for format, want := range map[string]string{
		`{{.Task}} {{.State}}`:                            marathon('4') + " running\n" + marathon('5') + " waiting\n" + `evil\x1b[2J\n\u202e starting` + "\n",
		`{{upper .Health}}{{if eq .PID "4711"}}!{{end}}`:  "UNHEALTHY!\n\n\n",
		`{{json .Ports}}`:                                 `"31000->80/tcp, 31001->443/tcp"` + "\n\"\"\n\"\"\n",
		`table {{.State}}\t{{.Age}}`:                      "STATE      AGE\nrunning    26h\nwaiting    75s\nstarting   0s\n",
		`{{.App}}{{.Memory}}{{.Created}}`:                 "/shop/frontend/web256MiB\n\n\n",
		`{{.Since}}{{.Started}}{{.Framework}}{{.Doing}}x`: "",
	} {
		var out strings.Builder
		if err := Format(&out, format, reports, now); err != nil || want != "" && out.String() != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", format, err, out.String(), want)
		}
	}
	for _, format := range []string{`{{.Nothing}}`, `{{`, `{{nothing .}}`} {
		var out strings.Builder
		if err := Format(&out, format, reports, now); err == nil || !strings.HasPrefix(err.Error(), "--format: ") {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// TestWriteJSON: what is not printable is escaped, and nothing is lost by it.
func TestWriteJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := []string{rapid.String().Draw(t, "text"), "\x1b\u009b\u202e\U000e0001<"}
		var out strings.Builder
		if err := WriteJSON(&out, value, ""); err != nil {
			t.Fatal(err)
		}
		var back []string
		if err := json.Unmarshal([]byte(out.String()), &back); err != nil || back[0] != value[0] || back[1] != value[1] {
			t.Fatalf("%q is written as %s, %v", value, out.String(), err)
		}
		if strings.ContainsFunc(strings.TrimSuffix(out.String(), "\n"), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%q", out.String())
		}
	})
}
