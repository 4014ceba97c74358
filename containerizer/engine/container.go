package engine

import (
	"bytes"
	"context"
	"errors"

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
	err = c.containerCall(ctx, op, name, CreateLimit, func(ctx context.Context, api *client.Client) error {
		var err error
		created, err = api.ContainerCreate(ctx, cfg, host, net, platform, name)
		if err == nil && created.ID == "" {
			err = errors.New("the answer has no container id")
		}
		return err
	})
	if IsNotFound(err) {
		err = c.explainMissing(ctx, err, func(ctx context.Context) (absent bool, err error) {
			return c.imageAbsent(ctx, cfg.Image, platform)
		}, true)
	}
	return created.ID, created.Warnings, err
}

// imageAbsent asks whether it is the image, on this platform, that create did not find.
func (c *Client) imageAbsent(ctx context.Context, ref string, platform *ocispec.Platform) (bool, error) {
	_, err := c.InspectImage(ctx, ref, platform)
	if IsImageNotFound(err) {
		return true, nil
	}
	return false, err
}

// explainMissing settles what a 404 of create or start was about, which the Engine says only in words: the object that absent
// asks for, or something the container refers to.
func (c *Client) explainMissing(ctx context.Context, err error, absent func(context.Context) (bool, error), image bool) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	missing, askErr := absent(ctx)
	switch {
	case askErr != nil: // refused, but we cannot say why: as good as no answer
		e.kind, e.cause = errdefs.ErrUnavailable, askErr
	case missing:
		e.image = image
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
		return c.explainMissing(ctx, err, func(ctx context.Context) (bool, error) {
			_, err := c.Inspect(ctx, id)
			if IsNotFound(err) {
				return true, nil
			}
			return false, err
		}, false)
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

// List returns the containers with a label ("key" or "key=value"), in whatever state they are. An empty label is for all.
func (c *Client) List(ctx context.Context, label string) ([]container.Summary, error) {
	var list []container.Summary
	err := c.call(ctx, "list containers with label", label, listLimit, func(ctx context.Context, api *client.Client) error {
		var err error
		options := container.ListOptions{All: true}
		if label != "" {
			options.Filters = filters.NewArgs(filters.Arg("label", label))
		}
		list, err = api.ContainerList(ctx, options)
		return err
	})
	return list, err
}

// Remove removes a container with its anonymous volumes, and kills it first if it runs. One that does not exist is a success.
// IsConflict means that it is being removed already and may exist for some moments more.
func (c *Client) Remove(ctx context.Context, id string) error {
	err := c.containerCall(ctx, "remove container", id, RemoveLimit, func(ctx context.Context, api *client.Client) error {
		return api.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	})
	if IsNotFound(err) {
		return nil
	}
	return err
}
