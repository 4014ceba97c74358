package engine

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
)

func TestCommandsOnAnyContainer(t *testing.T) {
	socket := realSocket(t)
	c, ref := newClient(t, socket), busyboxImage(t, socket)
	ctx, name := t.Context(), uniqueName()
	id, _, err := c.Create(ctx, name, shell(ref, "sleep 1000"), &container.HostConfig{NetworkMode: "none"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Remove(context.Background(), id); err != nil {
			t.Error(err)
		}
	}()
	listed := func(stoppedToo bool) bool {
		list, err := c.ListAll(ctx, stoppedToo)
		if err != nil {
			t.Error(err)
		}
		return slices.ContainsFunc(list, func(s container.Summary) bool { return s.ID == id })
	}
	if !listed(true) || listed(false) {
		t.Error("a container that does not run is to be listed on demand only")
	}
	start(t, c, id)
	if !listed(false) {
		t.Error("a container that runs is not listed")
	}
	if err := c.RemoveContainer(ctx, name, RemoveOptions{}); !IsConflict(err) {
		t.Errorf("remove a running container: %v", err)
	}
	waited := make(chan error, 1)
	go func() {
		status, err := c.Wait(context.Background(), name)
		if status != 137 {
			t.Errorf("exit status %d, want 137", status)
		}
		waited <- err
	}()
	brief, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	if _, err := c.Wait(brief, id); !IsUnavailable(err) {
		t.Errorf("wait for a moment: %v", err)
	}
	cancel()
	if err := c.Kill(ctx, id, "KILL"); err != nil {
		t.Error(err)
	}
	if err := <-waited; err != nil {
		t.Errorf("wait: %v", err)
	}
	if err := c.RemoveContainer(ctx, name, RemoveOptions{Volumes: true}); err != nil {
		t.Error(err)
	}
	if err := c.RemoveContainer(ctx, name, RemoveOptions{Force: true}); !IsNotFound(err) {
		t.Errorf("remove again: %v", err)
	}
	if _, err := c.Wait(ctx, name); !IsNotFound(err) {
		t.Errorf("wait for nothing: %v", err)
	}
	for _, none := range []string{"", "a/b", "../x", "x?y"} {
		if ValidName(none) {
			t.Errorf("%q is no name", none)
		}
		if _, err := c.Wait(ctx, none); !IsInvalid(err) {
			t.Errorf("wait for %q: %v", none, err)
		}
		if err := c.RemoveContainer(ctx, none, RemoveOptions{}); !IsInvalid(err) {
			t.Errorf("remove %q: %v", none, err)
		}
	}
}
