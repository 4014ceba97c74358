package main

import (
	"fmt"
	"runtime"
	"text/tabwriter"

	"github.com/docker/docker/api"

	"mesos-docker-containerizer/executor/wire"
)

const versionUsage = `
Usage: mesos-docker-containerizer version

Shows the versions of the program, of Go, of the conversation with executors (an executor's may be older than the daemon's, never
newer), and the newest Docker Engine API that is spoken; older Engines are spoken to in theirs.
`

// showVersion prints what a bug report should name.
func showVersion(t terminal, args []string) int {
	a := newArguments("version", versionUsage)
	if a.wantsHelp(t.stdout, args) {
		return exitOK
	}
	if err := nothingElse(args); err != nil {
		return t.problem(exitUsage, err)
	}
	table := tabwriter.NewWriter(t.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "mesos-docker-containerizer\t%s\n", version)
	fmt.Fprintf(table, "go\t%s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(table, "wire\t%d\n", wire.Version)
	fmt.Fprintf(table, "docker API\t%s\n", api.DefaultVersion)
	table.Flush()
	return exitOK
}
