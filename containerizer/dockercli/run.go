package dockercli

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/distribution/reference"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/gpu"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/containerizer/runspec"
)

// runSyntax is for the documentation: the command line is read by docker's own parser.
var runSyntax = syntax{
	name:     "run",
	operands: "IMAGE [COMMAND] [ARG...]",
	about:    "Create and run a new container from an image",
}

// runHelp does not list the options, because there are a hundred.
const runHelp = "\nUsage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\n%s\n\nOptions:\n  those of docker run that tasks may ask for as " +
	"parameters, and the ones that a\n  Mesos agent gives: docs/docker-command.md, docs/parameters.md\n"

// run creates a container, starts it and ends with its exit status. Agents start an executor in a container with it (contract 1.1,
// b2). That container is the agent's: it has none of the labels by which the daemon recovers tasks, so the daemon neither stops nor
// removes it. When the client dies, the agent decides about the container, as with docker.
//
// The daemon may go away at any time, and the client then asks the next one for the same run (Call.Again): takeup.go.
func (d *Docker) run(ctx context.Context, call Call) error {
	if len(call.Arguments) > 1 && call.Arguments[1] == "--help" {
		_, err := fmt.Fprintf(call.Stdout, runHelp, runSyntax.about)
		return err
	}
	r := &running{Docker: d, call: call, id: cmp.Or(call.ID, rand.Text())}
	if call.Again != nil && call.Again.Container != nil {
		return r.takeUp(ctx, *call.Again.Container)
	}
	line, err := d.options.Parameters.ParseRun(ctx, call.Arguments[1:])
	if err != nil {
		return failedRun(err)
	}
	if line.Config.AttachStdin && line.Config.Tty && !line.Detach && !call.Terminal.Stdin {
		return errNoTerminal
	}
	r.adopt(line)
	if call.Again != nil {
		if done, err := r.takeUpByName(ctx); done {
			return err
		}
	}
	if err := r.check(ctx); err != nil {
		return failedRun(err)
	}
	ctx, stop := r.watchSignals(ctx)
	defer stop()
	if err := r.create(ctx); err != nil {
		r.container.Abandon()
		return r.orSignal(ctx, err)
	}
	return r.carryOut(ctx, nil)
}

// check checks the command line for the Engine's version.
func (r *running) check(ctx context.Context) error {
	info, err := r.options.Engine.Info(ctx)
	if err != nil {
		return r.explain(err)
	}
	r.defaultRuntime = info.DefaultRuntime
	return r.line.Check(info.APIVersion)
}

// adviceOfRun ends docker's message for a run without a container.
const adviceOfRun = "\nSee 'docker run --help'."

// failedRun is the failure of docker itself, as opposed to that of the container.
func failedRun(err error) error {
	return &statusError{status: statusUsage, err: fmt.Errorf("docker: %w.%s", err, adviceOfRun)}
}

// running is one run, and the owner of its container.
type running struct {
	*Docker
	call      Call
	id        string             // of the call
	known     protocol.Container // to the client
	container *container.Container

	// What follows is not known of a run that is taken up by its container's id.
	line    *runspec.RunLine
	sandbox string // empty if it is not known

	defaultRuntime string // the Engine's
	grant          *gpu.Grant

	started atomic.Bool // signals go to the container
}

// own makes a container, which the Engine need not have yet, the run's.
func (r *running) own(known protocol.Container) {
	r.known = known
	r.container = container.New(container.Options{
		Engine: r.options.Engine, Owner: r, Name: known.Name, Late: r.late, Logger: r.options.Logger, Patience: r.patience, WholeOutput: true,
		StopGrace: defaultStopTime * time.Second, Trusted: true, // only root has clients
		OutputLost: func(err error) {
			fmt.Fprintln(r.call.Stderr, "docker: the rest of the output cannot be had:", r.explain(err))
		},
	})
	if r.call.Again != nil {
		output := r.outputKnown()
		r.container.RestoreOutput(output.Open, outputEnd(output.End))
	}
}

// adopt takes what the command line says.
func (r *running) adopt(line *runspec.RunLine) {
	r.line, r.sandbox = line, r.sandboxOf(line)
	config := line.Config
	r.own(protocol.Container{
		Name: cmp.Or(line.Name, "mesos-docker-cli-"+strings.ToLower(r.id)),
		TTY:  config.Tty, Stdin: config.AttachStdin, Stdout: config.AttachStdout, Stderr: config.AttachStderr,
		SigProxy: line.SigProxy, Remove: line.HostConfig.AutoRemove && !line.Detach, Detach: line.Detach,
	})
}

