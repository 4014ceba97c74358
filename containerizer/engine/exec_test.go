package engine

import (
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"mesos-docker-containerizer/test/environment"
)

func TestExec(t *testing.T) {
	socket := realSocket(t)
	c, ref := newClient(t, socket), busyboxImage(t, socket)
	id, _ := create(t, c, shell(ref, "sleep 1000"), nil)
	o := container.ExecOptions{Cmd: []string{"/bin/sh", "-c", "cat; exit 3"}, AttachStdin: true, AttachStdout: true, AttachStderr: true, Tty: true}
	if _, err := c.CreateExec(t.Context(), id, o); !IsConflict(err) {
		t.Errorf("in a container that does not run: %v", err)
	}
	start(t, c, id)
	o.Tty = false
	exec, err := c.CreateExec(t.Context(), id, o)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := c.StartExec(t.Context(), exec, false)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if _, err := io.WriteString(stream, "in\n"); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseInput(); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(stream)
	if err != nil || !strings.HasSuffix(string(out), "in\n") {
		t.Errorf("%q, %v", out, err)
	}
	state, err := c.InspectExec(t.Context(), exec)
	for ; err == nil && state.Running && t.Context().Err() == nil; state, err = c.InspectExec(t.Context(), exec) {
	}
	if state.ExitCode != 3 || err != nil {
		t.Errorf("%+v, %v", state, err)
	}
	for _, name := range []string{"", "a/b", "../x"} {
		if _, err := c.CreateExec(t.Context(), name, o); !IsInvalid(err) {
			t.Errorf("in %q: %v", name, err)
		}
	}
}

// A stream that is closed lets go of who reads it, and the process lives on.
func TestCloseOfAStream(t *testing.T) {
	socket := realSocket(t)
	c, ref := newClient(t, socket), busyboxImage(t, socket)
	id, _ := create(t, c, shell(ref, "sleep 1000"), nil)
	start(t, c, id)
	exec, err := c.CreateExec(t.Context(), id, container.ExecOptions{Cmd: []string{"/bin/sh", "-c", "sleep 1000"}, AttachStdout: true})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := c.StartExec(t.Context(), exec, false)
	if err != nil {
		t.Fatal(err)
	}
	environment.Eventually(t, time.Minute, "the process", func() bool {
		state, err := c.InspectExec(t.Context(), exec)
		return err == nil && state.Running && state.Pid != 0
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = stream.Read(make([]byte, 1))
	}()
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	within(t, "end of the read", ended)
	if state, err := c.InspectExec(t.Context(), exec); err != nil || !state.Running {
		t.Errorf("%+v, %v", state, err)
	}
}

func TestInspectExec(t *testing.T) {
	socket := realSocket(t)
	c, ref := newClient(t, socket), busyboxImage(t, socket)
	id, _ := create(t, c, shell(ref, "sleep 1000"), nil)
	start(t, c, id)
	exec, err := c.CreateExec(t.Context(), id, container.ExecOptions{Cmd: []string{"/bin/sh", "-c", "echo up; read -r line"}, AttachStdin: true, AttachStdout: true})
	if err != nil {
		t.Fatal(err)
	}
	if state, err := c.InspectExec(t.Context(), exec); err != nil || state.Running || state.Pid != 0 {
		t.Errorf("before its start: %+v, %v", state, err)
	}
	output, err := c.StartExecOutput(t.Context(), exec)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	frame := make([]byte, 8+len("up\n"))
	if _, err := io.ReadFull(output, frame); err != nil || !strings.HasSuffix(string(frame), "up\n") {
		t.Errorf("%q, %v", frame, err)
	}
	for { // the Engine learns of the pid after the process has begun to write
		state, err := c.InspectExec(t.Context(), exec)
		if err != nil || !state.Running {
			t.Fatalf("while it runs: %+v, %v", state, err)
		}
		if state.Pid != 0 {
			break
		}
		runtime.Gosched()
	}
	if _, err := c.InspectExec(t.Context(), "absent"); !IsNotFound(err) {
		t.Errorf("of none: %v", err)
	}
}
