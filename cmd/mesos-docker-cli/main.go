// Command mesos-docker-cli is the docker command of a Mesos agent (its flag --docker, contract 1.8). It owns nothing: the
// daemon, mesos-docker-containerizer, carries the commands out on its own connection to the Engine, and this program hands over
// its arguments, its HOME and its streams. Which commands there are is up to the daemon; docs/docker-command.md lists them.
//
//	docker [-H unix://PATH] COMMAND [ARGUMENT...]
//
// The version is told without the daemon, because an agent asks for it often and waits 5 s for it.
//
// The daemon is found by the option --run_dir, which is ours and for wrappers, or the file /etc/mesos-docker-containerizer/run_dir,
// else in its standard place: never by the environment, which may be a task's.
package main

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"mesos-docker-containerizer/containerizer/dockercli/protocol"
)

// dockerVersion is the release of docker whose behaviour is followed; agents parse it (contract 1.8).
const dockerVersion = "28.5.2"

// version is set by the linker.
var version = "unknown"

// Exit statuses of docker.
const (
	statusFailed = 1
	statusUsage  = 125 // wrong options; run: docker itself failed
)

const usage = `Usage:  docker [OPTIONS] COMMAND

The docker command of a Mesos agent, answered by mesos-docker-containerizer

Global Options:
  -D, --debug             No effect: nothing is logged here
  -H, --host string       No effect: the daemon knows its Engine; only unix:// is accepted
  -l, --log-level string  No effect: nothing is logged here
      --run_dir string    Run directory of the daemon
  -v, --version           Print version information and quit

Commands:
  exec inspect kill logs ps pull rm run stop wait

'docker COMMAND --help' says what the options of one are. All others are refused.
`

func main() {
	os.Exit(run(os.Args[min(1, len(os.Args)):], os.Stdout, os.Stderr))
}

// run answers what needs no daemon, and asks the daemon for the rest.
func run(args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args)
	if err != nil {
		fmt.Fprintf(stderr, "%v\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' for more information\n", err)
		return statusUsage
	}
	switch {
	case o.version:
		fmt.Fprintf(stdout, "Docker version %s, build %s\n", dockerVersion, version)
		return 0
	case o.help, len(o.command) == 0, o.command[0] == "help":
		io.WriteString(stdout, usage)
		return 0
	}
	socket, err := daemonSocket(o.runDirectory, runDirectoryFile)
	if err != nil {
		fmt.Fprintln(stderr, "docker:", err)
		return retryPolicyOf(o.command[0]).unreachable
	}
	c := &client{
		socket: socket, patience: patience, policy: retryPolicyOf(o.command[0]),
		stdin: os.Stdin, stdout: stdout, stderr: stderr, terminal: newTerminal(),
	}
	defer c.terminal.restore()
	signals := make(chan os.Signal, 32)
	signal.Notify(signals, noticed...)
	go func() {
		for s := range signals {
			c.signalled(s.(syscall.Signal))
		}
	}()
	return c.ask(newCall(o.command, c.terminal))
}

func newCall(command []string, t *terminal) protocol.Call {
	call := protocol.Call{
		Home:          []byte(os.Getenv("HOME")),
		StdinTerminal: t.stdin, StdoutTerminal: t.stdout,
		Size: t.size(),
		ID:   rand.Text(),
	}
	for _, a := range command {
		call.Arguments = append(call.Arguments, []byte(a))
	}
	return call
}

// runDirectoryFile is the daemon's own setting run_dir, where that is not the standard one.
const runDirectoryFile = "/etc/mesos-docker-containerizer/run_dir"

// runDirectory is the daemon's standard run directory. The linker may set another one.
var runDirectory = "/run/mesos-docker-containerizer"

// daemonSocket is where the daemon answers. The run directory is that of the option, if it was given, else the file's.
func daemonSocket(option, file string) (string, error) {
	directory, source := option, "option --run_dir"
	if directory == "" {
		content, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("where the daemon runs: %w", err)
		}
		directory, source = strings.TrimSpace(string(content)), file
	}
	directory = cmp.Or(directory, runDirectory)
	if !filepath.IsAbs(directory) {
		return "", fmt.Errorf("where the daemon runs: %s says %q: want an absolute path", source, directory)
	}
	return filepath.Join(directory, protocol.AdminSocket), nil
}
