package main

import (
	"os"
	"syscall"
	"time"
)

// patience is how long the daemon may be unreachable, or silent where an answer has a deadline, before a command fails. An
// agent's recovery dies of one failed inspect, and an upgrade or a crash takes the daemon away for the 2 s after which systemd
// starts it again (RestartSec) and the time it needs to listen; an agent that waits for a docker command of its own accord, as
// for the version, waits 5 s to 15 min.
const patience = 10 * time.Second

// maxAsks is how often a command is requested while the daemon dies each time.
const maxAsks = 3

// maxRunAsks is the same for a run of whose container nothing is known yet: a pull that takes its time may see several daemons.
const maxRunAsks = 10

// retryPolicy says how a command is requested, and repeated when the daemon dies before the end.
type retryPolicy struct {
	// repeat allows to repeat the command: a second time has the same effect as once. Its output is printed at its end only, so that
	// all of it is of one answer.
	repeat bool

	// stream prints the output of a command with repeat at once.
	stream bool

	// bounded means that the daemon must send an answer, or a sign of life, within patience.
	bounded bool

	// survives means that the command outlives the daemon: the next one goes on with it.
	survives bool

	// signals means that the command decides what signals mean.
	signals bool

	// unreachable and lost are docker's exit statuses when its daemon is not there, and when it goes away.
	unreachable, lost int
}

// retryPolicies are those of the known commands.
//
// A second rm may find that the first has removed the container, and answer that there is no such container. Agents expect that of a
// container that was removed by another. A second kill would be a second signal.
var retryPolicies = map[string]retryPolicy{
	"ps":      {repeat: true, bounded: true, unreachable: 1, lost: 1},
	"inspect": {repeat: true, bounded: true, unreachable: 1, lost: 1},
	"stop":    {repeat: true, bounded: true, unreachable: 1, lost: 1},
	"rm":      {repeat: true, bounded: true, unreachable: 1, lost: 1},
	"wait":    {repeat: true, unreachable: 1, lost: 1},
	"pull":    {repeat: true, stream: true, unreachable: 1, lost: 1},
	"kill":    {bounded: true, unreachable: 1, lost: 1},
	"exec":    {unreachable: 1, lost: 255},
	"run":     {survives: true, signals: true, unreachable: statusUsage, lost: statusUsage},
}

// retryPolicyOf returns the policy of a command. A newer daemon may have commands that are unknown here.
func retryPolicyOf(command string) retryPolicy {
	if m, ok := retryPolicies[command]; ok {
		return m
	}
	return retryPolicy{unreachable: statusFailed, lost: statusFailed}
}

// noticed are the signals that end a command, or go to the container of a run, as docker's client forwards them: all that are
// not the client's own business, such as its window's size or being stopped by a shell.
var noticed = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM,
	syscall.SIGWINCH,
}
