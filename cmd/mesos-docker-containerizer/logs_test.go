package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mesos-docker-containerizer/containerizer"
)

// TestLogsLeave leaves in the midst of a file that is much longer than what a person reads.
func TestLogsLeave(t *testing.T) {
	const size = 16 << 30
	task := containerizer.TaskReport{Sandbox: t.TempDir()}
	path := filepath.Join(task.Sandbox, "stdout")
	must(t, os.WriteFile(path, nil, 0o600))
	must(t, os.Truncate(path, size))
	from, to, err := os.Pipe()
	must(t, err)
	ctx, leave := context.WithCancel(t.Context())
	read := make(chan int64)
	go func() {
		_, _ = from.Read(make([]byte, 1))
		leave()
		n, _ := io.Copy(io.Discard, from)
		read <- n + 1
	}()
	must(t, terminal{stdout: to, stderr: to}.sandboxLog(ctx, nil, task, "stdout", -1, false))
	must(t, to.Close())
	if n := <-read; n >= size {
		t.Errorf("%d bytes came", n)
	}
	must(t, from.Close())
}

func TestLogsOfGoneSandbox(t *testing.T) {
	task := containerizer.TaskReport{Sandbox: filepath.Join(t.TempDir(), "gone")}
	err := terminal{stdout: os.Stdout, stderr: os.Stderr}.sandboxLog(t.Context(), nil, task, "stdout", -1, false)
	if err == nil || !strings.Contains(err.Error(), "gone, and its output with it") {
		t.Error(err)
	}
}

func TestFlagText(t *testing.T) {
	for name, want := range map[string]string{"logs": "  -f\n", "exec": "  -it\n"} {
		var help strings.Builder
		c := commandByName(name)
		own, _ := c.flags()
		if c.help(&help, own); !strings.Contains(help.String(), want) {
			t.Errorf("the help of %s has no %q:\n%s", name, want, help.String())
		}
	}
}
