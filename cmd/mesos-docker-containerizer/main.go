// Command mesos-docker-containerizer is the daemon that runs the Docker containers of Mesos tasks, and the command line of the
// people who look after it. `mesos-docker-containerizer help` lists what it can do.
//
// This package only wires: main.go has the table of subcommands, each has a file of its own, and what it takes to run a task
// without a cluster is in the packages below internal. Subcommands take the flags of package config next to their own.
package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
)

// version and commit are set by the linker.
var version, commit = "unknown", "unknown"

// Exit statuses. They are part of the interface: scripts act on them.
const (
	exitOK          = 0
	exitFailed      = 1 // what was asked for was tried and failed
	exitUsage       = 2 // the command line, the configuration or a document is wrong; nothing was done
	exitEnvironment = 3 // something that is needed is not there, such as a Docker Engine
)

// terminal is how a subcommand and the person who called it reach each other.
type terminal struct {
	stdin   io.Reader
	stdout  *os.File
	stderr  io.Writer
	environ []string

	// reread reads the settings anew, by the same command line. It is set while a subcommand runs.
	reread func() (*config.Config, error)
}

// program is the name by which people and scripts call it.
const program = "mesos-docker-containerizer"

// commands are in the order in which help shows them.
func commands() []*command {
	return []*command{
		{name: "serve", summary: "run the daemon", usage: serveUsage, define: serve},
		{name: "run", summary: "run Marathon apps on this host without a cluster, in the foreground", usage: runUsage, define: run, arguments: true},
		{name: "ps", summary: "list the daemon's tasks and what they are doing", usage: psUsage, define: ps, asks: true, tasks: true},
		{name: "why", summary: "explain a task of the last 24 hours: what became of it, why, and what to do", usage: whyUsage, define: why,
			asks: true, tasks: true},
		{name: "logs", summary: "print what a task has written", usage: logsUsage, define: logs, asks: true, tasks: true},
		{name: "stats", summary: "show what tasks use of processors and memory", usage: statsUsage, define: stats, asks: true, tasks: true},
		{name: "inspect", summary: "print all that is known of a task", usage: inspectUsage, define: inspect, asks: true, tasks: true},
		{name: "exec", summary: "run a command in a task's container", usage: execUsage, define: execInContainer, asks: true, tasks: true, operands: 1},
		{name: "stop", summary: "end a task as its framework would", usage: stopUsage, define: stop, asks: true, tasks: true},
		{name: "events", summary: "print changes of tasks as they happen", usage: eventsUsage, define: showEvents, asks: true, tasks: true},
		{name: "drain", summary: "print how to drain this host, and wait until no task is left", usage: drainUsage, define: drainHost, asks: true},
		{name: "reload", summary: "have the daemon read its settings again, without a restart", usage: reloadUsage, define: reload, asks: true, warns: true},
		{name: "images", summary: "list the images that were pulled for tasks, and clean them up", usage: imagesUsage, define: images,
			arguments: true, words: []string{"gc"}, asks: true},
		{name: "setup", summary: "put the programs in the place of the agent's own, or take that back", usage: setupUsage, define: runSetup},
		{name: "doctor", summary: "check this host from end to end, and say what to do", usage: doctorUsage, define: runDoctor, asks: true},
		{name: "config", summary: "show every setting and where it comes from", usage: configUsage, define: showConfig, asks: true, warns: true},
		{name: "completion", summary: "print what makes a shell complete the command line", usage: completionUsage, define: completion,
			noSettings: true, arguments: true, words: shells},
		{name: "manual", summary: "print a manual page", usage: manualUsage, define: manual,
			noSettings: true, arguments: true, words: manuals},
		{name: "version", summary: "show versions", usage: versionUsage, define: showVersion, noSettings: true},
	}
}

// commandByName is nil where there is no such command.
func commandByName(name string) *command {
	for _, c := range commands() {
		if c.name == name {
			return c
		}
	}
	return nil
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == parameters.Subcommand {
		os.Exit(parameters.ParseMain(os.Stdin, os.Stdout))
	}
	t := terminal{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ()}
	os.Exit(dispatch(t, os.Args[1:]))
}

func dispatch(t terminal, args []string) int {
	if len(args) == 0 {
		overview(t.stderr)
		return exitUsage
	}
	name := args[0]
	if name == "help" || isHelp(name) {
		if len(args) == 1 {
			overview(t.stdout)
			return exitOK
		}
		name, args = args[1], []string{args[1], "--help"}
	}
	if isCompletionRequest(name) {
		return t.status(complete(t, args))
	}
	if name == "--version" || name == "-v" { // as other programs have it
		name = "version"
	}
	c := commandByName(name)
	if c == nil {
		return t.status(withStatus(exitUsage, fmt.Errorf("there is no subcommand %q; `mesos-docker-containerizer help` lists them", name)))
	}
	return c.run(t, args[1:])
}

func overview(w io.Writer) {
	fmt.Fprint(w, "Usage: mesos-docker-containerizer SUBCOMMAND [FLAG...] [ARGUMENT...]\n\n"+
		"Runs the Docker containers of Mesos tasks.\n\n")
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, c := range commands() {
		fmt.Fprintf(table, "  %s\t%s\n", c.name, c.summary)
	}
	table.Flush()
	fmt.Fprint(w, "\n`mesos-docker-containerizer help SUBCOMMAND` says more about one of them.\n")
}
