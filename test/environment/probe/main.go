// Command probe is the program inside the test images.
//
//	probe report [PATH...]           print what the process sees (package report) as JSON and exit
//	probe http [flags] PORT          serve the working directory; /probe/report?path=P answers with the report
//	probe echo [flags] NETWORK PORT  send back what arrives; NETWORK is tcp, udp or both as tcp,udp
//	probe hold [flags]               do nothing until stopped
//	probe memory [flags] BYTES       allocate and touch as much, then hold
//	probe write [flags]              write numbered lines to stdout and stderr and exit
//	probe exit CODE                  exit with the code
//	probe signal NUMBER              end as a shell whose child died of the signal: exit with 128 + NUMBER
//
// Those that stay print a line on stdout once they are ready (echo: one for each network), and take -term, which says what
// SIGTERM does: "exit" (the default), "ignore", or a duration after which to exit; and -term-code, the exit code then. The
// other signals that a test may choose as stop signal (SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2) act alike, and each is named
// on stdout when it comes.
//
// Under the name python or python3 it stands in for `python3 -m http.server [PORT]`, which Marathon's examples run.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"mesos-docker-containerizer/test/environment/report"
)

// exitCode is the error of a command that ended as it was told to.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// The first goroutine stays on the first thread, for `hold -end-first-thread`.
func init() { runtime.LockOSThread() }

func main() { end(run(filepath.Base(os.Args[0]), os.Args[1:])) }

// end ends the program with the outcome of a command.
func end(err error) {
	var code exitCode
	switch {
	case errors.As(err, &code):
		os.Exit(int(code))
	case err != nil:
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(2)
	default:
		os.Exit(0)
	}
}

func run(name string, args []string) error {
	if strings.HasPrefix(name, "python") {
		return python(args)
	}
	commands := map[string]func([]string) error{
		"report": printReport,
		"http":   serveHTTP,
		"echo":   echo,
		"hold":   hold,
		"memory": memory,
		"write":  write,
		"exit":   exit,
		"signal": signalled,

		"await-signal": awaitSignal,
	}
	if len(args) == 0 {
		return errors.New("no command; one of report, http, echo, hold, memory, write, exit, signal is needed")
	}
	command, ok := commands[args[0]]
	if !ok {
		return fmt.Errorf("unknown command %q", args[0])
	}
	return command(args[1:])
}

func printReport(paths []string) error {
	return json.NewEncoder(os.Stdout).Encode(report.Collect(paths))
}
