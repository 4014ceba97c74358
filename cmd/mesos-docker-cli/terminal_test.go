package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/term"

	"mesos-docker-containerizer/containerizer/dockercli"
)

// TestTerminal: what exec --interactive --tty needs of the client's terminal, which is as it was afterwards.
func TestTerminal(t *testing.T) {
	d := startDaemon(t, t.TempDir(), func(_ context.Context, c dockercli.Call) int {
		fmt.Fprintln(c.Stdout, c.Terminal.Stdin, c.Terminal.Stdout, <-c.Terminal.Sizes)
		if err := c.Terminal.Raw(); err != nil {
			return 1
		}
		fmt.Fprint(c.Stdout, "raw\r\n")
		key := make([]byte, 1)
		if _, err := io.ReadFull(c.Stdin, key); err != nil {
			return 1
		}
		fmt.Fprint(c.Stdout, key, "\r\n")
		fmt.Fprint(c.Stdout, <-c.Terminal.Sizes, "\r\n")
		return 6
	})
	c := docker(t, d.runDirectory, "exec", "--interactive", "--tty", "x", "sh")
	terminal, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	defer tty.Close()
	if err := pty.Setsize(terminal, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	before, err := term.GetState(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	c.Stdin, c.Stdout, c.Stderr = tty, tty, tty
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // so that it learns of the window's size
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(terminal)
	expect := func(want string) {
		t.Helper()
		if line, err := lines.ReadString('\n'); line != want+"\r\n" {
			t.Fatalf("%q, %v, want %q", line, err, want)
		}
	}
	expect("true true {24 80}")
	expect("raw")
	if _, err := terminal.Write([]byte{3}); err != nil { // Ctrl-C, which is a key like others now
		t.Fatal(err)
	}
	expect("[3]")
	if err := pty.Setsize(terminal, &pty.Winsize{Rows: 30, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	expect("{30 100}")
	_ = c.Wait()
	if status := c.ProcessState.ExitCode(); status != 6 {
		t.Errorf("exit status %d", status)
	}
	after, err := term.GetState(int(tty.Fd()))
	if err != nil || *before != *after {
		t.Errorf("the terminal is %+v, was %+v, %v", after, before, err)
	}
}
