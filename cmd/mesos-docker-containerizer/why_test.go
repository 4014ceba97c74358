package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
	"mesos-docker-containerizer/test/memoryregistry"
)

// fault is a task that goes wrong and what is to be said of it.
type fault struct {
	name   string
	image  string         // busybox where it is empty
	script string         // for a shell
	more   map[string]any // of the app
	docker map[string]any // more of its container
	says   []string
}

// app is the fault as a Marathon app.
func (f *fault) app(t *testing.T, prefix string) map[string]any {
	if f.image == "" {
		f.image = environment.Busybox(t)
	}
	docker := map[string]any{"image": f.image, "network": "NONE"}
	for key, value := range f.docker {
		docker[key] = value
	}
	if f.script == "" {
		f.script = "sleep 9"
	}
	app := map[string]any{
		"id": "/" + prefix + "-" + f.name, "cpus": 0.1, "mem": 32, "cmd": f.script,
		"container": map[string]any{"type": "DOCKER", "docker": docker},
	}
	for key, value := range f.more {
		app[key] = value
	}
	return app
}

// hangingRegistry accepts connections and never answers.
func hangingRegistry(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

// TestWhyExplainsTwelveFaults provokes each on a real Engine, all at the same time, and asks for each after its end, when there is
// neither task nor daemon any more.
func TestWhyExplainsTwelveFaults(t *testing.T) {
	closed := memoryregistry.New(t)
	closed.Login = "user:secret-of-the-registry"
	taken, err := net.Listen("tcp", "0.0.0.0:0")
	must(t, err)
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	notExecutable := environment.Image(t, testimage.Spec{Files: map[string]testimage.File{"/program": {Content: "x", Mode: 0o644}}})
	exec := func(program string) map[string]any {
		return map[string]any{"cmd": nil, "args": []string{program, "--password=secret-argument"}}
	}
	eat := "x=$(yes 12345678901234567890 | head -c 100m)"
	faults := []*fault{
		{name: "missing", more: exec("/no/such"), says: []string{"failed before it ran", `"/no/such" cannot be run`, "is not in the container", "do: correct the task"}},
		{name: "mode", image: notExecutable, more: exec("/program"), says: []string{"failed before it ran", "/program is not executable, its mode is 0644"}},
		{name: "exit", script: "exit 1", says: []string{" failed, ", "end: exit status 1, given by the program itself", "running ", "gone with its sandbox; `run --keep-sandbox` keeps it"}},
		{name: "signal", script: "sh -c 'kill -SEGV $$'; exit $?", says: []string{"exit status 139, signal SIGSEGV"}},
		{name: "oomstart", script: eat, says: []string{"memory: ", "limit 32MiB", "the kernel killed it for memory", "do: give the task more than 32MiB"}},
		{name: "oomlater", script: "sleep 2; " + eat, says: []string{"limit 32MiB", "do: give the task more than 32MiB", "running "}},
		{name: "flap", script: "i=0; while :; do i=$((i+1)); sleep 1; done", more: map[string]any{"healthChecks": []map[string]any{{
			"protocol": "COMMAND", "command": map[string]any{"value": "if [ -e /n ]; then echo the answer of the probe; exit 3; fi; touch /n"},
			"delaySeconds": 0, "intervalSeconds": 1, "gracePeriodSeconds": 0, "maxConsecutiveFailures": 2}}},
			says: []string{" killed, ", "COMMAND health check", "healthy ", "unhealthy ", "stopped: at ", "its health check failed 2 times in a row", "the last failed probes (COMMAND): ", "the answer of the probe"}},
		{name: "hanging", image: hangingRegistry(t) + "/app:1", says: []string{"pulling ", "Container was not started within 20s", "asking the registry, which has not answered for", "do: see whether this host reaches the registry: curl -v https://127.0.0.1:"}},
		{name: "denied", image: closed.Ref(), says: []string{"pull: given up after try 1 of 6 (denied)", "the registry denied access without credentials", "do: check the credentials for " + closed.Address}},
		{name: "absent", image: memoryregistry.New(t).Address + "/absent:1", says: []string{"(not_found)", "not found, check its name and tag", "do: correct the image of the task"}},
		{name: "port", docker: map[string]any{"network": "BRIDGE", "portMappings": []map[string]any{{"containerPort": 80, "hostPort": port}}},
			says: []string{"failed before it ran", fmt.Sprintf("host port %d/tcp is in use by something else", port), "do: mend this host"}},
		{name: "policy", docker: map[string]any{"parameters": []map[string]any{{"key": "cap-add", "value": "SYS_ADMIN"}}},
			says: []string{"policy: rule allowed_capabilities in command line, --allowed_capabilities", "do: take it out of the task, or change allowed_capabilities (command line, --allowed_capabilities)"}},
	}
	prefix := unique(t)
	var apps []map[string]any
	for _, f := range faults {
		apps = append(apps, f.app(t, prefix))
	}
	list, err := json.Marshal(apps)
	must(t, err)
	flags, socket := serveFlags(t)
	daemon := start(t, append(flags, "--allowed_capabilities=none", "--prepare_timeout=20secs", "--log_level=debug")...)
	daemon.await("the daemon serves")
	began := time.Now()
	run := start(t, "run", "--socket="+socket, fmt.Sprintf("--ports=%d,31000-32000", port), file(t, string(list)))
	run.wantStatus(exitFailed)
	if !strings.Contains(run.out(), "asking the registry, which has not answered for 3s") {
		t.Error("the terminal does not say that the registry hangs")
	}
	daemon.interrupt()
	daemon.wantStatus(exitOK)
	t.Logf("twelve faults took %v", time.Since(began))
	for _, f := range faults {
		p := start(t, "why", flags[1], prefix+"-"+f.name+".")
		p.wantStatus(exitOK)
		if lines := strings.Count(p.out(), "\n"); lines > record.MaxLines {
			t.Errorf("%s: %d lines", f.name, lines)
		}
		for _, want := range append(f.says, prefix+"-"+f.name, "asked: image "+f.image) {
			if !strings.Contains(p.out(), want) {
				t.Errorf("%s: it does not say %q:\n%s", f.name, want, p.out())
			}
		}
	}
	for _, f := range faults {
		wantWholeLife(t, daemon.err(), flags[1], prefix+"-"+f.name+".")
	}
	files, err := filepath.Glob(filepath.Join(record.Directory(strings.TrimPrefix(flags[1], "--run_dir=")), "*"))
	must(t, err)
	for _, path := range files {
		info, err := os.Stat(path)
		must(t, err)
		text, err := os.ReadFile(path)
		must(t, err)
		if info.Mode().Perm() != 0o600 || strings.Contains(string(text), "secret-") {
			t.Errorf("%s has mode %v and says %s", path, info.Mode(), text)
		}
	}
	if len(files) != len(faults) {
		t.Errorf("%d records", len(files))
	}
}

// An executor that a signal has stopped is told of, and no process that has its pid by now.
func TestWhyOfAStoppedExecutor(t *testing.T) {
	stopped, err := wire.FindProcess(environment.StoppedProcess(t))
	must(t, err)
	other := stopped
	other.StartTime--
	directory := t.TempDir()
	records := record.NewStore(directory, zap.NewNop())
	for task, process := range map[string]wire.Process{"stopped": stopped, "other": other, "unknown": {}} {
		records.Put(&record.Record{Task: task, Process: record.Process(process), Steps: []record.Step{{State: record.Running, At: time.Now()}}})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	records.Run(ctx) // writes them
	advice := fmt.Sprintf("do: kill -CONT %d: the executor is stopped (SIGSTOP), so that Mesos hears of no end and no kill arrives\n", stopped.PID)
	for task, want := range map[string]bool{"stopped": true, "other": false, "unknown": false} {
		p := start(t, "why", "--run_dir="+directory, task)
		p.wantStatus(exitOK)
		if strings.HasSuffix(p.out(), advice) != want || !want && strings.Contains(p.out(), "CONT") {
			t.Errorf("%s: it says\n%s", task, p.out())
		}
	}
}

// wantWholeLife checks that the lines of the log with a task's name tell each of its states once, in order, as its record does, and
// whose pull a line is about.
func wantWholeLife(t *testing.T, log, runDirectory, task string) {
	t.Helper()
	p := start(t, "why", runDirectory, "--json", task)
	p.wantStatus(exitOK)
	var known record.Record
	must(t, json.Unmarshal([]byte(p.out()), &known))
	var want, got []string
	for _, s := range known.Steps {
		want = append(want, string(s.State))
	}
	pulls := 0
	for line := range strings.Lines(log) {
		if !strings.Contains(line, task) {
			continue
		}
		var fields struct {
			Msg, Task, Framework, Executor, State, After string
			Tasks                                        []string
		}
		must(t, json.Unmarshal([]byte(line), &fields))
		switch {
		case fields.State != "":
			got = append(got, fields.State)
			if fields.Task != known.Task || fields.Framework != known.Framework || fields.Executor != known.Executor || fields.Msg != "task "+fields.State ||
				len(got) > 1 && !strings.HasSuffix(fields.After, "s") {
				t.Errorf("%s: line %s", task, line)
			}
		case strings.HasPrefix(fields.Msg, "pull "):
			pulls++
			if len(fields.Tasks) != 1 || fields.Tasks[0] != known.Task {
				t.Errorf("%s: line %s", task, line)
			}
		}
	}
	if !slices.Equal(got, want) || got[len(got)-1] != string(record.Ended) {
		t.Errorf("%s: the log tells %q, the record %q", task, got, want)
	}
	if (pulls > 0) != slices.Contains(want, string(record.Pulling)) {
		t.Errorf("%s: %d lines about pulls", task, pulls)
	}
}
