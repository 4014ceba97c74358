package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/liveagent"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/overlay"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/setup"
	"mesos-docker-containerizer/config"
)

const setupUsage = `
Usage: mesos-docker-containerizer setup [--mesos-libexec=DIR] [--write] [FLAG...]
       mesos-docker-containerizer setup --undo [--force] [FLAG...]

Puts the executor and the docker command in the place of the stock ones for the agent of this host (the drop-in route), as root.
It makes the overlay, a folder of links to all of Mesos's helpers with ours in the place of one, and prints the files that make the
agent use it: launcher_dir, docker, containerizers. Nothing changes for the agent until they are in place, by --write or by hand, and
it has been restarted. Tasks that run go on.

Setting up again is safe, and due after each upgrade of Mesos: it links helpers that are new. --undo puts the files back as they
were; it refuses while tasks live on the drop-in route. With --force they run on all the same, and end as usual.

docs/drop-in.md says more. Exit status: 0, 1 when it failed (nothing is left half done) or an undo was refused, 2 when a flag or the
folder named is wrong, 3 without being root.
`

// defaultOverlay is on a disk, because an agent may start before anything could make the folder again. It is not below /usr, which
// packages own and some hosts mount read-only. It is not in the folder of the run subcommand below /var/lib, which users cannot enter.
const defaultOverlay = "/var/lib/mesos-docker-overlay"

type setupFlags struct {
	libexec, overlay, directory, agent, version, programs string
	write, undo, force                                    bool
}

func runSetup(own *flag.FlagSet) action {
	var f setupFlags
	own.StringVar(&f.libexec, "mesos-libexec", "", "`DIR` with Mesos's own helpers, as /usr/libexec/mesos; default: that of the last setup,\nelse the running agent's launcher_dir")
	own.StringVar(&f.overlay, "overlay", defaultOverlay, "`DIR` to make; default: "+defaultOverlay)
	own.StringVar(&f.directory, "agent-directory", "", "`DIR` of the agent's files; default: /etc/mesos-slave or /etc/mesos-agent")
	own.StringVar(&f.programs, "programs", "", "`DIR` with our mesos-docker-executor and docker; default: where they are installed")
	own.StringVar(&f.agent, "agent", "", agentUsage)
	own.StringVar(&f.version, "mesos-version", "", "the agent's `VERSION`; default: what it says")
	own.BoolVar(&f.write, "write", false, "write the agent's files")
	own.BoolVar(&f.undo, "undo", false, "put the agent's files back")
	own.BoolVar(&f.force, "force", false, "undo although tasks live")
	return func(t terminal, c *config.Config, _ []string) (err error) {
		if f.undo && f.write || f.force && !f.undo {
			return withStatus(exitUsage, errors.New("--undo goes without --write, and --force with --undo"))
		}
		if f.overlay, err = filepath.Abs(f.overlay); err != nil {
			return withStatus(exitUsage, err)
		}
		t.warnUnusable(c, "ip", "port", "launcher_dir")
		if os.Geteuid() != 0 {
			return withStatus(exitEnvironment, errors.New("setup makes what the agent runs as root, so it needs root itself; nothing was done"))
		}
		if f.undo {
			return undoSetup(t, c, f)
		}
		return makeSetup(t, c, f)
	}
}

// makeSetup makes the overlay, and writes or prints the files.
func makeSetup(t terminal, c *config.Config, f setupFlags) error {
	options, err := setupOptions(c, f)
	if err != nil {
		return withStatus(exitUsage, err)
	}
	plan, err := setup.Prepare(options)
	if err != nil {
		return withStatus(exitUsage, err)
	}
	if err := plan.MakeOverlay(); err != nil {
		return err
	}
	if f.write {
		if err := plan.WriteFiles(); err != nil {
			return err
		}
	}
	if _, err := askTasks(c, lookTimeout); err != nil {
		plan.Notes = append(plan.Notes, fmt.Sprintf("start the daemon before the agent is restarted, which ends where nobody answers its docker command: %v", err))
	}
	printSetup(t.stdout, plan, f)
	return nil
}

func printSetup(w io.Writer, plan *setup.Plan, f setupFlags) {
	if len(plan.Links) == 0 {
		fmt.Fprintf(w, "%s is up to date\n", f.overlay)
	} else {
		fmt.Fprintf(w, "%s: %d links made or mended\n", f.overlay, len(plan.Links))
	}
	switch {
	case len(plan.Files) == 0:
		fmt.Fprintln(w, "the agent's files are as they have to be")
	case f.write:
		for _, file := range plan.Files {
			fmt.Fprintf(w, "%s: %s, was %s\n", file.Path, file.New, cmp.Or(file.Old, "not set"))
		}
	default:
		fmt.Fprintln(w, "the agent's files to write, which --write does:")
		for _, file := range plan.Files {
			fmt.Fprintf(w, "  echo %s > %s    # now %s\n", file.New, file.Path, cmp.Or(file.Old, "not set"))
		}
	}
	for _, note := range plan.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	if len(plan.Files) > 0 {
		fmt.Fprintln(w, "Then restart the agent, and see `mesos-docker-containerizer doctor`.")
	}
}

// setupOptions finds what was not given.
func setupOptions(c *config.Config, f setupFlags) (setup.Options, error) {
	o := setup.Options{Directory: f.directory, Overlay: overlay.Overlay{Path: f.overlay, Stock: f.libexec}}
	var err error
	if o.Overlay.Executor, o.Overlay.Docker, err = ourPrograms(f.programs); err != nil {
		return o, err
	}
	if o.Directory == "" {
		if o.Directory, err = agentDirectory(config.AgentDirectories()); err != nil {
			return o, err
		}
	}
	if c.Origin("containerizers").Layer == config.AgentDefaults {
		o.Containerizers = strings.Join(c.Containerizers, ",")
	}
	if o.Agent, o.Problem = askAgent(c, f.agent, (*liveagent.Agent).Look); errors.Is(o.Problem, errAddress) {
		return o, o.Problem
	}
	if version := cmp.Or(f.version, o.Agent.Version); version != "" {
		if o.Version, err = liveagent.ParseVersion(version); err != nil {
			return o, err
		}
	}
	if o.Overlay.Stock == "" {
		if o.Overlay.Stock, err = knownLibexec(f.overlay, o.Agent); err != nil {
			return o, err
		}
	}
	if o.Overlay.Stock == "" {
		return o, errors.New("name the folder of Mesos's own helpers with --mesos-libexec, such as /usr/libexec/mesos (the agent's launcher_dir)")
	}
	o.Overlay.Stock, err = filepath.Abs(o.Overlay.Stock)
	return o, err
}
