package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/jsonmessage"
)

// streamError is an error that the Engine wrote into a stream after it had answered 200. The code is an HTTP status where the
// Engine gives one, which it seldom does.
type streamError struct {
	code    int
	message string
}

func (e *streamError) Error() string { return e.message }

// Pull pulls an image and hands every message of the Engine to onMessage, in order and from the calling goroutine. auth is the
// encoded X-Registry-Auth value or empty. There is no limit: cancel ctx when nothing has come for too long. An error of the
// Engine is IsImageNotFound where it says so by status, which for most registries covers "access denied" too.
func (c *Client) Pull(ctx context.Context, ref, auth string, onMessage func(jsonmessage.JSONMessage)) error {
	err := c.call(ctx, "pull image", ref, noLimit, func(ctx context.Context, api *client.Client) error {
		stream, err := api.ImagePull(ctx, ref, image.PullOptions{RegistryAuth: auth})
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

// InspectImage returns what the Engine has under a reference or image id.
func (c *Client) InspectImage(ctx context.Context, ref string) (image.InspectResponse, error) {
	var inspected image.InspectResponse
	err := c.call(ctx, "inspect image", ref, imageInspectLimit, func(ctx context.Context, api *client.Client) error {
		var err error
		inspected, err = api.ImageInspect(ctx, ref)
		if err == nil && inspected.ID == "" {
			err = errors.New("the answer has no image id")
		}
		return err
	})
	return inspected, ofImage(err)
}

// InspectDistribution makes the Engine ask the registry for the manifest of a reference. Its error has the kind of the
// registry's answer (errdefs.IsNotFound, IsUnauthorized, IsPermissionDenied), which that of a pull has not; any other kind but
// ErrUnavailable means that the Engine did not get a proper answer from the registry.
func (c *Client) InspectDistribution(ctx context.Context, ref, auth string) error {
	err := c.call(ctx, "ask the registry for image", ref, registryLimit, func(ctx context.Context, api *client.Client) error {
		_, err := api.DistributionInspect(ctx, ref, auth)
		return err
	})
	return ofImage(err)
}

// ofImage marks that what a call did not find is an image and no container.
func ofImage(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.image = true
	}
	return err
}
