package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"time"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/internal/lookup"
)

const whyUsage = `
Usage: mesos-docker-containerizer why [--json] [FLAG...] TASK

Explains a task that lives or has ended in the last 24 hours, in ten lines at most: what was asked, how far it got and how long each
step took, what ended it, and what to do. TASK is the beginning of the task's id, its app's, its container's name or its container's id.

It reads the records that the daemon keeps below /var/lib/mesos-docker-containerizer/tasks (or, with another run_dir, in its folder
tasks), so it needs root, and neither the daemon nor the Docker Engine. Records hold no values of variables or parameters.

Exit status: 0, 1 when no task matches or several do, 2 when a flag or setting is wrong.
`

// stateDirectory is where the daemon keeps what outlives it: systemd's StateDirectory, unless its run_dir is not the usual one either.
func stateDirectory(c *config.Config) string {
	if c.Origin("run_dir").Layer == config.BuiltIn {
		return "/var/lib/mesos-docker-containerizer"
	}
	return c.RunDir
}

// why explains one task.
func why(own *flag.FlagSet) action {
	asJSON := own.Bool("json", false, "the whole record as one JSON object")
	return func(t terminal, c *config.Config, arguments []string) error {
		if len(arguments) != 1 {
			return withStatus(exitUsage, errors.New("name one task; `mesos-docker-containerizer ps` lists those that live"))
		}
		found, err := record.Find(stateDirectory(c), arguments[0])
		if errors.Is(err, lookup.ErrNone) || errors.Is(err, lookup.ErrSeveral) {
			err = ofLastDay(err)
		} else if errors.Is(err, os.ErrPermission) {
			err = fmt.Errorf("%w; the records are root's alone", err)
		}
		if err != nil {
			return err
		}
		found.Stopped = wire.Process(found.Process).Stopped()
		if *asJSON {
			return json.NewEncoder(t.stdout).Encode(found)
		}
		if found.End == nil && !daemonListens(c) {
			fmt.Fprintln(t.stderr, program+": no daemon runs; this is what the last one knew")
		}
		for _, line := range found.Why(time.Now()) {
			if _, err := fmt.Fprintln(t.stdout, line); err != nil {
				return err
			}
		}
		return nil
	}
}

// ofLastDay adds to an error of record.Find among which tasks it has looked.
func ofLastDay(err error) error { return fmt.Errorf("%w, of those of the last 24 hours", err) }

// daemonListens reports whether there is a daemon, which may hang.
func daemonListens(c *config.Config) bool {
	conn, err := net.DialTimeout("unix", adminSocket(c), time.Second/2)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
