package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
)

// What is secret passes from this process to the one that replaces it through pipes, so that it stands in no environment or
// command line that others on the host can look at.
const (
	// maxSecret is what the kernel takes for one argument or variable, in bytes, and so an agent can pass.
	maxSecret = 128 << 10

	// setPipeSize is F_SETPIPE_SZ, which package syscall lacks.
	setPipeSize = 1031
)

// secretPipe returns the read end of a pipe that holds a text and survives an exec.
func secretPipe(text string) (int, error) {
	if len(text) > maxSecret {
		return 0, errors.New("it is too long")
	}
	var ends [2]int
	if err := syscall.Pipe(ends[:]); err != nil {
		return 0, err
	}
	defer syscall.Close(ends[1])
	// Where the size cannot be had the pipe stays as it is, and what does not fit is refused below.
	syscall.Syscall(syscall.SYS_FCNTL, uintptr(ends[1]), setPipeSize, maxSecret)
	if err := syscall.SetNonblock(ends[1], true); err != nil { // nobody reads yet
		return 0, err
	}
	if n, err := syscall.Write(ends[1], []byte(text)); err != nil || n < len(text) {
		return 0, errors.New("it does not fit into a pipe")
	}
	return ends[0], nil
}

// readSecret reads what secretPipe wrote, once, from a descriptor given by its number.
func readSecret(number string) (string, error) {
	fd, err := strconv.Atoi(number)
	if err != nil || fd <= 2 {
		return "", fmt.Errorf("not a descriptor")
	}
	pipe := os.NewFile(uintptr(fd), "secret")
	defer pipe.Close()
	text, err := io.ReadAll(io.LimitReader(pipe, maxSecret))
	if err != nil {
		return "", err
	}
	return string(text), nil
}
