// Command mesos-docker-containerizer is the daemon that runs the Docker containers of Mesos tasks, and the command line of the
// people who look after it. `mesos-docker-containerizer help` lists what it can do.
//
// This package only wires: each subcommand has a file of its own, and what it takes to run a task without a cluster is in the
// packages below internal. Every subcommand takes the flags of package config next to its own.
package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

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
}

// problem tells the person what is wrong and returns the exit status.
func (t terminal) problem(status int, err error) int {
	fmt.Fprintln(t.stderr, "mesos-docker-containerizer:", err)
	return status
}

// subcommand is one thing the program can do.
type subcommand struct {
	name    string
	summary string
	run     func(t terminal, args []string) int
}

// subcommands are in the order in which help shows them.
func subcommands() []subcommand {
	return []subcommand{
		{"serve", "run the daemon", serve},
		{"run", "run Marathon apps on this host without a cluster, in the foreground", run},
		{"ps", "list the daemon's tasks and what they are doing", ps},
		{"images", "list the images that were pulled for tasks, and clean them up", images},
		{"setup", "put the programs in the place of the agent's own, or take that back", runSetup},
		{"doctor", "check this host from end to end, and say what to do", runDoctor},
		{"config", "show every setting and where it comes from", showConfig},
		{"version", "show versions", showVersion},
	}
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
	if name == "--version" || name == "-v" { // as other programs have it
		name = "version"
	}
	for _, s := range subcommands() {
		if s.name == name {
			return s.run(t, args[1:])
		}
	}
	return t.problem(exitUsage, fmt.Errorf("there is no subcommand %q; `mesos-docker-containerizer help` lists them", name))
}

func overview(w io.Writer) {
	fmt.Fprint(w, "Usage: mesos-docker-containerizer SUBCOMMAND [FLAG...] [ARGUMENT...]\n\n"+
		"Runs the Docker containers of Mesos tasks.\n\n")
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, s := range subcommands() {
		fmt.Fprintf(table, "  %s\t%s\n", s.name, s.summary)
	}
	table.Flush()
	fmt.Fprint(w, "\n`mesos-docker-containerizer help SUBCOMMAND` says more about one of them.\n")
}
