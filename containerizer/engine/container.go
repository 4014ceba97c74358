package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Container is what inspect says of one container.
type Container struct {
	container.InspectResponse

	// Raw is the Engine's own JSON object, with the fields this version of the docker client does not know. A framework gets
	// it in the data of TASK_RUNNING, within an array (contract 3.1, row 3).
	Raw []byte
}

// Create creates a container under a name, without starting it. The docker client adapts cfg and host to the API version in
// place, so both belong to the call and must not be shared. A name that is in use is IsConflict, a missing image IsImageNotFound,
// anything else missing that the container refers to IsInvalid. Warnings are the Engine's and meant for a person.
func (c *Client) Create(ctx context.Context, name string, cfg *container.Config, host *container.HostConfig, net *network.NetworkingConfig, platform *ocispec.Platform) (id string, warnings []string, err error) {
	const op = "create container"
	if cfg == nil {
		return "", nil, &Error{Op: op, Object: name, kind: errdefs.ErrInvalidArgument, text: "no configuration was given"}
	}
	var created container.CreateResponse
	for again := true; ; again = false {
		err = c.containerCall(ctx, op, name, CreateLimit, func(ctx context.Context, api *client.Client) error {
			var err error
			created, err = api.ContainerCreate(ctx, cfg, host, net, platform, name)
			if err == nil && created.ID == "" {
				err = errors.New("the answer has no container id")
			}
			return err
		})
		if !IsNotFound(err) {
			return created.ID, created.Warnings, err
		}
		_, imageErr := c.InspectImage(ctx, cfg.Image, platform)
		if imageErr == nil && again { // it may have come between the two calls, by another's pull
			continue
		}
		return "", nil, explainMissing(err, imageErr, IsImageNotFound)
	}
}

// explainMissing settles what a 404 of create or start was about, which the Engine says only in words: the object that was inspected
// since, with the error found, or something else that the container refers to.
func explainMissing(err, found error, absent func(error) bool) error {
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return err
	case absent(found):
		e.image = IsImageNotFound(found)
	case found != nil: // refused, but we cannot say why: as good as no answer
		e.kind, e.cause = errdefs.ErrUnavailable, found
	default:
		e.kind = errdefs.ErrInvalidArgument
	}
	return e
}

// Start starts a created container; one that runs already is a success. A host port that is taken is an error of no particular
// kind whose text is the Engine's.
func (c *Client) Start(ctx context.Context, id string) error {
	err := c.containerCall(ctx, "start container", id, startLimit, func(ctx context.Context, api *client.Client) error {
		return api.ContainerStart(ctx, id, container.StartOptions{})
	})
	if IsNotFound(err) {
		_, found := c.Inspect(ctx, id)
		err = explainMissing(err, found, IsNotFound)
	}
	return err
}

// CopyTo unpacks a tar archive at the root of a created container's file system, under its volumes where paths lead there.
// Parents that are missing are created. The archive is held until the call ends and may be sent more than once; its content
// appears in no error.
func (c *Client) CopyTo(ctx context.Context, id string, archive []byte) error {
	return c.containerCall(ctx, "copy files into container", id, copyLimit, func(ctx context.Context, api *client.Client) error {
		return api.CopyToContainer(ctx, id, "/", bytes.NewReader(archive), container.CopyToContainerOptions{})
	})
}

// Inspect returns the state of a container, by id or name.
func (c *Client) Inspect(ctx context.Context, idOrName string) (Container, error) {
	var inspected Container
	err := c.containerCall(ctx, "inspect container", idOrName, inspectLimit, func(ctx context.Context, api *client.Client) error {
		answer, raw, err := api.ContainerInspectWithRaw(ctx, idOrName, false)
		if err != nil {
			return err
		}
		if answer.ContainerJSONBase == nil || answer.ID == "" || answer.State == nil || answer.Config == nil {
			return errors.New("the answer has no id, state or configuration")
		}
		inspected = Container{InspectResponse: answer, Raw: bytes.TrimSpace(raw)}
		return nil
	})
	return inspected, err
}

// List returns the containers with a label ("key" or "key=value"), in whatever state they are.
func (c *Client) List(ctx context.Context, label string) ([]container.Summary, error) {
	return ask(ctx, c, "list containers with label", label, listLimit, func(ctx context.Context, api *client.Client) ([]container.Summary, error) {
		return api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", label))})
	})
}

// ListedName is the name of a listed container, without the slash; empty for one that has none.
func ListedName(c container.Summary) string {
	if len(c.Names) == 0 {
		return ""
	}
	return strings.TrimPrefix(c.Names[0], "/")
}

