package main

import (
	"os"
	"sync"

	"golang.org/x/term"

	"mesos-docker-containerizer/containerizer/dockercli/protocol"
)

// terminal is the one at the process's streams, if any.
type terminal struct {
	stdin, stdout bool // is a terminal

	mu     sync.Mutex
	before *term.State // raw mode is left for it
}

func newTerminal() *terminal {
	return &terminal{stdin: term.IsTerminal(int(os.Stdin.Fd())), stdout: term.IsTerminal(int(os.Stdout.Fd()))}
}

// size returns that of the terminal at stdout, nil without one.
func (t *terminal) size() *protocol.Size {
	if !t.stdout {
		return nil
	}
	width, height, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return nil
	}
	return &protocol.Size{Height: uint(height), Width: uint(width)}
}

// raw puts the terminal at stdin into raw mode.
func (t *terminal) raw() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.before != nil {
		return nil
	}
	before, err := term.MakeRaw(int(os.Stdin.Fd()))
	t.before = before
	return err
}

// restore leaves raw mode, before the process ends.
func (t *terminal) restore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.before == nil {
		return
	}
	_ = term.Restore(int(os.Stdin.Fd()), t.before) // a terminal that is gone needs no restoring
	t.before = nil
}
