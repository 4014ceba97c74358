// Package doctor looks at a host end to end, from the agent's flags to the disk, and says of each thing what was seen and what to
// do. It needs nothing to be there: whatever does not answer is a finding, and what depends on it is skipped.
//
//	report := doctor.Run(ctx, doctor.Options{Config: c, …})
//	report.Print(os.Stdout)
//
// All checks run at once. Each has the same deadline, and what several of them look at (the agent, the Engine) is asked once and
// with less, so that the whole ends in Options.Limit even if everything hangs.
//
// A check is a function in the file of its group, and a row of the table in this file. The names in the table and the fields of
// the report are an interface: monitoring goes by them. Names may be added; each report has all of them, in the table's order.
//
// Where to look: agent.go, agreement.go for the agent; installation.go for overlay and programs; daemon.go; engine.go,
// containers.go for the Engine; host.go, trust.go for the host; facts.go for what is shared.
package doctor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/liveagent"
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer/engine"
)

// Limit is how long a doctor takes at most, unless Options say something else.
const Limit = 8 * time.Second

// Containers is the part of the daemon's own client of the Engine that a doctor uses.
type Containers interface {
	List(ctx context.Context, label string) ([]container.Summary, error)
	Inspect(ctx context.Context, idOrName string) (engine.Container, error)
}

// Options configure a doctor.
type Options struct {
	Config *config.Config

	Version string // of this program
	API     string // the newest Docker API that it speaks

	// Agent is nil where its address is not known; AgentProblem says why.
	Agent        *liveagent.Agent
	AgentProblem error
	// AgentInstalled says that the host has an agent's files, or an overlay for it. Without them only the run subcommand starts tasks
	// here, and it is right that no agent answers.
	AgentInstalled bool

	Overlay string // path of the folder that setup makes
	// Executor and Docker are our programs; empty where they were not found, and ProgramsProblem says why.
	Executor, Docker string
	ProgramsProblem  error

	AdminSocket string // the daemon's
	SocketGID   int    // the group that may connect to the executors' socket; 0 for none
	Containers  Containers

	// GPUDriver is the directory in which NVIDIA's driver lists its GPUs.
	GPUDriver string

	// Systemctl is the program; empty where systemd does not run.
	Systemctl string

	Limit time.Duration // the default is Limit
}

// look makes one check.
type look func(*doctor, context.Context) finding

// checks are in the order in which a person mends things.
var checks = []struct {
	name string
	run  look
}{
	{"kernel", (*doctor).kernel},
	{"systemd", (*doctor).systemd},
	{"engine", (*doctor).engineVersion},
	{"engine_limits", ofEngine((*doctor).engineLimits)},
	{"cgroups", ofEngine((*doctor).cgroups)},
	{"storage_driver", ofEngine((*doctor).storageDriver)},
	{"live_restore", ofEngine((*doctor).liveRestore)},
	{"gpus", ofEngine((*doctor).gpus)},
	{"userns", ofEngine((*doctor).userns)},
	{"programs", (*doctor).programs},
	{"daemon", (*doctor).daemonAnswers},
	{"settings", (*doctor).settings},
	{"sockets", (*doctor).sockets},
	{"agent", (*doctor).agentAnswers},
	{"agent_flags", (*doctor).agentFlags},
	{"containerizers", (*doctor).containerizers},
	{"launcher_dir", ofAgent((*doctor).launcherDir)},
	{"docker_command", ofAgent((*doctor).dockerCommand)},
	{"overlay", (*doctor).overlayIsCurrent},
	{"registration_timeout", ofAgent((*doctor).registrationTimeout)},
	{"agreement", ofAgent((*doctor).agreement)},
	{"policy", (*doctor).policy},
	{"credentials", (*doctor).credentials},
	{"containers", (*doctor).leftovers},
	{"clock", (*doctor).clock},
	{"disk_work_dir", (*doctor).diskOfSandboxes},
	{"disk_docker", ofEngine((*doctor).diskOfEngine)},
}

// ofEngine is a check of what the Engine says of itself.
func ofEngine(run func(*doctor, dockerHost) finding) look {
	return func(d *doctor, _ context.Context) finding {
		h, err := d.docker()
		if err != nil {
			return skipped(noEngine)
		}
		return run(d, h)
	}
}

// ofAgent is a check of the running agent's flags.
func ofAgent(run func(*doctor, map[string]string) finding) look {
	return func(d *doctor, _ context.Context) finding {
		flags := d.flags()
		if flags == nil {
			return skipped(unseen)
		}
		return run(d, flags)
	}
}

// doctor is one examination of the host.
type doctor struct {
	Options
	facts
}

// Run makes all checks.
func Run(ctx context.Context, o Options) Report {
	if o.Limit == 0 {
		o.Limit = Limit
	}
	ctx, cancel := context.WithTimeout(ctx, o.Limit)
	defer cancel()
	d := &doctor{Options: o}
	// Facts get less, so that the checks which wait for them can still say what they waited for.
	inquiry, stop := context.WithTimeout(ctx, o.Limit*3/4)
	defer stop()
	d.ask(inquiry, o)
	r := Report{Version: o.Version, Checks: make([]Check, len(checks))}
	var group sync.WaitGroup
	for i, check := range checks {
		group.Go(func() { r.Checks[i] = Check{Name: check.name, finding: d.bounded(ctx, check.run)} })
	}
	group.Wait()
	r.Status = worst(r.Checks)
	return r
}

// bounded makes a check that may hang where no deadline reaches, as in a file system whose server is gone. Its goroutine is then
// left behind, in a process that is about to end.
func (d *doctor) bounded(ctx context.Context, run look) finding {
	done := make(chan finding, 1)
	go func() { done <- run(d, ctx) }()
	select {
	case f := <-done:
		return f
	case <-ctx.Done():
		select {
		case f := <-done:
			return f
		default:
		}
		return failed(fmt.Sprintf("no answer within %s", d.Limit), "see whether the disk, the Docker Engine or a network file system hangs")
	}
}
