package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// pulled is an app whose image has to be pulled. The image's program is no program.
func pulled(id, reference string) string {
	return fmt.Sprintf(`{"id": "/%s", "cpus": 0.1, "mem": 32, "container": {"type": "DOCKER", "docker": {"image": %q, "network": "NONE"}}}`, id, reference)
}

func TestProgressOfAPull(t *testing.T) {
	registry := startRegistry(t)
	id := unique(t)
	p := start(t, "run", "--output=json", file(t, pulled(id, registry.reference)))
	p.await(`"event":"progress"`)
	p.await(fmt.Sprintf(`"total":%d`, len(registry.blobs[registry.layer])))
	registry.release()
	p.wantStatus(exitFailed)
	events := p.events()
	var most int64
	for _, e := range events {
		if e.Event != "progress" {
			continue
		}
		if e.Reference != registry.reference || e.Total > 0 && e.Layers != 1 || e.Message == "" || e.Bytes > e.Total {
			t.Errorf("progress is %+v", e)
		}
		most = max(most, e.Bytes)
	}
	if most == 0 {
		t.Error("no byte of progress was reported")
	}
	if last := events[len(events)-1]; last.State != "TASK_FAILED" || last.Message == "" {
		t.Errorf("the last event is %+v", last)
	}
	nothingLeft(t, id)
}

func TestInterruptDuringAPull(t *testing.T) {
	registry := startRegistry(t)
	id := unique(t)
	p := start(t, "run", "--output=json", file(t, pulled(id, registry.reference)))
	p.await(`"event":"progress"`)
	p.interrupt()
	p.wantStatus(exitOK)
	if got := states(p.events())[id]; !strings.HasSuffix(got, " KILLED") {
		t.Errorf("states are %s", got)
	}
	nothingLeft(t, id)
}

func TestImageThatIsNotThere(t *testing.T) {
	id := unique(t)
	const missing = "127.0.0.1:1/nothing/there:7" // nobody listens at port 1
	p := start(t, "run", file(t, pulled(id, missing)))
	p.wantStatus(exitFailed)
	if !strings.Contains(p.out(), "TASK_FAILED") || !strings.Contains(p.out(), missing) {
		t.Error("the output does not name the image")
	}
	nothingLeft(t, id)
}

// onTerminal gives the program a terminal as stdin, stdout and stderr, and returns its other end, at which Ctrl-C can be typed.
func onTerminal(t *testing.T, environ []string, args ...string) (*process, *os.File) {
	t.Helper()
	keyboard, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(terminal, &pty.Winsize{Rows: 40, Cols: 200}); err != nil {
		t.Fatal(err)
	}
	p := startWith(t, func(c *exec.Cmd) {
		c.Env = append(c.Env, environ...)
		c.Stdin, c.Stdout, c.Stderr = terminal, terminal, terminal
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	}, args...)
	terminal.Close()
	go func() { // ends with the program, which holds the other end
		defer keyboard.Close()
		b := make([]byte, 4096)
		for {
			n, err := keyboard.Read(b)
			if n > 0 {
				_, _ = writer{p, &p.stdout}.Write(b[:n]) // a buffer takes everything
			}
			if err != nil {
				return
			}
		}
	}()
	return p, keyboard
}

// TestTerminal is what a person sees: a table with the progress of the pull, colours, and that Ctrl-C works.
func TestTerminal(t *testing.T) {
	t.Run("table", func(t *testing.T) {
		registry := startRegistry(t)
		id := unique(t)
		p, keyboard := onTerminal(t, []string{"TERM=xterm"}, "run", file(t, pulled(id, registry.reference)))
		p.await("PHASE")
		p.await("of 4.0MiB, " + registry.reference)
		press(t, keyboard, "\x03")
		p.await("TASK_KILLED")
		p.wantStatus(exitOK)
		nothingLeft(t, id)
	})
	t.Run("colours", func(t *testing.T) {
		id := unique(t)
		app := file(t, shell(t, id, "echo up; sleep 600", `, "taskKillGracePeriodSeconds": 0`))
		p, keyboard := onTerminal(t, []string{"TERM=xterm"}, "run", app)
		p.await("\x1b[32mTASK_RUNNING\x1b[0m")
		p.await("| up")
		press(t, keyboard, "\x03")
		p.await("interrupt again to force")
		p.wantStatus(exitOK)
		nothingLeft(t, id)
	})
	t.Run("no colours", func(t *testing.T) {
		p, _ := onTerminal(t, []string{"TERM=xterm", "NO_COLOR=1"}, "run", file(t, shell(t, unique(t), "echo err >&2", "")))
		p.await("TASK_FINISHED")
		p.wantStatus(exitOK)
		if strings.Contains(p.out(), "\x1b[3") {
			t.Error("there are colours")
		}
	})
	t.Run("no table", func(t *testing.T) {
		p, _ := onTerminal(t, []string{"TERM=dumb"}, "run", file(t, shell(t, unique(t), "echo err >&2", "")))
		p.await("TASK_FINISHED")
		p.wantStatus(exitOK)
		if strings.Contains(p.out(), "\x1b") || strings.Contains(p.out(), "-0.00") {
			t.Error("there are escape sequences, or a time below zero")
		}
	})
}

func press(t *testing.T, keyboard *os.File, keys string) {
	t.Helper()
	if _, err := keyboard.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}
