package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/client"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/internal/localagent"
	"mesos-docker-containerizer/test/environment"
)

// restartable is an Engine of the test's own. The helpers of this package use it until the test ends.
type restartable struct {
	directory string
	flags     []string // of dockerd, besides
	dockerd   *exec.Cmd

	programs string // the directory with dockerd and what it starts; empty for the distribution's
	network  string // a network namespace for it and its bridge; empty for one of its own without a bridge
}

// newRestartable starts an Engine with a network of its own.
func newRestartable(t *testing.T, flags ...string) *restartable {
	t.Helper()
	r := &restartable{directory: shortDirectory(t), flags: flags}
	r.begin(t)
	return r
}

// begin starts the Engine, until the test ends.
func (r *restartable) begin(t *testing.T) {
	t.Helper()
	t.Setenv("DOCKER_HOST", "unix://"+r.directory+"/docker.sock")
	if err := os.WriteFile(r.directory+"/daemon.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.start(t)
	t.Cleanup(func() { r.end(t, syscall.SIGTERM) })
}

func (r *restartable) start(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(r.directory+"/log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	program, path := "dockerd", os.Getenv("PATH")
	if r.programs != "" {
		program, path = filepath.Join(r.programs, program), r.programs+":"+path
	}
	command := []string{program, "--live-restore", "--config-file", r.directory + "/daemon.json", "--host", os.Getenv("DOCKER_HOST"),
		"--data-root", r.directory + "/data", "--exec-root", r.directory + "/exec", "--pidfile", r.directory + "/pid",
		"--iptables=false", "--exec-opt", "native.cgroupdriver=cgroupfs"}
	command = append(command, r.flags...)
	attributes := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET} // it removes the bridge of another Engine
	if r.network == "" {
		command = append(command, "--bridge", "none")
	} else {
		command, attributes = append([]string{"nsenter", "--net=" + r.network}, command...), nil
	}
	r.dockerd = exec.Command(command[0], command[1:]...)
	r.dockerd.Env = append(os.Environ(), "PATH="+path)
	r.dockerd.Stdout, r.dockerd.Stderr, r.dockerd.SysProcAttr = log, log, attributes
	if err := r.dockerd.Start(); err != nil {
		t.Fatal(err)
	}
	docker, err := client.NewClientWithOpts(client.WithHost(os.Getenv("DOCKER_HOST")), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	environment.Eventually(t, patience, "the Engine to answer", func() bool {
		_, err := docker.Ping(t.Context())
		return err == nil
	})
}

// end sends a signal and waits for the Engine's end.
func (r *restartable) end(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := r.dockerd.Process.Signal(signal); err != nil {
		t.Error(err)
	}
	_ = r.dockerd.Wait() // killed, as it says
}

// untilTold is a shell loop that does something with $i, 0 and up, until the test says end.
func untilTold(t *testing.T, action string, parameters ...string) mesos.TaskInfo {
	t.Helper()
	info := shell(t, `i=0; until [ -e "$MESOS_SANDBOX/end" ]; do `+action+`; i=$((i+1)); sleep 0.03; done; echo $i >"$MESOS_SANDBOX/count"`)
	parameter(&info, parameters...)
	return info
}

// What a task writes while the Engine dies and comes back arrives whole and once, whatever it is and however slow the executor was.
func TestOutputOverARestartOfTheEngine(t *testing.T) {
	engine := newRestartable(t)
	h := newHost(t)
	const slow = "a slow reader"
	binary := "\xfe\x00\xff\x80\x01\n"
	cases := map[string]struct {
		action     string
		parameters []string
		one        func(i int) string
		stopped    bool // the executor is, over the Engine's death
		twice      bool // some may come twice
	}{
		"lines":           {`echo "line $i"`, nil, func(i int) string { return fmt.Sprintf("line %d\n", i) }, false, false},
		"identical lines": {`echo same`, nil, func(int) string { return "same\n" }, false, false},
		"unterminated": {`printf "word $i "; [ $((i % 20)) != 19 ] || echo`, nil, func(i int) string {
			return fmt.Sprintf("word %d ", i) + strings.Repeat("\n", i%20/19)
		}, false, false},
		"terminal": {`echo "line $i"`, []string{"tty=true"}, func(i int) string { return fmt.Sprintf("line %d\r\n", i) }, false, false},
		"binary":   {`printf '\376\000\377\200\001\n'`, nil, func(int) string { return binary }, false, false},
		// Much at once makes the log rotate. From then on it holds more than is written while the Engine is away and until it is read.
		"rotated": {`n=1; [ $i != 0 ] || n=2000; while [ $n != 0 ]; do echo "line $i"; n=$((n-1)); done`,
			[]string{"log-opt=max-size=64k", "log-opt=max-file=2"}, func(i int) string {
				return strings.Repeat(fmt.Sprintf("line %d\n", i), max(1, 2000-2000*i))
			}, false, true},
		"a stopped reader": {`echo "line $i"`, nil, func(i int) string { return fmt.Sprintf("line %d\n", i) }, true, false},
		"json-file":        {`echo "line $i"`, []string{"log-driver=json-file"}, func(i int) string { return fmt.Sprintf("line %d\n", i) }, false, false},
		// A line that is on its way when the Engine dies is lost like an unterminated one, so they are few. None is the last, of which a
		// log may lose the newline.
		"40 KiB lines": {`[ $((i % 20)) != 0 ] || { printf "%040960d\n" $i; i=$((i+1)); }; echo "line $i"`, nil, func(i int) string {
			if i%20 == 0 {
				return fmt.Sprintf("%040960d\n", i)
			}
			return fmt.Sprintf("line %d\n", i)
		}, false, false},
		slow: {`[ $i = 0 ] && seq 100000 || echo "line $i"`, nil, func(i int) string {
			if i > 0 {
				return fmt.Sprintf("line %d\n", i)
			}
			var all strings.Builder
			for n := range 100000 {
				fmt.Fprintln(&all, n+1)
			}
			return all.String()
		}, false, false},
	}
	tasks := map[string]*task{}
	for name, c := range cases {
		tasks[name] = h.launch(t, untilTold(t, c.action, c.parameters...), func(r *localagent.LaunchRequest) {
			if name == slow {
				readSlowly(r)
			}
		})
	}
	damaged := h.launch(t, untilTold(t, `echo "line $i"`))
	none := h.launch(t, untilTold(t, `echo "line $i"`, "log-driver=none"))
	for name, k := range tasks {
		k.await(t, mesos.TASK_RUNNING)
		environment.Eventually(t, patience, "the output of "+name, func() bool { return len(k.output(t, "stdout")) > 100 })
	}
	none.await(t, mesos.TASK_RUNNING)
	damaged.await(t, mesos.TASK_RUNNING)
	environment.Eventually(t, patience, "the log to rotate", func() bool { return len(tasks["rotated"].output(t, "stdout")) > 14000 })
	end := func(name string) {
		k := tasks[name]
		delete(tasks, name)
		if err := os.WriteFile(filepath.Join(k.Sandbox, "end"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		k.finish(t)
		var want bytes.Buffer
		var count int
		fmt.Sscan(k.output(t, "count"), &count)
		for i := range count {
			want.WriteString(cases[name].one(i))
		}
		if name == slow {
			for had := 0; had < want.Len(); { // as long as it takes on a loaded machine
				environment.Eventually(t, patience, "the reader to go on", func() bool { return len(k.output(t, "stdout")) > had })
				had = len(k.output(t, "stdout"))
			}
		}
		got := k.output(t, "stdout")
		if cases[name].twice {
			for i := range count {
				if one := cases[name].one(i); !strings.Contains(got, one) {
					t.Errorf("%s: %q is missing", name, one)
				}
			}
			return
		}
		if got != want.String() {
			same := 0
			for same < min(len(got), want.Len()) && got[same] == want.Bytes()[same] {
				same++
			}
			t.Errorf("%s: %d bytes, want %d; they differ from byte %d on: %.60q, want %.60q", name, len(got), want.Len(), same,
				got[same:], want.String()[same:])
		}
	}
	for _, stopped := range []time.Duration{0, 15 * time.Second} {
		for name, c := range cases {
			if c.stopped && stopped > 0 {
				k := tasks[name]
				if err := syscall.Kill(k.pid(t), syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
				time.AfterFunc(stopped, func() { syscall.Kill(k.pid(t), syscall.SIGCONT) })
			}
		}
		timer := time.NewTimer(stopped / 5)
		<-timer.C // of what the task writes meanwhile the stopped executor has nothing; the time is what is tested
		log := filepath.Join(engine.directory, "data/containers", damaged.container(t), "local-logs/container.log")
		engine.end(t, syscall.SIGKILL)
		if stopped > 0 {
			cutLastRecord(t, log)
		}
		engine.start(t)
		for name, k := range tasks {
			had := len(k.output(t, "stdout"))
			environment.Eventually(t, patience, "more output of "+name, func() bool { return len(k.output(t, "stdout")) > had+100 })
		}
		if stopped == 0 {
			end("unterminated") // from now on it comes by lines: what a dying Engine had of one is lost
		}
	}
	for name := range tasks {
		end(name)
	}
	for name, k := range map[string]*task{"without a log": none, "with a damaged log": damaged} {
		had := len(k.output(t, "stdout"))
		environment.Eventually(t, patience, "more output of the one "+name, func() bool { return len(k.output(t, "stdout")) > had })
		if got := k.output(t, "stderr"); !strings.Contains(got, "some of the task's output is lost") || !strings.Contains(got, "what was written in the ") {
			t.Errorf("%s the loss is not said: %s", name, got)
		}
		if err := os.WriteFile(filepath.Join(k.Sandbox, "end"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		k.finish(t)
	}
}

// readSlowly puts a reader behind the executor that takes some 100 kB a second, and outlives it.
func readSlowly(r *localagent.LaunchRequest) {
	const script = `mkfifo pipe && { setsid sh -c 'until [ "$(dd bs=4096 count=1 2>&1 >&3 | grep -c "^0 bytes")" = 1 ]; do sleep 0.04; done' <pipe 3>>stdout & }
		exec "$0" "$@" >pipe`
	r.Args = append([]string{"-c", script, r.Path}, r.Args...)
	r.Path = "/bin/sh"
}

// cutLastRecord leaves a log as a kill does in the middle of a write.
func cutLastRecord(t *testing.T, log string) {
	t.Helper()
	file, err := os.Stat(log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(log, file.Size()-10); err != nil {
		t.Fatal(err)
	}
}

// killContainerd kills the Engine's containerd, which the Engine starts again after a while.
func (r *restartable) killContainerd(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(r.directory + "/exec/containerd/containerd.pid")
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// An Engine that cannot do anything, for its containerd is away, fails at calls. Tasks that are launched then start when it can.
func TestContainerdIsKilled(t *testing.T) {
	engine := newRestartable(t)
	h := newHost(t)
	h.launch(t, shell(t, "echo once")).finish(t)
	engine.killContainerd(t)
	var tasks []*task
	for range 3 {
		tasks = append(tasks, h.launch(t, shell(t, "echo once")))
	}
	for _, k := range tasks {
		k.finish(t)
		if got := k.output(t, "stdout"); got != "once\n" {
			t.Errorf("output %q", got)
		}
	}
}

// Without live-restore an Engine ends its containers when it ends or, killed, when it starts again. A task that obeys has not finished.
func TestEngineEndsTasks(t *testing.T) {
	engine := newRestartable(t, "--live-restore=false")
	h := newHost(t)
	for name, signal := range map[string]syscall.Signal{"stopped": syscall.SIGTERM, "killed": syscall.SIGKILL} {
		k := h.launch(t, probe(t, "hold"))
		k.awaitReady(t)
		engine.end(t, signal)
		engine.start(t)
		status := k.end(t)
		if got := status.GetMessage(); status.GetState() != mesos.TASK_FAILED || !strings.Contains(got, "the Docker Engine") {
			t.Errorf("Engine %s: %s %q", name, status.GetState(), got)
		}
	}
}
