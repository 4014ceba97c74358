package run

import (
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

const shell = "/bin/sh"

// program is what is started for a task, with its arguments. A task that names its executor gets that one, started as an agent's
// Mesos containerizer would, in the sandbox and with the executor's environment: by the shell, or with its arguments as they are.
// Ours are added behind, since it must find the daemon of this run and not the host's. In the line that Marathon makes the last
// command is the executor, so there they become its arguments; a line that ends otherwise cannot be run here.
func program(info *mesos.ExecutorInfo, own string, args []string) (path string, arguments []string) {
	command := info.GetCommand()
	if command.GetValue() == "" {
		return own, args
	}
	if command.GetShell() {
		line := command.GetValue()
		for _, arg := range args {
			line += " " + quote(arg)
		}
		return shell, []string{"-c", line}
	}
	// The shell looks for a program without a slash on the PATH of the executor, as an agent does. The first argument is the
	// program's own name.
	if len(command.Arguments) > 1 {
		args = slices.Concat(command.Arguments[1:], args)
	}
	return shell, append([]string{"-c", `exec "$0" "$@"`, command.GetValue()}, args...)
}

// quote makes one word of a text for the shell.
func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
