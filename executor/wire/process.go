package wire

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Process identifies one process for all time: a pid is used again, but not with the same start time in the same boot.
type Process struct {
	PID int `json:"pid"`

	// StartTime is field 22 of /proc/PID/stat: clock ticks since the boot.
	StartTime uint64 `json:"start_time"`

	// BootID is the kernel's random name for this boot.
	BootID string `json:"boot_id"`
}

// FindProcess describes a process that runs now. The error wraps os.ErrNotExist when there is none.
func FindProcess(pid int) (Process, error) {
	p, _, err := findProcess(pid)
	return p, err
}

func findProcess(pid int) (p Process, state byte, err error) {
	boot, err := bootID()
	if err != nil {
		return Process{}, 0, fmt.Errorf("read boot id: %w", err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, syscall.ESRCH) { // it died between open and read
		err = fmt.Errorf("%w: %w", os.ErrNotExist, err)
	}
	if err != nil {
		return Process{}, 0, fmt.Errorf("describe process %d: %w", pid, err)
	}
	state, ended, start, err := parseStat(stat)
	if err != nil {
		return Process{}, 0, fmt.Errorf("describe process %d: %w", pid, err)
	}
	if ended {
		return Process{}, 0, fmt.Errorf("describe process %d: %w: it has ended and waits to be reaped", pid, os.ErrNotExist)
	}
	return Process{PID: pid, StartTime: start, BootID: boot}, state, nil
}

// bootID reads the kernel's name for this boot, once.
var bootID = sync.OnceValues(func() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
})

// parseStat reads in a stat line the state, whether the process has ended, and its start time (field 22). The second field is the program's name
// in parentheses and may itself hold blanks and parentheses, so fields are counted from the last one. A process whose first thread has
// ended while others run has the state of one that has ended (field 3), and more than one thread (field 20).
func parseStat(stat []byte) (state byte, ended bool, start uint64, err error) {
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, false, 0, errors.New("stat line has no program name")
	}
	fields := bytes.Fields(stat[end+1:])
	const first, threadsField, startField = 3, 20, 22
	if len(fields) <= startField-first {
		return 0, false, 0, errors.New("stat line is too short")
	}
	threads, err := strconv.Atoi(string(fields[threadsField-first]))
	if err != nil {
		return 0, false, 0, err
	}
	state = fields[0][0]
	start, err = strconv.ParseUint(string(fields[startField-first]), 10, 64)
	return state, state == 'X' || state == 'Z' && threads <= 1, start, err
}

// Alive tells whether the process still runs; one that has ended and was not reaped does not. When it cannot be seen for
// another reason than its absence the error says why.
func (p Process) Alive() (bool, error) {
	found, err := FindProcess(p.PID)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return found == p, nil
}

// Stopped tells whether a signal such as SIGSTOP has stopped the process, which does nothing then until SIGCONT.
func (p Process) Stopped() bool {
	found, state, err := findProcess(p.PID)
	return err == nil && found == p && state == 'T'
}
