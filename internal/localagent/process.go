package localagent

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// forking is held for reading while a process is started. Between fork and exec the child has copies of the agent's sockets, and a
// listener that is closed in that time still accepts connections.
var forking sync.RWMutex

// process is a running executor with the processes that it has started. It leads its own session, which is killed at its end.
type process struct {
	command *exec.Cmd

	mu   sync.Mutex // held while the pid is used, so that it is still ours
	over bool
}

// startProcess runs a program in its sandbox as the agent does (contract 1.3): own session, empty stdin, output files
// opened for append, and no other environment than the given.
func startProcess(path string, args []string, environment map[string]string, sandbox string) (*process, error) {
	stdout, err := openOutput(sandbox, "stdout")
	if err != nil {
		return nil, fmt.Errorf("start executor: %w", err)
	}
	defer stdout.Close()
	stderr, err := openOutput(sandbox, "stderr")
	if err != nil {
		return nil, fmt.Errorf("start executor: %w", err)
	}
	defer stderr.Close()

	command := exec.Command(path, args...)
	command.Dir = sandbox
	command.Env = []string{} // nil would inherit
	for name, value := range environment {
		command.Env = append(command.Env, name+"="+value)
	}
	command.Stdout, command.Stderr = stdout, stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	forking.RLock()
	defer forking.RUnlock()
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start executor: %w", err)
	}
	return &process{command: command}, nil
}

func (p *process) pid() int { return p.command.Process.Pid }

// reap waits for the executor's own end, then kills what is left of its session, as a container dies with its first process.
func (p *process) reap() *os.ProcessState {
	for {
		// The pid stays taken until Wait, so that the session can be killed by it.
		err := unix.Waitid(unix.P_PID, p.pid(), nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	killSession(p.pid(), true)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.command.Wait() // an exit status other than 0 is not an error here
	return p.command.ProcessState
}

// kill ends the whole session at once.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		killSession(p.pid(), false)
	}
}

// deathLimit bounds the wait for processes that were killed to be dead. It takes long only for one in the middle of I/O.
const deathLimit = 5 * time.Second

// killSession sends SIGKILL to every process of a session. Members may have process groups of their own and may fork while we
// look, so it is repeated until none is left alive, within reason. If patient, it waits for them to be dead.
func killSession(session int, patient bool) {
	const passes = 20
	begin := time.Now()
	for range passes {
		members := sessionMembers(session)
		if len(members) == 0 {
			return
		}
		for _, pid := range members {
			killMember(pid, session, patient, begin.Add(deathLimit))
		}
	}
}

// killMember kills one process of a session, and checks the membership after it has got hold of the process: that may have ended
// since, and its pid may belong to another. Before Linux 5.4 nothing can be got hold of, so that the pid may pass to another between
// the check and the kill. If patient, it waits for the death until the deadline.
func killMember(pid, session int, patient bool, deadline time.Time) {
	process, err := os.FindProcess(pid)
	if err != nil {
		return
	}
	defer process.Release()
	if !isMember(pid, session) || process.Kill() != nil || !patient {
		return
	}
	looks := time.NewTicker(time.Millisecond)
	defer looks.Stop()
	for isMember(pid, session) && time.Now().Before(deadline) {
		<-looks.C
	}
}

// sessionMembers lists the processes of a session that are not dead yet.
func sessionMembers(session int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return []int{session}
	}
	var members []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if isMember(pid, session) {
			members = append(members, pid)
		}
	}
	return members
}

// isMember says whether a process lives and belongs to a session.
func isMember(pid, session int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	// The name of the program, in parentheses, may hold anything; after it come state, parent, group, session.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	return len(fields) > 3 && string(fields[3]) == strconv.Itoa(session) && string(fields[0]) != "Z" && string(fields[0]) != "X"
}
