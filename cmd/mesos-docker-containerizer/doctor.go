package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/docker/docker/api"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/doctor"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/liveagent"
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/gpu"
)

const doctorUsage = `
Usage: mesos-docker-containerizer doctor [FLAG...]

Checks this host from end to end, as root: agent, its flags and whether they agree with the daemon's settings, overlay, programs,
daemon, sockets, Docker Engine, cgroups, GPUs, policy, credentials, clocks, disks, containers left over. Each check says what was seen and,
where something should be done, what. It changes nothing, needs no daemon, and takes 8 seconds at most, whatever hangs.

Exit status: 0 when all is well or there are only warnings, 1 when a check failed, as that of the settings is with a mistake in a file;
2 when a flag is wrong and 3 without being root, with a message in place of a report, with --json, too.
`

// systemdDirectory is there where systemd runs (sd_booted).
const systemdDirectory = "/run/systemd/system"

// runDoctor checks the host.
func runDoctor(own *flag.FlagSet) action {
	agent := own.String("agent", "", agentUsage)
	overlayPath := own.String("overlay", defaultOverlay, "`DIR` that setup has made; default: the agent's launcher_dir, else "+defaultOverlay)
	programs := own.String("programs", "", "`DIR` with our mesos-docker-executor and docker; default: where they are installed")
	asJSON := own.Bool("json", false, "one JSON object with all checks")
	return func(t terminal, c *config.Config, _ []string) error {
		t.warnUnusable(c, "ip", "port", "launcher_dir")
		o, err := doctorOptions(c, *agent, *programs)
		if err != nil {
			return withStatus(exitUsage, err)
		}
		if os.Geteuid() != 0 { // everything that is root's alone would look broken
			return withStatus(exitEnvironment, errors.New("doctor looks at what only root may see, so it needs root itself; nothing was checked"))
		}
		docker, err := engine.New(engine.Options{Socket: c.DockerSocket})
		if err != nil {
			return withStatus(exitUsage, err)
		}
		defer docker.Close()
		o.Containers, o.Overlay = docker, filepath.Clean(*overlayPath)
		report := doctor.Run(context.Background(), o)
		show := report.Print
		if *asJSON {
			show = report.PrintJSON
		}
		if err := show(t.stdout); err != nil || report.Status == doctor.Failed {
			return &exitError{status: exitFailed}
		}
		return nil
	}
}

// doctorOptions finds what there is to look at. What is missing is for the doctor to say.
func doctorOptions(c *config.Config, agent, programs string) (doctor.Options, error) {
	o := doctor.Options{
		Config: c, Version: version, API: api.DefaultVersion, AdminSocket: adminSocket(c), GPUDriver: gpu.Driver,
	}
	var err error
	if o.SocketGID, err = groupID(c); err != nil {
		return o, err
	}
	address, err := agentAddress(c, agent)
	if err != nil && agent != "" {
		return o, err
	}
	if o.AgentProblem = err; err == nil {
		o.Agent = liveagent.New(address)
	}
	o.AgentInstalled = agent != "" || agentInstalled()
	o.Executor, o.Docker, o.ProgramsProblem = ourPrograms(programs)
	if _, err := os.Stat(systemdDirectory); err == nil {
		if o.Systemctl, err = exec.LookPath("systemctl"); err != nil {
			o.Systemctl = ""
		}
	}
	return o, nil
}

// agentInstalled says that the host has the files of an agent, or an overlay that was made for one.
func agentInstalled() bool {
	for _, path := range append(config.AgentDirectories(), "/etc/default/mesos-slave", "/etc/default/mesos-agent", defaultOverlay) {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}
