package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"runtime"
	"text/tabwriter"

	"github.com/docker/docker/api"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/executor/wire"
)

const versionUsage = `
Usage: mesos-docker-containerizer version [--json]

Shows the versions of the program, with the commit it was built from, of Go, of the conversation with executors (an executor's may be
older than the daemon's, never newer), and the newest Docker Engine API that is spoken; older Engines are spoken to in theirs.
`

// versions is what a bug report should name. The names of the fields are an interface: scripts of packages and of admins read them.
type versions struct {
	Version   string `json:"version"`
	Commit    string `json:"commit"` // with "-dirty" behind it where files had been changed
	Go        string `json:"go"`
	Platform  string `json:"platform"`
	Wire      int    `json:"wire"`
	DockerAPI string `json:"docker_api"`
}

// showVersion reads no settings: their mistakes must not keep the version from being told.
func showVersion(own *flag.FlagSet) action {
	asJSON := own.Bool("json", false, "one JSON object")
	return func(t terminal, _ *config.Config, _ []string) error {
		v := versions{version, commit, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, wire.Version, api.DefaultVersion}
		if *asJSON {
			return json.NewEncoder(t.stdout).Encode(v)
		}
		table := tabwriter.NewWriter(t.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintf(table, "mesos-docker-containerizer\t%s\n", v.Version)
		fmt.Fprintf(table, "commit\t%s\n", v.Commit)
		fmt.Fprintf(table, "go\t%s %s\n", v.Go, v.Platform)
		fmt.Fprintf(table, "wire\t%d\n", v.Wire)
		fmt.Fprintf(table, "docker API\t%s\n", v.DockerAPI)
		return table.Flush()
	}
}
