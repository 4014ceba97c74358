// Command mesos-docker-cli is to be the docker command of a Mesos agent (its flag --docker), answered by the daemon. So far it
// answers the one question an agent asks at its start, `docker [-H HOST] --version`, which needs neither daemon nor Engine. Any
// other command is refused by name, with the exit status that docker has for an error of its own.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// dockerVersion is the release of docker whose behaviour is followed; agents parse it (contract section 1.8).
const dockerVersion = "28.5.2"

// version is set by the linker.
var version = "unknown"

// statusRefused is docker's own status for a command it cannot carry out.
const statusRefused = 1

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	command := skipHost(args)
	if len(command) > 0 && (command[0] == "--version" || command[0] == "-v") {
		fmt.Fprintf(stdout, "Docker version %s, build %s\n", dockerVersion, version)
		return 0
	}
	name := "(none)"
	if len(command) > 0 {
		name = command[0]
	}
	fmt.Fprintf(stderr, "docker: mesos-docker-containerizer does not answer the command %q yet: let the agent's --docker name the real docker command\n", name)
	return statusRefused
}

// skipHost leaves out -H HOST, which an agent puts before every command.
func skipHost(args []string) []string {
	switch {
	case len(args) >= 2 && (args[0] == "-H" || args[0] == "--host"):
		return args[2:]
	case len(args) >= 1 && (strings.HasPrefix(args[0], "-H=") || strings.HasPrefix(args[0], "--host=")):
		return args[1:]
	}
	return args
}
