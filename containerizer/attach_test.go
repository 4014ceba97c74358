package containerizer

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/executor/wire"
)

// An executor whose task's record cannot be read for now, as on a disk that hangs, holds up nobody else.
func TestRecordThatHangs(t *testing.T) {
	state, sandbox := t.TempDir(), t.TempDir()
	o := hostOptions(t, filepath.Join(state, "no-engine"))
	o.Records = record.NewStore(state, zap.NewNop())
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); s.group.Wait(); s.instance.release() })
	self, err := wire.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	attach := wire.Attach{
		Route: wire.RouteCustom, Framework: "framework", Executor: "executor", Sandbox: sandbox, State: &wire.State{Launch: wire.Launch{Task: "task"}},
	}
	hanging := pipeInPlaceOf(t, state, record.Record{
		Task: "task", Framework: "framework", Executor: "executor", Container: containerName(&attach, "task", self),
	})
	attached := make(chan error, 1)
	go func() {
		_, err := s.session(ctx, &attach, peer{Process: self})
		attached <- err
	}()
	writer, err := os.OpenFile(hanging, os.O_WRONLY, 0) // returns when the record is being read
	if err != nil {
		t.Fatal(err)
	}
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		s.Tasks()
		s.claimed("another")
	}()
	select {
	case <-looked:
	case <-time.After(patience):
		t.Error("others are held up")
	}
	writer.Close()
	if err := <-attached; err != nil {
		t.Error(err)
	}
	<-looked
}

// pipeInPlaceOf makes a pipe where a store below the state directory keeps a record.
func pipeInPlaceOf(t *testing.T, state string, r record.Record) (path string) {
	t.Helper()
	store := record.NewStore(state, zap.NewNop())
	store.Put(&r)
	ended, end := context.WithCancel(t.Context())
	end()
	store.Run(ended) // writes it
	files, err := filepath.Glob(filepath.Join(record.Directory(state), "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(files[0], 0o600); err != nil {
		t.Fatal(err)
	}
	return files[0]
}