// Remove removes a container with its anonymous volumes, and kills it first if it runs. One that does not exist is a success.
// IsConflict means that it is being removed already and may exist for some moments more.
func (c *Client) Remove(ctx context.Context, id string) error {
	err := c.RemoveContainer(ctx, id, RemoveOptions{Force: true, Volumes: true})
	if IsNotFound(err) {
		return nil
	}
	return err
}

// The calls from here to Wait are those of people and agents, which name containers that need not be ours.

// Socket is the path of the Engine's socket, for what people read.
func (c *Client) Socket() string { return c.socket }

// ListAll returns every container of the Engine, or only those that run.
func (c *Client) ListAll(ctx context.Context, stoppedToo bool) ([]container.Summary, error) {
	return ask(ctx, c, "list containers", "", listLimit, func(ctx context.Context, api *client.Client) ([]container.Summary, error) {
		return api.ContainerList(ctx, container.ListOptions{All: stoppedToo})
	})
}

// RemoveOptions of RemoveContainer.
type RemoveOptions struct {
	Force   bool // kill it first if it runs; without, one that runs is IsConflict
	Volumes bool // and its anonymous volumes
}

// RemoveContainer is Remove as a caller wants it. A container that does not exist is IsNotFound.
func (c *Client) RemoveContainer(ctx context.Context, idOrName string, o RemoveOptions) error {
	return c.containerCall(ctx, "remove container", idOrName, RemoveLimit, func(ctx context.Context, api *client.Client) error {
		return api.ContainerRemove(ctx, idOrName, container.RemoveOptions{Force: o.Force, RemoveVolumes: o.Volumes})
	})
}

// Wait returns the exit status of a container when it does not run, or any more. The Engine accepts the question within a limit;
// from then on it has as long as the container runs. An Engine that goes away meanwhile is IsUnavailable.
func (c *Client) Wait(ctx context.Context, idOrName string) (status int64, err error) {
	err = c.containerCall(ctx, AwaitExit, idOrName, noLimit, func(ctx context.Context, api *client.Client) error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		opening := time.AfterFunc(streamOpenLimit, func() { cancel(context.DeadlineExceeded) })
		answered, failed := api.ContainerWait(ctx, idOrName, container.WaitConditionNotRunning) // returns with the header
		opening.Stop()
		select {
		case err := <-failed:
			if cause := context.Cause(ctx); errors.Is(cause, context.DeadlineExceeded) {
				return cause
			}
			return err
		case answer := <-answered:
			if answer.Error != nil && answer.Error.Message != "" {
				return errors.New(answer.Error.Message)
			}
			status = answer.StatusCode
			return nil
		}
	})
	return status, err
}

// Kill sends a signal ("SIGTERM", "TERM" or "15") to the first process of a container. One that does not run is IsConflict.
func (c *Client) Kill(ctx context.Context, id, signal string) error {
	err := c.containerCall(ctx, "signal container", id, killLimit, func(ctx context.Context, api *client.Client) error {
		return api.ContainerKill(ctx, id, signal)
	})
	if e, ok := errors.AsType[*Error](err); ok {
		e.Op = "send " + signal + " to container" // for a person; an Observer has few signals, and no use for them
	}
	return err
}

// Stop sends the container's stop signal and, when it still runs after the grace, SIGKILL. It returns when the container has
// ended; one that does not run is a success. The Engine counts in whole seconds and a fraction is cut off, as the stock executor
// does (contract 3.4); a negative grace is IsInvalid. The Engine carries on stopping when the call is given up.
func (c *Client) Stop(ctx context.Context, id string, grace time.Duration) error {
	const op = "stop container"
	if grace < 0 {
		return &Error{Op: op, Object: id, kind: errdefs.ErrInvalidArgument, text: fmt.Sprintf("grace of %s is negative", grace)}
	}
	seconds := int(grace / time.Second)
	return c.containerCall(ctx, op, id, grace+StopMargin, func(ctx context.Context, api *client.Client) error {
		return api.ContainerStop(ctx, id, container.StopOptions{Timeout: &seconds})
	})
}

// linkChain is how many symbolic links are followed; a program is behind a few.
const linkChain = 10

// StatPath returns what is at an absolute path in a container, whether it runs or not; symbolic links are followed. Where there is
// nothing the error is IsNotFound.
func (c *Client) StatPath(ctx context.Context, idOrName, path string) (os.FileMode, error) {
	var mode os.FileMode
	err := c.containerCall(ctx, "look at a path in container", idOrName, copyLimit, func(ctx context.Context, api *client.Client) error {
		var found container.PathStat
		for range linkChain {
			var err error
			if found, err = api.ContainerStatPath(ctx, idOrName, path); err != nil {
				return err
			}
			if found.Mode&os.ModeSymlink == 0 || found.LinkTarget == path {
				break
			}
			path = found.LinkTarget
		}
		mode = found.Mode
		return nil
	})
	return mode, err
}
