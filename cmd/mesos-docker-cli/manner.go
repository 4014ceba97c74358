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

// maxAsks is how often a command is given to a daemon that dies of it, or so it seems.
const maxAsks = 3

// maxRunAsks is the same for a run of whose container nothing is known yet: a pull that takes its time may see several daemons.
const maxRunAsks = 10

// manner is how a command is asked for.
type manner struct {
	// repeat is that the command may be asked for anew when the daemon dies before it has told the end: a second time does what
	// once would have done. Nothing of a command is printed before its end then, so that what is printed is of one answer.
	repeat bool

	// stream is that output is printed at once all the same.
	stream bool

	// bounded is that the daemon owes an answer, or a sign of life: there is a deadline on what it does.
	bounded bool

	// survives is that the command outlives the daemon: the next one goes on with it.
	survives bool

	// signals is that the command decides what they mean.
	signals bool

	// unreachable and lost are docker's exit statuses when its daemon is not there, and when it goes away.
	unreachable, lost int
}

// manners are those of the commands that are not asked for in the plain one.
//
// A second rm may find that the first has done its work, and say that there is no such container, which agents expect of a
// container that somebody else has removed. A second kill would be a second signal.
var manners = map[string]manner{
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

// mannerOf returns the manner of a command, which need not be known here: the daemon may be newer.
func mannerOf(command string) manner {
	if m, ok := manners[command]; ok {
		return m
	}
	return manner{unreachable: statusFailed, lost: statusFailed}
}

// noticed are the signals that end a command, or go to the container of a run, as docker's client forwards them: all that are
// not the client's own business, such as its window's size or being stopped by a shell.
var noticed = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM,
	syscall.SIGWINCH,
}
