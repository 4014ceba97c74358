package engine

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/jsonmessage"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
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
	return aboutImage(err)
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
	return inspected, aboutImage(err)
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
	answer, err := ask(ctx, c, AskRegistry, ref, registryLimit, func(ctx context.Context, api *client.Client) (registry.DistributionInspect, error) {
		return api.DistributionInspect(ctx, ref, auth)
	})
	return answer.Platforms, aboutImage(err)
}

// aboutImage marks that what a call did not find is an image and no container.
func aboutImage(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.image = true
	}
	return err
}

// InspectImageRaw is InspectImage for whichever platform there is, as the Engine's own JSON object: with the fields that this
// version of the docker client does not know, and without those that it would add.
func (c *Client) InspectImageRaw(ctx context.Context, ref string) (json.RawMessage, error) {
	var raw bytes.Buffer
	err := c.call(ctx, "inspect image", ref, imageInspectLimit, func(ctx context.Context, api *client.Client) error {
		raw.Reset()
		answer, err := api.ImageInspect(ctx, ref, client.ImageInspectWithRawResponse(&raw))
		if err == nil && answer.ID == "" {
			err = errors.New("the answer has no image id")
		}
		return err
	})
	return bytes.TrimSpace(raw.Bytes()), aboutImage(err)
}

// ListImages returns the images that have names, or containers, and those that others are built on.
func (c *Client) ListImages(ctx context.Context) ([]image.Summary, error) {
	return ask(ctx, c, "list images", "", listLimit, func(ctx context.Context, api *client.Client) ([]image.Summary, error) {
		return api.ImageList(ctx, image.ListOptions{All: true})
	})
}

// ImagesInUse returns the names of the containers by the ids of the images that they were made of, in whatever state these are and
// also those that other clients made.
func (c *Client) ImagesInUse(ctx context.Context) (map[string][]string, error) {
	used := make(map[string][]string)
	list, err := c.ListAll(ctx, true)
	for _, c := range list {
		used[c.ImageID] = append(used[c.ImageID], cmp.Or(ListedName(c), c.ID))
	}
	return used, err
}

// TagImage gives an image one more name, or the same once more.
func (c *Client) TagImage(ctx context.Context, ref, name string) error {
	return aboutImage(c.call(ctx, "tag image", ref, imageInspectLimit, func(ctx context.Context, api *client.Client) error {
		return api.ImageTag(ctx, ref, name)
	}))
}

// ImportImage makes an image of one layer out of a tar archive, under a name that an older image then loses.
func (c *Client) ImportImage(ctx context.Context, archive []byte, name string) error {
	return aboutImage(c.call(ctx, "import image", name, copyLimit, func(ctx context.Context, api *client.Client) error {
		stream, err := api.ImageImport(ctx, image.ImportSource{Source: bytes.NewReader(archive), SourceName: "-"}, name, image.ImportOptions{})
		if err != nil {
			return err
		}
		defer stream.Close()
		return readMessages(stream, func(jsonmessage.JSONMessage) {})
	}))
}

// RemoveImage takes a name from an image and removes it with the last one; by id it removes the image. IsConflict means that a
// container uses it, or that by id it has other names. One that does not exist is a success.
func (c *Client) RemoveImage(ctx context.Context, ref string) error {
	err := aboutImage(c.call(ctx, "remove image", ref, RemoveLimit, func(ctx context.Context, api *client.Client) error {
		_, err := api.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
		return err
	}))
	if IsImageNotFound(err) {
		return nil
	}
	return err
}

// DiskUse is the share of the file system with the Engine's images that is in use, from 0 to 1. Engine and caller must see the
// same file systems.
func (c *Client) DiskUse(ctx context.Context) (float64, error) {
	info, err := c.Info(ctx)
	if err != nil {
		return 0, err
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(info.RootDirectory, &stat); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: info.RootDirectory, Err: err}
	}
	// Blocks that are kept for root count as neither: nobody else can use them.
	inUse := stat.Blocks - stat.Bfree
	if inUse+stat.Bavail == 0 {
		return 0, fmt.Errorf("file system of %s has no size", info.RootDirectory)
	}
	return float64(inUse) / float64(inUse+stat.Bavail), nil
}
