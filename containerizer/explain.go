package containerizer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/executor/wire"
)

// explainTimeout bounds how long a task's end is held up by questions that only improve its message.
const explainTimeout = 10 * time.Second

// Exit codes that the Engine gives a container whose start has failed.
const (
	codeNotExecutable = 126
	codeNotFound      = 127
)

// codesOfFailedExec are the statuses of a container whose program the kernel did not take, which runc finds out only after the start.
var codesOfFailedExec = []int{1, 255}

// atOnce is how long a container that ends because of its start may take, by far.
const atOnce = time.Minute

// explainStart words a start that has failed because of the program, from what is in the container. The Engine's own words have
// the id of the container and the errors of all that were involved, one within the other.
func (s *session) explainStart(ctx context.Context, err error) wire.Exited {
	exit := s.failure(err)
	if !errors.As(err, new(*engine.Error)) || s.container == nil || s.container.ID() == "" || ctx.Err() != nil {
		return exit
	}
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	found, inspectErr := s.server.engine.Inspect(ctx, s.container.ID())
	if inspectErr == nil && !engine.IsInvalid(err) {
		if text := portFault(&found); text != "" {
			exit.Message = "Failed to run docker container: " + text + ": " + err.Error()
		}
		return exit
	}
	if inspectErr != nil || !container.StartedAt(&found).IsZero() || found.Path == "" ||
		!slices.Contains([]int{codeNotExecutable, codeNotFound}, found.State.ExitCode) {
		return exit
	}
	if text := s.programFault(ctx, &found); text != "" {
		s.logger.Debug("the container could not be started", zap.Error(err))
		exit.Message = "Failed to run docker container: " + text
	}
	return s.explainPlatform(ctx, &found, exit)
}

// portFault names the host ports of a container that something else on this host has; empty if there are none.
func portFault(c *engine.Container) string {
	if c.HostConfig == nil {
		return ""
	}
	var taken []string
	for port, bindings := range c.HostConfig.PortBindings {
		for _, b := range bindings {
			if inUse(port.Proto(), net.JoinHostPort(b.HostIP, b.HostPort)) {
				taken = append(taken, b.HostPort+"/"+port.Proto())
			}
		}
	}
	if len(taken) == 0 {
		return ""
	}
	slices.Sort(taken)
	return fmt.Sprintf("host port %s is in use by something else on this host (ss -lnp shows by what)", strings.Join(slices.Compact(taken), ", "))
}

// inUse reports whether a socket at the address cannot be had because there is one. Of one that could be had nothing is left.
func inUse(protocol, address string) bool {
	var closer io.Closer
	var err error
	if protocol == "udp" {
		closer, err = net.ListenPacket("udp", address)
	} else {
		closer, err = net.Listen("tcp", address)
	}
	if err != nil {
		return errors.Is(err, unix.EADDRINUSE)
	}
	closer.Close()
	return false
}

// programFault says what is wrong with the program that the container was to run; empty if nothing is, or that cannot be told.
func (s *session) programFault(ctx context.Context, c *engine.Container) string {
	var fault string
	for _, candidate := range programPaths(c) {
		mode, err := s.server.engine.StatPath(ctx, c.ID, candidate)
		switch {
		case engine.IsNotFound(err):
			continue
		case err != nil:
			return ""
		case mode.IsDir():
			fault = candidate + " is a directory"
		case mode&0o111 == 0:
			fault = fmt.Sprintf("%s is not executable, its mode is %#o", candidate, mode.Perm())
		default:
			return "" // then it is what the program needs, as the interpreter of a script
		}
	}
	if fault == "" {
		fault = "it is not in the container"
	}
	return fmt.Sprintf("the program %q cannot be run: %s; PATH is %s, ENTRYPOINT is %s", c.Path, fault, pathOf(c), entrypointOf(c))
}

// programPaths is where a program is looked for.
func programPaths(c *engine.Container) []string {
	if strings.Contains(c.Path, "/") {
		return []string{path.Join("/", directoryOf(c, c.Path), c.Path)}
	}
	var all []string
	for directory := range strings.SplitSeq(pathOf(c), ":") {
		all = append(all, path.Join("/", directoryOf(c, directory), directory, c.Path))
	}
	return all
}

