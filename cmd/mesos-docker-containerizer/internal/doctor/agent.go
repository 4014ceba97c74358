package doctor

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/liveagent"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/overlay"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/words"
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/internal/agentflag"
)

const unseen = "the agent's flags cannot be seen"

func (d *doctor) agentAnswers(context.Context) finding {
	seen, err := d.agent()
	if d.Agent == nil {
		return failed(fmt.Sprint(d.AgentProblem), "name the agent's address with --agent=HOST:PORT")
	}
	if seen.Version == "" && !d.AgentInstalled {
		return skipped("no agent is installed here, and none answers at %s: only the run subcommand starts tasks", d.Agent.Address())
	}
	if seen.Version == "" {
		return failed(fmt.Sprintf("no agent answers at %s: %v", d.Agent.Address(), plain(err)),
			"start it (systemctl status "+words.AgentUnit()+"), or name its address with --agent=HOST:PORT; without one only the run subcommand starts tasks here")
	}
	version, err := liveagent.ParseVersion(seen.Version)
	switch {
	case err != nil:
		return warning(err.Error(), "see whether it is a Mesos agent that listens there")
	case version.Before(0, 23, 0):
		return warning("Mesos "+seen.Version+" starts no mesos-docker-executor, so there is no drop-in route", "upgrade to 0.23 or newer")
	}
	return ok("Mesos %s at %s", seen.Version, d.Agent.Address())
}

func (d *doctor) agentFlags(context.Context) finding {
	seen, err := d.agent()
	switch {
	case seen.Version == "":
		return skipped("no agent answers")
	case errors.Is(err, liveagent.ErrDenied):
		return warning(err.Error()+": not seen were containerizers, launcher_dir, docker and whatever else has to agree with the daemon's settings",
			"compare them by hand (ps -ef shows the agent's command line), or let this host read /flags (--acls, view_flags)")
	case err != nil:
		return warning(fmt.Sprintf("GET /flags: %v", plain(err)), "compare the agent's flags with `mesos-docker-containerizer config` by hand")
	}
	text := words.Count(len(seen.Flags), "flag") + " seen"
	if seen.Flags["http_executor_domain_sockets"] == "true" {
		text += "; custom executors reach the agent by a socket (http_executor_domain_sockets)"
	}
	return ok("%s", text)
}

// containerizers is about which tasks get to our executor at all (contract 1.1).
func (d *doctor) containerizers(context.Context) finding {
	if !d.Config.DockerEnabled() {
		return failed("the daemon refuses DOCKER tasks, as docker is not among the containerizers ("+d.Config.Origin("containerizers").String()+")",
			"echo docker,mesos > /etc/mesos-docker-containerizer/containerizers and restart the daemon")
	}
	flags := d.flags()
	if flags == nil {
		return skipped(unseen)
	}
	if image := flags["docker_mesos_image"]; image != "" {
		return failed("docker_mesos_image="+image+": executors run in containers of their own, from where the daemon cannot be reached", "unset it and restart the agent")
	}
	value := flags["containerizers"]
	docker, mesos := lists(value, "docker"), lists(value, "mesos")
	switch {
	case docker && mesos:
		return ok("containerizers=%s: drop-in and custom executors", value)
	case docker:
		return ok("containerizers=%s: drop-in; custom executors need mesos among them", value)
	case mesos && d.setUp() && d.Config.Origin("containerizers").Layer < config.OwnFiles:
		return failed("only the agent's restart is missing: it runs with containerizers="+value+", and "+d.Config.Origin("containerizers").String()+" has docker",
			restartAgent())
	case mesos && d.setUp():
		return failed("containerizers="+value+" although a setup was made for the drop-in route", "mesos-docker-containerizer setup --write, and restart the agent")
	case mesos:
		return ok("containerizers=%s: custom executors; the drop-in route needs docker among them (mesos-docker-containerizer setup)", value)
	}
	return failed("containerizers="+value+" has neither docker nor mesos", "set containerizers to docker,mesos and restart the agent")
}

// setUp says that the agent's files name the overlay.
func (d *doctor) setUp() bool {
	return d.Config.LauncherDir != "" && filepath.Clean(d.Config.LauncherDir) == d.folder()
}

func restartAgent() string { return "restart the agent (systemctl restart " + words.AgentUnit() + ")" }

func (d *doctor) launcherDir(flags map[string]string) finding {
	live := flags["launcher_dir"]
	switch {
	case !d.hasDocker():
		return skipped("the agent has no docker containerizer, so its mesos-docker-executor is not started")
	case d.dropIn():
		return ok("the agent starts our executor from %s", live)
	case d.setUp():
		return failed("only the agent's restart is missing: it runs with launcher_dir="+live+", and "+d.Config.Origin("launcher_dir").String()+" says "+d.Config.LauncherDir,
			restartAgent()+"; if that does not help, its start does not read that file, and its command line has to name the folder")
	}
	return warning("the agent starts Mesos's own executor from "+live, "mesos-docker-containerizer setup --mesos-libexec="+live+" --write, and restart the agent; without the drop-in route this may stay")
}

func (d *doctor) dockerCommand(flags map[string]string) finding {
	if !d.dropIn() {
		return skipped("the drop-in route is not in use")
	}
	live, ours := flags["docker"], filepath.Join(d.folder(), overlay.DockerName)
	if filepath.Clean(live) == ours || d.Docker != "" && overlay.SameFile(live, d.Docker) {
		return ok("the agent calls %s", live)
	}
	advice := "mesos-docker-containerizer setup --write, and restart the agent: its --docker has to be " + ours
	if h, err := d.docker(); err == nil && !older(h.version.APIVersion, imageLostConfig) {
		return failed("the agent calls "+live+", whose answers on Engine "+h.version.Version+" stock agents cannot read: every task fails", advice)
	}
	return warning("the agent calls "+live+", so it pulls by itself, and hangs when dockerd does", advice)
}

// registrationTimeout matters where the agent pulls before it starts the executor.
func (d *doctor) registrationTimeout(flags map[string]string) finding {
	value := flags["executor_registration_timeout"]
	limit, err := agentflag.ParseDuration(value)
	if err != nil {
		return skipped("the agent tells no executor_registration_timeout")
	}
	const enough = 5 // minutes, for an image of a gigabyte at 30 Mbit/s
	if d.dropIn() && limit.Minutes() < enough && filepath.Clean(flags["docker"]) != filepath.Join(d.folder(), overlay.DockerName) {
		return warning("executor_registration_timeout="+value+", within which the agent has to pull by itself", "let the agent's --docker be ours (setup), or raise it to 15mins")
	}
	bound, flag := d.Config.PrepareLimit()
	return ok("executor_registration_timeout=%s; pull, create and start of a task may take %s together (%s)", value, agentflag.FormatDuration(bound), flag)
}
