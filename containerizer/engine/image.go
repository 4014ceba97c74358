package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/jsonmessage"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// streamError is an error that the Engine wrote into a stream after it had answered 200. The code is an HTTP status where the
// Engine gives one, which it seldom does.
type streamError struct {
	code    int
	message string
}

func (e *streamError) Error() string { return e.message }

// Pull pulls an image and hands every message of the Engine to onMessage, in order and from the calling goroutine. auth is the
// encoded X-Registry-Auth value or empty. Without a platform the Engine takes its host's. There is no limit: cancel ctx when
// nothing has come for too long. An error of the Engine is IsImageNotFound where it says so by status, which for most registries
// covers "access denied" too.
func (c *Client) Pull(ctx context.Context, ref, auth string, platform *ocispec.Platform, onMessage func(jsonmessage.JSONMessage)) error {
	options := image.PullOptions{RegistryAuth: auth}
	if platform != nil {
		options.Platform = platforms.Format(*platform)
	}
	err := c.call(ctx, PullImage, ref, noLimit, func(ctx context.Context, api *client.Client) error {
		stream, err := api.ImagePull(ctx, ref, options)
		if err != nil {
			return err
		}
		defer stream.Close()
		return readMessages(stream, onMessage)
	})
	return ofImage(err)
}

func readMessages(stream io.Reader, onMessage func(jsonmessage.JSONMessage)) error {
	for decoder := json.NewDecoder(stream); ; {
		var message jsonmessage.JSONMessage
		switch err := decoder.Decode(&message); {
		case errors.Is(err, io.EOF): // not io.ErrUnexpectedEOF: that is a stream cut in the middle
			return nil
		case err != nil:
			return err
		case message.Error != nil:
			return &streamError{code: message.Error.Code, message: message.Error.Message}
		}
		onMessage(message)
	}
}

// platformInspectVersion is the first API version in which inspect can ask for one platform of several that an image store holds
// under a reference. Older Engines hold one.
const platformInspectVersion = "1.49"

// InspectImage returns what the Engine has under a reference or image id, for a platform or for whichever there is. What is there
// for another platform only is IsImageNotFound.
func (c *Client) InspectImage(ctx context.Context, ref string, platform *ocispec.Platform) (image.InspectResponse, error) {
	const op = "inspect image"
	var inspected image.InspectResponse
	err := c.call(ctx, op, ref, imageInspectLimit, func(ctx context.Context, api *client.Client) error {
		var options []client.ImageInspectOption
		if platform != nil && versions.GreaterThanOrEqualTo(api.ClientVersion(), platformInspectVersion) {
			options = append(options, client.ImageInspectWithPlatform(platform))
		}
		var err error
		inspected, err = api.ImageInspect(ctx, ref, options...)
		if err == nil && inspected.ID == "" {
			err = errors.New("the answer has no image id")
		}
		return err
	})
	have := ocispec.Platform{OS: inspected.Os, Architecture: inspected.Architecture, Variant: inspected.Variant}
	if err == nil && platform != nil && !isFor(have, *platform) {
		err = &Error{Op: op, Object: ref, kind: errdefs.ErrNotFound,
			text: fmt.Sprintf("the image is there for platform %s, not for %s", platforms.Format(have), platforms.Format(*platform))}
	}
	return inspected, ofImage(err)
}

// isFor reports that the Engine would take an image of one platform for another, as it does when the image says no variant.
func isFor(have, want ocispec.Platform) bool {
	if platforms.Only(want).Match(platforms.Normalize(have)) {
		return true
	}
	return have.Variant == "" && have.OS == want.OS && have.Architecture == want.Architecture
}

// InspectDistribution makes the Engine ask the registry for the manifest of a reference, and returns the platforms it is for. Its
// error has the kind of the registry's answer (errdefs.IsNotFound, IsUnauthorized, IsPermissionDenied, IsResourceExhausted),
// which that of a pull has not; any other kind but ErrUnavailable means that the Engine did not get a proper answer from the
// registry.
func (c *Client) InspectDistribution(ctx context.Context, ref, auth string) (has []ocispec.Platform, err error) {
	err = c.call(ctx, AskRegistry, ref, registryLimit, func(ctx context.Context, api *client.Client) error {
		answer, err := api.DistributionInspect(ctx, ref, auth)
		has = answer.Platforms
		return err
	})
	return has, ofImage(err)
}

// ofImage marks that what a call did not find is an image and no container.
func ofImage(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.image = true
	}
	return err
}
