package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"mesos-docker-containerizer/test/environment"
)

// unique makes an app id that no other test has, even of another run of the tests.
func unique(t *testing.T) string {
	name := regexp.MustCompile("[^a-z0-9]+").ReplaceAllString(strings.ToLower(t.Name()), "-")
	return fmt.Sprintf("%s-%d-%x", strings.Trim(name, "-"), os.Getpid(), time.Now().UnixNano()&0xffffff)
}

// shell is an app that runs a script, in JSON. More is further JSON of the app, beginning with a comma.
func shell(t *testing.T, id, script, more string) string {
	t.Helper()
	text, err := json.Marshal(script)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"id": "/%s", "cmd": %s, "cpus": 0.1, "mem": 32, "container": {"type": "DOCKER", "docker": {"image": %q, "network": "NONE"}}%s}`,
		id, text, environment.Busybox(t), more)
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.json")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// seen is an event as a script reads it.
type seen struct {
	Time    time.Time
	Task    string
	Name    string
	Event   string
	State   string
	Reason  string
	Message string
	Source  string
	Healthy *bool
	Check   *struct {
		Type       string
		ExitCode   *int `json:"exit_code"`
		StatusCode *int `json:"status_code"`
		Succeeded  *bool
	}
	Stream     string
	Line       string
	LineBase64 []byte `json:"line_base64"`
	Partial    bool

	Reference                  string
	Bytes, Total, Layers, Done int64

	ContainerID string `json:"container_id"`
	Addresses   []string
	Ports       []struct {
		HostIP        string `json:"host_ip"`
		HostPort      int    `json:"host_port"`
		ContainerPort int    `json:"container_port"`
		Protocol      string
	}
}

// events reads all that the program showed. Anything but events on stdout is an error.
func (p *process) events() []seen {
	p.t.Helper()
	var all []seen
	lines := bufio.NewScanner(strings.NewReader(p.out()))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e seen
		decoder := json.NewDecoder(strings.NewReader(lines.Text()))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&e); err != nil || e.Task == "" || e.Name == "" || e.Time.IsZero() {
			p.t.Fatalf("%q is no event: %v", lines.Text(), err)
		}
		all = append(all, e)
	}
	return all
}

// states are those of each task by its short name, in their order.
func states(events []seen) map[string]string {
	all := map[string]string{}
	for _, e := range events {
		if e.Event == "status" {
			all[e.Name] = strings.TrimPrefix(all[e.Name]+" "+strings.TrimPrefix(e.State, "TASK_"), " ")
		}
	}
	return all
}

func TestStatusSaysHowTasksEnded(t *testing.T) {
	for _, test := range []struct {
		name, script string
		status       int
		want         string
	}{
		{"finished", "exit 0", exitOK, "TASK_FINISHED"},
		{"failed", "exit 7", exitFailed, "status 7"},
	} {
		t.Run(test.name, func(t *testing.T) {
			id := unique(t)
			p := start(t, "run", file(t, shell(t, id, "echo hello; echo trouble >&2; "+test.script, "")))
			p.wantStatus(test.status)
			for _, want := range []string{id + " | hello\n", id + " ! trouble\n", test.want, "TASK_RUNNING"} {
				if !strings.Contains(p.out(), want) {
					t.Errorf("the output lacks %q", want)
				}
			}
			nothingLeft(t, id)
		})
	}
}

func TestWhatIsMissingOrWrongIsSaid(t *testing.T) {
	good := file(t, shell(t, unique(t), "true", ""))
	bad := file(t, `{"id": "/x", "cpus": -1, "container": {"type": "DOCKER", "docker": {"imag": "x"}}}`)
	absent := filepath.Join(t.TempDir(), "absent")
	for _, test := range []struct {
		name   string
		args   []string
		status int
		want   []string
	}{
		{"no file", []string{"run"}, exitUsage, []string{"no file to run"}},
		{"missing file", []string{"run", absent}, exitUsage, []string{absent + ": no such file"}},
		{"every mistake", []string{"run", good, bad}, exitUsage, []string{"nothing was started", bad + ": /cpus: ", bad + ": /container/docker/image"}},
		{"unknown flag", []string{"run", "--prots=1", good}, exitUsage, []string{"--prots"}},
		{"output", []string{"run", "--output=xml", good}, exitUsage, []string{"--output=xml"}},
		{"ports", []string{"run", "--ports=5-1", good}, exitUsage, []string{"--ports", "5-1"}},
		{"for", []string{"run", "--for=yes", good}, exitUsage, []string{"yes"}},
		{"no Engine", []string{"run", "--docker_socket=" + absent, good}, exitEnvironment, []string{"no Docker Engine answers at " + absent, "--docker_socket"}},
		{"no daemon", []string{"run", "--socket=" + absent, good}, exitEnvironment, []string{"no daemon at " + absent}},
		{"subcommand", []string{"rnu"}, exitUsage, []string{`no subcommand "rnu"`}},
		{"settings", []string{"serve", "--orphan_grace=x", "--log_level=y"}, exitUsage, []string{"orphan_grace", "log_level"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, test.args...)
			p.wantStatus(test.status)
			for _, want := range test.want {
				if !strings.Contains(p.err(), want) {
					t.Errorf("the message lacks %q", want)
				}
			}
			if p.out() != "" {
				t.Error("there is output")
			}
		})
	}
	t.Run("remote Engine", func(t *testing.T) {
		p := startWith(t, func(c *exec.Cmd) { c.Env = append(c.Env, "DOCKER_HOST=tcp://localhost:2375") }, "run", good)
		p.wantStatus(exitEnvironment)
		if !strings.Contains(p.err(), "DOCKER_HOST=tcp://localhost:2375") {
			t.Error("the message does not name the variable")
		}
	})
}

func TestForTakesDurationsOfBothForms(t *testing.T) {
	for text, want := range map[string]time.Duration{"30s": 30 * time.Second, "4secs": 4 * time.Second, "1m30s": 90 * time.Second, "1.5mins": 90 * time.Second} {
		if got, err := readDuration(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "5", "-5s", "soon"} {
		if d, err := readDuration(text); err == nil || !strings.Contains(err.Error(), "such as 30secs") {
			t.Errorf("%q: %v, %v", text, d, err)
		}
	}
}

func TestEventsForScripts(t *testing.T) {
	id := unique(t)
	app := strings.Replace(shell(t, id, "echo out; echo err >&2; printf '\\377half'; sleep 2", ""), `"network": "NONE"`,
		`"network": "BRIDGE", "portMappings": [{"containerPort": 80, "hostPort": 0}, {"containerPort": 53, "hostPort": 0, "protocol": "udp"}]`, 1)
	p := start(t, "run", "--output=json", "--ports=31500-31999", file(t, app))
	p.wantStatus(exitOK)
	events := p.events()
	if got := states(events)[id]; got != "STARTING RUNNING FINISHED" {
		t.Errorf("states are %s", got)
	}
	if last := events[len(events)-1]; last.State != "TASK_FINISHED" || last.Source != "SOURCE_EXECUTOR" || !strings.HasPrefix(last.Task, id+".instance-") {
		t.Errorf("the last event is %+v", last)
	}
	lines := map[string]bool{}
	for _, e := range events {
		switch e.Event {
		case "output":
			lines[fmt.Sprintf("%s %q %v", e.Stream, e.Line, e.Partial)] = true
			if e.Partial && string(e.LineBase64) != "\xffhalf" {
				t.Errorf("bytes of the last line are %q", e.LineBase64)
			}
		case "ports":
			if len(e.Ports) != 2 || len(e.Addresses) != 1 || e.ContainerID == "" {
				t.Fatalf("ports are %+v", e)
			}
			for i, want := range []string{"80/tcp", "53/udp"} {
				if got := fmt.Sprintf("%d/%s", e.Ports[i].ContainerPort, e.Ports[i].Protocol); got != want || e.Ports[i].HostPort < 31500 {
					t.Errorf("port %d is %+v, want %s", i, e.Ports[i], want)
				}
			}
		}
	}
	for _, want := range []string{`stdout "out" false`, `stderr "err" false`, "stdout \"\ufffdhalf\" true"} {
		if !lines[want] {
			t.Errorf("there is no output %s among %v", want, lines)
		}
	}
	nothingLeft(t, id)
}

// TestNothingOfTheOutputIsLost counts lines, and looks at what is long.
func TestNothingOfTheOutputIsLost(t *testing.T) {
	const count = 10000
	id := unique(t)
	script := fmt.Sprintf("seq 1 %d & seq 1 %d >&2 & wait; head -c 200000 /dev/zero | tr '\\0' x", count, count)
	p := start(t, "run", "--output=json", file(t, shell(t, id, script, "")))
	p.wantStatus(exitOK)
	events := p.events()
	next := map[string]int{"stdout": 1, "stderr": 1}
	long := 0
	for _, e := range events {
		switch {
		case e.Event != "output":
		case strings.HasPrefix(e.Line, "x"):
			long += len(e.Line)
		case e.Line != fmt.Sprint(next[e.Stream]):
			t.Fatalf("line %q of %s, want %d", e.Line, e.Stream, next[e.Stream])
		default:
			next[e.Stream]++
		}
	}
	if next["stdout"] != count+1 || next["stderr"] != count+1 || long != 200000 {
		t.Errorf("lines up to %v and a long one of %d bytes", next, long)
	}
	if last := events[len(events)-1]; last.Event != "status" {
		t.Errorf("after the end comes %+v", last)
	}
	nothingLeft(t, id)
}

// stubborn ends only by SIGKILL.
const stubborn = "trap 'echo refused' TERM; echo up; while true; do sleep 0.1; done"

func TestInterrupts(t *testing.T) {
	for _, test := range []struct {
		name   string
		script string
		more   string
		press  int
		status int
		want   string
	}{
		{"once", "trap 'echo asked; exit 5' TERM; echo up; while true; do sleep 0.1; done", "", 1, exitOK, "STARTING RUNNING KILLING KILLED"},
		{"twice", stubborn, `, "taskKillGracePeriodSeconds": 600`, 2, exitOK, "STARTING RUNNING KILLING KILLED"},
		{"three times", stubborn, `, "taskKillGracePeriodSeconds": 600`, 3, exitFailed, "STARTING RUNNING KILLING"},
	} {
		t.Run(test.name, func(t *testing.T) {
			id := unique(t)
			p := start(t, "run", "--output=json", file(t, shell(t, id, test.script, test.more)))
			p.await(`"line":"up"`)
			p.await("TASK_RUNNING")
			p.interrupt()
			if test.press > 1 {
				p.await(`"line":"refused"`)
				for range test.press - 1 {
					p.interrupt()
					if test.press > 2 {
						p.await("without grace")
					}
				}
			}
			p.wantStatus(test.status)
			if got := states(p.events())[id]; got != test.want && !(test.press > 2 && got == test.want+" KILLED") {
				t.Errorf("states are %s, want %s", got, test.want)
			}
			nothingLeft(t, id)
		})
	}
}

func TestInterruptBeforeTheTaskRuns(t *testing.T) {
	id := unique(t)
	p := start(t, "run", "--output=json", file(t, shell(t, id, "sleep 600", "")))
	p.await("using the Docker Engine")
	p.interrupt()
	p.wantStatus(exitOK)
	if got := states(p.events())[id]; !strings.HasSuffix(got, "KILLED") {
		t.Errorf("states are %s", got)
	}
	nothingLeft(t, id)
}

// TestGroup runs what Marathon calls a group, on the host's network and on none, until its time is over.
func TestGroup(t *testing.T) {
	id := unique(t)
	app := func(name, script, more string) string { return shell(t, id+"/"+name, script, more) }
	group := fmt.Sprintf(`{"id": "/", "groups": [{"id": "/%s", "apps": [%s, %s]}]}`, id,
		app("web", "echo $MARATHON_APP_ID; sleep 600", `, "instances": 3, "taskKillGracePeriodSeconds": 0`), app("job", "exit 0", ""))
	p := startWith(t, func(c *exec.Cmd) { c.Stdin = strings.NewReader(group) }, "run", "--output=json", "--for=5s", "-")
	p.wantStatus(exitOK)
	events := p.events()
	got := states(events)
	if len(got) != 4 || got["job"] != "STARTING RUNNING FINISHED" {
		t.Errorf("states are %v", got)
	}
	tasks := map[string]bool{}
	for _, e := range events {
		tasks[e.Task] = true
		if e.Event == "output" && e.Line != "/"+id+"/web" {
			t.Errorf("output is %+v", e)
		}
	}
	for _, name := range []string{"web.1", "web.2", "web.3"} {
		if got[name] != "STARTING RUNNING KILLING KILLED" {
			t.Errorf("states of %s are %s", name, got[name])
		}
	}
	if len(tasks) != 4 {
		t.Errorf("tasks are %v", tasks)
	}
	nothingLeft(t, id)
}

// TestHostPortTaken asks for a port that another process listens on.
func TestHostPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	id := unique(t)
	app := strings.Replace(shell(t, id, "sleep 600", ""), `"network": "NONE"`,
		fmt.Sprintf(`"network": "BRIDGE", "portMappings": [{"containerPort": 80, "hostPort": %d}]`, port), 1)
	p := start(t, "run", "--output=json", fmt.Sprintf("--ports=%d", port), file(t, app))
	p.wantStatus(exitFailed)
	events := p.events()
	last := events[len(events)-1]
	if last.State != "TASK_FAILED" || !strings.Contains(last.Message, fmt.Sprint(port)) {
		t.Errorf("the last event is %+v", last)
	}
	nothingLeft(t, id)
}

// TestReaderGoesAway: with `run | head -1` the tasks must not be left alone.
func TestReaderGoesAway(t *testing.T) {
	id := unique(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := startWith(t, func(c *exec.Cmd) { c.Stdout = w }, "run", file(t, shell(t, id, "while echo tick; do sleep 0.1; done", "")))
	w.Close()
	lines := bufio.NewReader(r)
	for text := ""; !strings.Contains(text, "tick"); {
		if text, err = lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	r.Close()
	p.wantStatus(exitOK)
	nothingLeft(t, id)
}

// TestRunAfterAKilledRun: what a run leaves that is killed, the next one in its place removes.
func TestRunAfterAKilledRun(t *testing.T) {
	id, next := unique(t), unique(t)+"-next"
	p := start(t, "run", "--output=json", file(t, shell(t, id, "sleep 600", "")))
	p.await("TASK_RUNNING")
	p.signal(syscall.SIGKILL)
	<-p.ended
	if len(containersOf(t, id)) != 1 {
		t.Fatal("the container went without anybody to remove it: this test shows nothing")
	}
	p = start(t, "run", file(t, shell(t, next, "true", "")))
	p.wantStatus(exitOK)
	if left := containersOf(t, id); len(left) > 0 {
		t.Errorf("containers are left: %q", left)
	}
	ticker := time.NewTicker(50 * time.Millisecond) // executors without an agent end by themselves, after their grace period
	defer ticker.Stop()
	for deadline := time.After(programLimit); len(executorsOf(t, id)) > 0; {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatal("the executor of the run that was killed does not end")
		}
	}
	nothingLeft(t, id)
	nothingLeft(t, next)
}

func TestKeptSandbox(t *testing.T) {
	id := unique(t)
	p := start(t, "run", "--keep-sandbox", file(t, shell(t, id, "echo kept > $MESOS_SANDBOX/result", "")))
	p.wantStatus(exitOK)
	_, directory, found := strings.Cut(p.err(), "the sandboxes are below ")
	directory = strings.TrimSpace(directory)
	if !found || !filepath.IsAbs(directory) {
		t.Fatal("it does not say where the sandboxes are")
	}
	defer os.RemoveAll(directory)
	results, err := filepath.Glob(filepath.Join(directory, "slaves", "*", "frameworks", "*", "executors", id+"*", "runs", "latest", "result"))
	if err != nil || len(results) != 1 {
		t.Fatalf("results are %v, %v", results, err)
	}
	if content, err := os.ReadFile(results[0]); err != nil || string(content) != "kept\n" {
		t.Errorf("the result is %q, %v", content, err)
	}
	nothingLeft(t, id)
}

// TestPersistentVolume writes into a volume by both of its paths.
func TestPersistentVolume(t *testing.T) {
	id := unique(t)
	app := strings.Replace(shell(t, id, "echo one > $MESOS_SANDBOX/data/one && echo two > /elsewhere/two && ls /elsewhere", ""), `"docker": {`,
		`"volumes": [{"containerPath": "data", "mode": "RW", "persistent": {"size": 10}}, {"containerPath": "/elsewhere", "hostPath": "data", "mode": "RW"}], "docker": {`, 1)
	p := start(t, "run", "--keep-sandbox", file(t, app))
	p.wantStatus(exitOK)
	for _, want := range []string{"| one\n", "| two\n", "/container/volumes/0/persistent: is a new and empty folder"} {
		if !strings.Contains(p.out()+p.err(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	_, directory, found := strings.Cut(p.err(), "the sandboxes are below ")
	directory = strings.TrimSpace(directory)
	if !found || !filepath.IsAbs(directory) {
		t.Fatal("it does not say where the sandboxes are")
	}
	defer os.RemoveAll(directory)
	kept, err := filepath.Glob(filepath.Join(directory, "slaves", "*", "frameworks", "*", "executors", id+"*", "runs", "latest", "data", "*"))
	if err != nil || len(kept) != 2 {
		t.Errorf("kept are %v, %v", kept, err)
	}
	nothingLeft(t, id)
}
