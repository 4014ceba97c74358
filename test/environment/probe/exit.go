package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

func exit(args []string) error {
	n, err := number("exit", args)
	if err != nil {
		return err
	}
	return exitCode(n)
}

// signalled lets a child die of the signal and passes that on the way a shell does. The first process of a container cannot
// do it to itself: the kernel keeps signals of its own namespace from it.
func signalled(args []string) error {
	n, err := number("signal", args)
	if err != nil {
		return err
	}
	child := exec.Command("/proc/self/exe", "await-signal")
	stdin, err := child.StdinPipe()
	if err != nil {
		return err
	}
	defer stdin.Close()
	if err := child.Start(); err != nil {
		return err
	}
	if err := child.Process.Signal(syscall.Signal(n)); err != nil {
		return err
	}
	err = child.Wait()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.Sys().(syscall.WaitStatus).Signaled() {
		fmt.Fprintln(os.Stderr, "child:", ended)
		return exitCode(128 + n)
	}
	return fmt.Errorf("signal %d did not end the child: %v", n, err)
}

// awaitSignal is the child of signalled: it has no handlers, and ends with its parent.
func awaitSignal([]string) error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func number(command string, args []string) (int, error) {
	if len(args) != 1 {
		return 0, fmt.Errorf("%s: a number is needed", command)
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return 0, fmt.Errorf("%s: %w", command, err)
	}
	return n, nil
}
