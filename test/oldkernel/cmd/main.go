// Command cmd runs a command as if the kernel were Linux 4.18: newer system calls are answered with ENOSYS. `go test -exec` can use it.
//
//	cmd COMMAND [ARGUMENT...]
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"mesos-docker-containerizer/test/oldkernel"
)

func main() {
	fmt.Fprintln(os.Stderr, "oldkernel:", run(os.Args[1:]))
	os.Exit(1)
}

// run returns only if it fails.
func run(arguments []string) error {
	if len(arguments) == 0 {
		return errors.New("name a command")
	}
	path, err := exec.LookPath(arguments[0])
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := oldkernel.Filter(syscall.ENOSYS); err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", path, syscall.Exec(path, arguments, os.Environ()))
}
