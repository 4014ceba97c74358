package parameters

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// memoryAllowance is what the process may map beyond what it has mapped already, in bytes.
	memoryAllowance = 512 << 20

	// cpuSeconds bounds the work of a child, also of one whose parent has died.
	cpuSeconds = 10

	nobody = 65534
)

// confine takes from the process what reading options does not need: writing files, endless time and memory, and root.
func confine() error {
	mapped, err := mappedMemory()
	if err != nil {
		return fmt.Errorf("find out memory in use: %w", err)
	}
	limits := map[int]uint64{
		unix.RLIMIT_AS:    mapped + memoryAllowance,
		unix.RLIMIT_CPU:   cpuSeconds,
		unix.RLIMIT_FSIZE: 0,
		unix.RLIMIT_CORE:  0,
	}
	for resource, value := range limits {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: value, Max: value}); err != nil {
			return fmt.Errorf("set resource limit %d: %w", resource, err)
		}
	}
	return dropRoot()
}

// dropRoot becomes nobody. A daemon that its unit has already deprived of the capability to do so stays what it is.
func dropRoot() error {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, step := range []func() error{
		func() error { return syscall.Setgroups([]int{}) },
		func() error { return syscall.Setresgid(nobody, nobody, nobody) },
		func() error { return syscall.Setresuid(nobody, nobody, nobody) },
	} {
		if err := step(); err != nil {
			if errors.Is(err, unix.EPERM) {
				return nil
			}
			return fmt.Errorf("become nobody: %w", err)
		}
	}
	return nil
}

// mappedMemory returns the size of the address space in bytes.
func mappedMemory() (uint64, error) {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	var pages uint64
	if _, err := fmt.Sscan(string(data), &pages); err != nil {
		return 0, fmt.Errorf("read /proc/self/statm: %w", err)
	}
	return pages * uint64(os.Getpagesize()), nil
}