// create makes the container, with its image if that is missing, and tells the client.
func (r *running) create(ctx context.Context) error {
	if err := r.checkPolicy(ctx); err != nil {
		return err
	}
	ref := r.line.Config.Image
	release := r.options.Images.Hold(ctx, ref)
	defer release() // the container holds it from then on
	releaseGPUs, err := r.takeGPUs(ctx)
	defer releaseGPUs() // as with the image
	if err != nil {
		return r.failed(err)
	}
	switch pulled, err := r.awaitPull(ctx); {
	case err != nil:
		return err
	case pulled:
		if err := r.checkPolicy(ctx); err != nil { // paths and volumes may be others by now
			return err
		}
	}
	if r.line.Pull == "always" {
		if err := r.pullImage(ctx, true); err != nil {
			return err
		}
	}
	err = r.createContainer(ctx)
	if engine.IsImageNotFound(err) && r.line.Pull == "missing" {
		if !r.line.Quiet {
			fmt.Fprintf(r.call.Stderr, "Unable to find image '%s' locally\n", withTag(ref))
		}
		if err := r.pullImage(ctx, false); err != nil {
			return err
		}
		if err := r.checkPolicy(ctx); err != nil { // paths and volumes may be others by now
			return err
		}
		err = r.createContainer(ctx)
	}
	if err == nil && r.grant != nil && len(r.grant.Devices) > 0 {
		if _, err = r.options.GPUs.Confirm(ctx, r.container.ID()); err != nil {
			_ = r.container.Remove(ctx) // one that stays is seen by who reads the error
		}
	}
	if err != nil {
		return r.failed(err)
	}
	return r.tellCreated()
}

// createContainer creates the container and prints the Engine's warnings. A container that is waited for is removed by us: the
// Engine's own removal would take the exit status with it.
func (r *running) createContainer(ctx context.Context) error {
	config, host := *r.line.Config, *r.line.HostConfig
	host.AutoRemove = host.AutoRemove && r.line.Detach
	config.Labels = r.labels()
	r.grant.Apply(&config, &host)
	warnings, err := r.container.Create(ctx, container.Spec{
		Config: &config, HostConfig: &host, Networking: r.line.Networking, Platform: r.line.Platform,
	})
	for _, w := range warnings {
		fmt.Fprintln(r.call.Stderr, "WARNING:", w)
	}
	return err
}

// takeGPUs decides which GPUs the container gets, and holds them until release is called.
func (r *running) takeGPUs(ctx context.Context) (release func(), err error) {
	r.grant, release, err = r.options.GPUs.Take(ctx, gpu.Request{
		Name: r.known.Name, Who: "a docker run of the agent", Config: r.line.Config, HostConfig: r.line.HostConfig, Default: r.defaultRuntime,
	})
	return release, err
}

// tellCreated tells the client of its container.
func (r *running) tellCreated() error {
	r.known.ID = r.container.ID()
	return r.call.Client.Created(r.known)
}

func (r *running) checkPolicy(ctx context.Context) error {
	line := r.line
	err := r.Docker.checkPolicy(ctx, policy.Subject{
		Config: line.Config, HostConfig: line.HostConfig, Networking: line.Networking, Image: line.Config.Image,
		Parameters: line.Declared(), Sandbox: r.sandbox,
	})
	return r.failed(err)
}

// awaitPull waits for the deferred pull that the agent has requested, and reports whether there was one. If the pull fails, the run
// fails, because the image that is present may be another.
func (r *running) awaitPull(ctx context.Context) (bool, error) {
	pull := r.deferred.take(r.line.Config.Image, agentsID(r.line.Name), r.call.ID)
	if pull == nil {
		return false, nil
	}
	note, err := pull.outcome(ctx)
	if err != nil {
		return true, r.failed(r.explainPull(err))
	}
	if note != "" {
		fmt.Fprintln(r.call.Stderr, note)
	}
	return true, nil
}

// pullImage pulls the image, or joins a running pull, and waits for the end.
func (r *running) pullImage(ctx context.Context, force bool) error {
	ref := r.line.Config.Image
	request := r.credentialsFrom(r.call.Home, image.Request{Reference: ref, Platform: r.line.Platform, Force: force})
	if r.sandbox != "" {
		request.SandboxDirectory = r.sandbox
	}
	_, err := r.options.Images.Pull(ctx, request)
	if err != nil {
		return r.failed(r.explainPull(err))
	}
	if !r.line.Quiet {
		fmt.Fprintf(r.call.Stderr, "Status: Downloaded newer image for %s\n", withTag(ref))
	}
	return nil
}

// failed is the failure to create a container.
func (r *running) failed(err error) error { return r.failedWith(err, adviceOfRun) }

// failedWith gives an error docker's exit status. The Engine's words are all that tells the cases apart.
func (r *running) failedWith(err error, advice string) error {
	if err == nil {
		return nil
	}
	err = r.explain(err)
	ended := &statusError{status: statusUsage, err: fmt.Errorf("docker: %w.%s", err, advice)}
	for _, words := range []string{"executable file not found", "no such file or directory", "system cannot find the file specified"} {
		if strings.Contains(err.Error(), words) {
			ended.status = 127
			return ended
		}
	}
	for _, words := range []string{syscall.EACCES.Error(), syscall.EISDIR.Error()} {
		if strings.Contains(err.Error(), words) {
			ended.status = 126
			return ended
		}
	}
	return ended
}

// withTag is a reference as docker names it to people.
func withTag(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref
	}
	return reference.FamiliarString(reference.TagNameOnly(named))
}

// CommandLineParser reads the command line of docker run. Package parameters has one.
type CommandLineParser interface {
	// ParseRun fails with a *runspec.OptionError where docker would, and with another error when it could not do its work.
	ParseRun(ctx context.Context, arguments []string) (*runspec.RunLine, error)
}
