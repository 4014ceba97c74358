package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/internal/localagent"
	"mesos-docker-containerizer/test/environment"
)

// endFile is a shell condition: the test has called k.tellEnd.
const endFile = `[ -e "$MESOS_SANDBOX/end" ]`

func (k *task) tellEnd(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(k.Sandbox, "end"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// An Engine that hangs does not keep a killed task from ending, and tells how others ended when it goes on. One that has forgotten a
// container does not end its task: that is stopped before it is said to have ended.
func TestEngineThatHangsOrForgets(t *testing.T) {
	engine := newRestartable(t)
	h := newHost(t)
	killed := h.launch(t, probe(t, "hold", "-term", "ignore"))
	ended := h.launch(t, shell(t, "echo first; until "+endFile+"; do sleep 0.05; done; echo last; exit 3"))
	forgotten := h.launch(t, shell(t, `trap 'echo told >"$MESOS_SANDBOX/told"; exit 5' TERM; while :; do sleep 0.05; done`))
	killed.awaitReady(t)
	ended.awaitOutput(t, "first")
	forgotten.await(t, mesos.TASK_RUNNING)

	if err := engine.dockerd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ended.tellEnd(t)
	began := time.Now()
	if err := h.agent.Kill(killed.ID, nil); err != nil {
		t.Fatal(err)
	}
	status, err := killed.Wait(patiently(t))
	if took := time.Since(began); err != nil || took > grace+5*time.Second {
		t.Errorf("the kill took %v: %v", took, err)
	}
	wantMessage(t, status, mesos.TASK_KILLED, "has not reported its exit")
	killed.awaitExecutor(t)
	if err := engine.dockerd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	wantMessage(t, ended.end(t), mesos.TASK_FAILED, "Container exited with status 3")
	if got := ended.output(t, "stdout"); got != "first\nlast\n" {
		t.Errorf("stdout %q", got)
	}
	killed.awaitNoContainer(t)

	id := forgotten.container(t)
	engine.end(t, syscall.SIGTERM)
	if err := os.RemoveAll(filepath.Join(engine.directory, "data/containers", id)); err != nil {
		t.Fatal(err)
	}
	engine.start(t)
	status, err = forgotten.Wait(patiently(t))
	if err != nil {
		t.Fatal(err)
	}
	wantMessage(t, status, mesos.TASK_FAILED, "does not know the container any more", "was stopped")
	if forgotten.output(t, "told") != "told\n" {
		t.Error("the task was not told to stop")
	}
	forgotten.awaitExecutor(t)
}

// A log helper that does not read keeps the Engine from telling how a container ended. The end is told all the same, and with a helper
// that reads again nothing of the output is missing.
func TestLogHelperThatDoesNotRead(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for name, test := range map[string]struct {
		kill bool
		want func(*testing.T, mesos.TaskStatus)
	}{
		"of a killed task": {true, func(t *testing.T, status mesos.TaskStatus) { wantForcedEnd(t, status, mesos.TASK_KILLED) }},
		"of a task that ends": {false, func(t *testing.T, status mesos.TaskStatus) {
			wantMessage(t, status, mesos.TASK_FAILED, "Container exited with status 3")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fifo := filepath.Join(t.TempDir(), "fifo")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			reader, err := os.OpenFile(fifo, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			info := shell(t, `trap '' TERM; /bin/probe write -stdout 1000000 & until `+endFile+`; do sleep 0.05; done; exit 3`)
			k := h.launch(t, info, func(r *localagent.LaunchRequest) {
				r.Args = append([]string{"-c", `exec "$0" "$@" >` + fifo, r.Path}, r.Args...)
				r.Path = "/bin/sh"
			})
			k.await(t, mesos.TASK_RUNNING)
			logged := awaitStandstill(t, k)
			if test.kill {
				if err := h.agent.Kill(k.ID, nil); err != nil {
					t.Fatal(err)
				}
			} else {
				k.tellEnd(t)
			}
			environment.Eventually(t, patience, "the executor to keep the output", func() bool { return strings.Contains(k.output(t, "stderr"), "keeping the rest of it in memory") })
			lines := make(chan int, 1)
			go func() { lines <- countNumbered(reader) }()
			status, err := k.Wait(patiently(t))
			if err != nil {
				t.Fatal(err)
			}
			test.want(t, status)
			k.end(t)
			if strings.Contains(k.output(t, "stderr"), "is cut") {
				t.Error("output was cut")
			}
			if err := reader.Close(); err != nil {
				t.Error(err)
			}
			if got := <-lines; got < logged {
				t.Errorf("%d lines in order of %d", got, logged)
			}
		})
	}
}

// An executor that is stopped takes no output, of which the Engine has more than it keeps for a reader. It hears all the same how its task
// ended when it goes on, and nothing of the output is missing.
func TestStoppedExecutor(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k := h.launch(t, shell(t, `until [ -e "$MESOS_SANDBOX/write" ]; do sleep 0.05; done
		/bin/probe write -stdout 1000000 & until `+endFile+`; do sleep 0.05; done; exit 3`))
	k.await(t, mesos.TASK_RUNNING)
	if err := syscall.Kill(k.pid(t), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(k.Sandbox, "write"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	logged := awaitStandstill(t, k)
	k.tellEnd(t)
	environment.Eventually(t, patience, "the container's end", func() bool {
		c, err := h.docker.ContainerInspect(t.Context(), k.container(t))
		return err == nil && !c.State.Running
	})
	if err := syscall.Kill(k.pid(t), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	wantMessage(t, k.end(t), mesos.TASK_FAILED, "Container exited with status 3")
	if got := countNumbered(strings.NewReader(k.output(t, "stdout"))); got < logged {
		t.Errorf("%d lines in order of %d", got, logged)
	}
}

// awaitStandstill waits until a task cannot write any more: its log has more than an Engine keeps for a reader, and does not grow. It
// returns the lines of the log.
func awaitStandstill(t *testing.T, k *task) (lines int) {
	t.Helper()
	var logged bytes.Buffer
	environment.Eventually(t, patience, "the task to be held up", func() bool {
		before := logged.Len()
		log, err := k.h.docker.ContainerLogs(t.Context(), k.container(t), container.LogsOptions{ShowStdout: true})
		if err != nil {
			return false
		}
		defer log.Close()
		logged.Reset()
		_, err = stdcopy.StdCopy(&logged, io.Discard, log)
		return err == nil && logged.Len() > 900_000 && logged.Len() == before
	})
	return bytes.Count(logged.Bytes(), []byte("\n"))
}

// countNumbered counts the lines of `probe write` that come in order, until the file is closed.
func countNumbered(file io.Reader) (lines int) {
	for scanner := bufio.NewScanner(file); scanner.Scan() && scanner.Text() == fmt.Sprintf("out %08d", lines); {
		lines++
	}
	return lines
}
