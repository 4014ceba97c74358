package main

import (
	"io"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mesos-docker-containerizer/containerizer/dockercli/protocol"
)

// TestDockerCommand: the daemon answers the agent's docker command, and is not kept from its end by a client.
func TestDockerCommand(t *testing.T) {
	flags, socket := serveFlags(t)
	daemon := start(t, append(flags, "--log_level=debug")...)
	daemon.await("the daemon serves")
	admin := filepath.Join(filepath.Dir(socket), protocol.AdminSocket)
	c, err := protocol.Dial(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SendJSON(protocol.KindCall, protocol.Call{Arguments: [][]byte{[]byte("ps"), []byte("-a")}}); err != nil {
		t.Fatal(err)
	}
	var stdout strings.Builder
	for {
		kind, body, err := c.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if kind == protocol.KindExit {
			if exit, err := protocol.Decode[protocol.Exit](body); err != nil || exit.Status != 0 {
				t.Errorf("exit status %d, %v", exit.Status, err)
			}
			break
		}
		stdout.Write(body)
	}
	if !strings.HasPrefix(stdout.String(), "CONTAINER ID ") {
		t.Errorf("ps -a prints %q", stdout.String())
	}
	daemon.await("docker command answered")

	undecided, err := protocol.Dial(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	defer undecided.Close()
	daemon.signal(syscall.SIGTERM)
	daemon.wantStatus(exitOK)
	if kind, _, err := undecided.Receive(); err != io.EOF {
		t.Errorf("kind %d, %v", kind, err)
	}
}