// directoryOf is what a path in the container is relative to; empty for an absolute one.
func directoryOf(c *engine.Container, of string) string {
	if path.IsAbs(of) {
		return ""
	}
	return c.Config.WorkingDir
}

// pathOf is the container's PATH, or that of containers without one.
func pathOf(c *engine.Container) string {
	value := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, variable := range c.Config.Env {
		if text, ok := strings.CutPrefix(variable, "PATH="); ok {
			value = text
		}
	}
	return value
}

// entrypointOf is the container's ENTRYPOINT in words. Of a task's command it has the program and no arguments, which may be
// secrets; of an image's it has all.
func entrypointOf(c *engine.Container) string {
	if len(c.Config.Entrypoint) == 0 {
		return "not set"
	}
	return fmt.Sprintf("%q", c.Config.Entrypoint)
}

// explainExit adds to how a container ended what it cannot say itself.
func (s *session) explainExit(ctx context.Context, c *engine.Container, exit wire.Exited) wire.Exited {
	if exit.Outcome != wire.OutcomeExited || exit.Code == 0 || exit.OOM || s.container.StopOrdered() || ctx.Err() != nil {
		return exit
	}
	if tooLarge, _ := sizeFault(c); tooLarge != nil && slices.Contains(codesOfFailedExec, exit.Code) && time.Since(container.StartedAt(c)) < atOnce {
		exit.Message = joined(tooLarge.Error(), exit.Message)
		return exit
	}
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	return s.explainPlatform(ctx, c, exit)
}

// checkSize has the Engine say which limits, and which command and environment, a large task really gets. What only may be too much is noted.
func (s *session) checkSize(ctx context.Context, spec *runspec.Spec) error {
	if spec == nil || !spec.Large {
		return nil
	}
	found, err := s.container.Inspect(ctx)
	if err != nil {
		return err
	}
	tooLarge, sure := sizeFault(found)
	switch {
	case tooLarge == nil:
		return nil
	case sure:
		return tooLarge
	}
	s.logger.Warn("the task may not start", zap.Error(tooLarge))
	s.note = joined(s.note, tooLarge.Error())
	return nil
}

// sizeFault says that a container's command and environment are more than the kernel takes. Its limits have the Engine's own by default.
func sizeFault(c *engine.Container) (tooLarge *runspec.Error, sure bool) {
	if c.HostConfig == nil || c.Path == "" {
		return nil, true
	}
	return runspec.CheckSize(append([]string{c.Path}, c.Args...), c.Config.Env, c.HostConfig.Ulimits)
}

// joined is a message of two, of which each may be empty.
func joined(first, second string) string {
	if first == "" || second == "" {
		return first + second
	}
	return first + "; " + second
}

// explainPlatform says that the image is for another processor, for which its programs may be none. What the Engine does not
// answer is left out.
func (s *session) explainPlatform(ctx context.Context, c *engine.Container, exit wire.Exited) wire.Exited {
	info, err := s.server.engineInfo(ctx)
	if err != nil || info.Platform.Architecture == "" {
		return exit
	}
	of, err := s.imagePlatform(ctx, c)
	if err != nil || of.Architecture == "" || info.Runs(of) {
		return exit
	}
	exit.Message = joined(exit.Message, fmt.Sprintf("the image is for %s and this host is %s", platforms.Format(of), platforms.Format(info.Platform)))
	return exit
}

// imagePlatform is the platform of the image that a container was made of.
func (s *session) imagePlatform(ctx context.Context, c *engine.Container) (ocispec.Platform, error) {
	if d := c.ImageManifestDescriptor; d != nil && d.Platform != nil {
		return *d.Platform, nil
	}
	if c.Image == "" {
		return ocispec.Platform{}, os.ErrNotExist
	}
	image, err := s.server.engine.InspectImage(ctx, c.Image, nil)
	if err != nil {
		return ocispec.Platform{}, err
	}
	return ocispec.Platform{OS: image.Os, Architecture: image.Architecture, Variant: image.Variant}, nil
}
