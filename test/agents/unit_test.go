package agents

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestFindTree(t *testing.T) {
	prefix := t.TempDir()
	if _, err := findTree(prefix); err == nil || !strings.Contains(err.Error(), "mesos-master") || !strings.Contains(err.Error(), "mesos-docker-executor") {
		t.Errorf("an empty directory: %v", err)
	}
	for _, name := range []string{"sbin/mesos-master", "sbin/mesos-slave", "libexec/mesos/mesos-docker-executor"} {
		path := filepath.Join(prefix, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	got, err := findTree(prefix)
	want := tree{prefix, filepath.Join(prefix, "sbin/mesos-master"), filepath.Join(prefix, "sbin/mesos-slave"), filepath.Join(prefix, "libexec/mesos")}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

// The lines are an agent's of Mesos 1.12 and of one whose glog writes the year.
func TestStepsOf(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for name, year := range map[string]string{"glog 0.4": "", "glog 0.6": "2026"} {
		line := func(ms int, text string) string {
			return "I" + year + "1129 10:00:00." + strconv.Itoa(100+ms) + "000  4711 slave.cpp:2041] " + text + "\n"
		}
		log := line(0, "Got assigned task 't-1' for framework F") + line(5, "Got assigned task 't-11' for framework F") +
			line(10, "Starting container 'c' for task 't-1' (and executor 't-1') of framework F") + "no line of glog's 't-1'\n" +
			line(30, "Got registration for executor 't-1' of framework F from executor(1)@127.0.0.1:1") +
			line(31, "Sending queued task 't-1' to executor 't-1' of framework F") +
			line(50, "Handling status update TASK_STARTING (Status UUID: u) for task t-1 of framework F") +
			line(90, "Handling status update TASK_RUNNING (Status UUID: u) for task t-11 of framework F") +
			line(95, "Handling status update TASK_RUNNING (Status UUID: u) for task t-1 of framework F") +
			line(200, "Asked to kill task t-11 of framework F") + line(210, "Asked to kill task t-1 of framework F") +
			line(220, "Handling status update TASK_KILLING (Status UUID: u) for task t-1 of framework F from executor(1)@127.0.0.1:1") +
			line(300, "Handling status update TASK_KILLED (Status UUID: v) for task t-1 of framework F from executor(1)@127.0.0.1:1") +
			line(310, "Forwarding the update TASK_KILLED (Status UUID: v) for task t-1 of framework F to master@127.0.0.1:5050") +
			line(900, "Forwarding the update TASK_KILLED (Status UUID: v) for task t-1 of framework F to master@127.0.0.1:5050")
		reached := stepsOf(log, "t-1", now)
		got := waterfall(launchSteps, []map[string]time.Time{reached})
		want := map[string]time.Duration{assigned: 0, forked: 10 * time.Millisecond, registered: 30 * time.Millisecond, sent: 31 * time.Millisecond, running: 95 * time.Millisecond}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
		// The framework, the kernel and the Engine tell the others.
		asked := reached[killKnown].Add(-10 * time.Millisecond)
		for step, ms := range map[string]time.Duration{killAsked: 0, signalled: 30, gone: 40, died: 60, heard: 120} {
			reached[step] = asked.Add(ms * time.Millisecond)
		}
		got = waterfall(killSteps, []map[string]time.Time{reached})
		want = map[string]time.Duration{}
		for step, ms := range map[string]time.Duration{killAsked: 0, killKnown: 10, killing: 20, signalled: 30, gone: 40, died: 60, ended: 100, forwarded: 110, heard: 120} {
			want[step] = ms * time.Millisecond
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// A step that one launch did not show has no median.
func TestWaterfallWithout(t *testing.T) {
	at := time.Unix(1000, 0)
	got := waterfall(launchSteps, []map[string]time.Time{{assigned: at, running: at.Add(time.Second)}, {assigned: at}})
	if want := map[string]time.Duration{assigned: 0}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestReadRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOf(rapid.String()).Draw(t, "records")
		var stream strings.Builder
		for _, r := range records {
			stream.WriteString(strconv.Itoa(len(r)) + "\n" + r)
		}
		reader := bufio.NewReader(strings.NewReader(stream.String()))
		for _, want := range records {
			if got, err := readRecord(reader); err != nil || string(got) != want {
				t.Fatalf("%q, %v; want %q", got, err, want)
			}
		}
		if _, err := readRecord(reader); err != io.EOF {
			t.Fatalf("at the end: %v", err)
		}
	})
	for _, text := range []string{"x\n", "-1\n", "99999999999\n", "5\nab"} {
		if _, err := readRecord(bufio.NewReader(strings.NewReader(text))); err == nil {
			t.Errorf("%q is no record", text)
		}
	}
}

func TestRefusal(t *testing.T) {
	for _, test := range []struct {
		status int
		text   string
		noCall bool
	}{
		{400, "Failed to parse body into Call protobuf: Failed to find enum for 'UPDATE_CONTAINER_MEMORY_LIMIT'", true},
		{400, "Nested containers are not supported", true},
		{501, "", true},
		{400, "Root container c not found", false},
		{500, "Nested containers are not supported", false},
	} {
		err := fmt.Errorf("session: %w", refusal(test.status, test.text))
		if notOffered(err) != test.noCall || notOffered(errors.Join(err, nil)) != test.noCall || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%d %q: %v, want no such call %v", test.status, test.text, err, test.noCall)
		}
		if notOffered(errors.Join(err, errors.New("want TASK_KILLED"))) {
			t.Errorf("%d %q: it hides what went wrong after it", test.status, test.text)
		}
	}
}

func TestTables(t *testing.T) {
	got := showScenarios([]route{stock, custom}, []string{"one", "two"}, map[route]map[string]result{
		stock:  {"one": {seen: "RUNNING FAILED", err: errors.New("want FINISHED")}, "two": {}},
		custom: {"one": {err: fmt.Errorf("session: %w", refusal(400, "Failed to launch: Nested containers are not supported")), known: "it is another's"}},
	})
	for _, want := range []string{"one       DIFFERS  not offered\n", "two       ok       -\n", "custom, one: session: this release has no such call: ", "stock, one: want FINISHED; seen: RUNNING FAILED\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	got = showFigures([]route{stock, dropIn}, map[route]figures{
		stock:  {host: time.Second, killing: map[string]time.Duration{signalled: 100 * time.Millisecond}},
		dropIn: {host: 250 * time.Millisecond, killing: map[string]time.Duration{signalled: 30 * time.Millisecond}},
	})
	for _, want := range []string{"1000 +250 \\(0.25\\)\n", "from \"framework kills\" to", "\"Engine tells its signal\", ms +100 +30 \\(0.30\\)\n"} {
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}
