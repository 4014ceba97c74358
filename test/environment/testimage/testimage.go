// Package testimage builds the images that tests and the demo run, out of what is on the machine: a static busybox and the
// probe program (command probe). Nothing is pulled.
//
// Build describes the image to the Engine as an archive whose every byte follows from Spec, busybox and probe. The same
// content therefore gets the same tag wherever it is built, an image that is there is not sent again, and test packages that
// run at the same time cannot disturb each other.
//
// Images stay in the Engine, as a cache. Remove takes away what Build left there; it knows its own by a label.
package testimage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/hashicorp/go-multierror"
)

// Label marks images built here, and containers of tests, which should carry it too. It is outside the prefix that the daemon
// keeps for itself.
const Label = "test.mesos-docker-containerizer"

// repository is where images without a name of their own are tagged by their content.
const repository = "mesos-docker-containerizer-test"

// Spec says what an image is to be. The zero Spec is an image with /bin/sh, busybox's applets in /bin, /bin/probe, the users
// root, nobody and app (1000:1000), and nothing set in its configuration but PATH.
type Spec struct {
	Entrypoint   []string
	Cmd          []string
	Env          []string // name=value; PATH is added unless given
	Workdir      string   // created if it is not there
	User         string
	StopSignal   string
	ExposedPorts []string // "8080/tcp"
	Volumes      []string
	Labels       map[string]string
	Files        map[string]File // by absolute path; parent directories are made
	Empty        bool            // leave out busybox, probe and users
	Architecture string          // that the image says it is for; empty for this machine's
}

// File is a file of an image. With Link it is a symbolic link and nothing else counts.
type File struct {
	Content string
	Mode    int64 // 0 means 0644
	UID     int
	GID     int
	Link    string
}

// Engine is what of the Engine's API is needed here.
type Engine interface {
	ImageInspect(ctx context.Context, image string, _ ...client.ImageInspectOption) (image.InspectResponse, error)
	ImageLoad(ctx context.Context, input io.Reader, _ ...client.ImageLoadOption) (image.LoadResponse, error)
	ImageTag(ctx context.Context, image, ref string) error
	ImageList(ctx context.Context, options image.ListOptions) ([]image.Summary, error)
	ImageRemove(ctx context.Context, image string, options image.RemoveOptions) ([]image.DeleteResponse, error)
}

// Builder sends images to one Engine. It is safe for concurrent use.
type Builder struct {
	Engine Engine
	Base   []byte // the layer made by Base, which all images but empty ones share
}

// Build makes sure that the image is in the Engine and returns its tag.
func (b *Builder) Build(ctx context.Context, spec Spec) (string, error) {
	a, err := b.archive(spec)
	if err != nil {
		return "", err
	}
	tag := repository + ":" + a.id[:32]
	switch _, err := b.Engine.ImageInspect(ctx, tag); {
	case err == nil:
		return tag, nil
	case !errdefs.IsNotFound(err):
		return "", fmt.Errorf("looking for test image %s: %w", tag, err)
	}
	body, done := io.Pipe()
	go func() { done.CloseWithError(a.write(done, tag)) }()
	defer body.Close()
	response, err := b.Engine.ImageLoad(ctx, body, client.ImageLoadWithQuiet(true))
	if err != nil {
		return "", fmt.Errorf("loading test image %s: %w", tag, err)
	}
	defer response.Body.Close()
	if err := drain(response.Body); err != nil {
		return "", fmt.Errorf("loading test image %s: %w", tag, err)
	}
	if _, err := b.Engine.ImageInspect(ctx, tag); err != nil {
		return "", fmt.Errorf("test image %s after loading: %w", tag, err)
	}
	return tag, nil
}

// drain reads the Engine's answer to its end. A failure behind the header comes as a message in it.
func drain(body io.Reader) error {
	for decoder := json.NewDecoder(body); ; {
		var message struct {
			Error string `json:"error"`
		}
		switch err := decoder.Decode(&message); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading the Engine's answer: %w", err)
		case message.Error != "":
			return fmt.Errorf("the Engine answered: %s", message.Error)
		}
	}
}

// ErrTaken says that a tag names an image that was not built here, which is therefore left alone.
var ErrTaken = errors.New("the tag names an image that is not a test image")

// BuildAs is Build with another tag on top, which is moved if it names another test image. It fails with ErrTaken rather than
// take the tag from anybody else's image.
func (b *Builder) BuildAs(ctx context.Context, tag string, spec Spec) error {
	found, err := b.Engine.ImageInspect(ctx, tag)
	switch {
	case err == nil && (found.Config == nil || found.Config.Labels[Label] == ""):
		return fmt.Errorf("%s: %w", tag, ErrTaken)
	case err != nil && !errdefs.IsNotFound(err):
		return fmt.Errorf("looking for image %s: %w", tag, err)
	}
	built, err := b.Build(ctx, spec)
	if err != nil {
		return err
	}
	if err := b.Engine.ImageTag(ctx, built, tag); err != nil {
		return fmt.Errorf("tagging test image %s as %s: %w", built, tag, err)
	}
	return nil
}

// Remove takes every image built here out of the Engine and returns their tags. Images that containers still use are named in
// the error.
func Remove(ctx context.Context, engine Engine) ([]string, error) {
	all, err := engine.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", Label))})
	if err != nil {
		return nil, fmt.Errorf("listing test images: %w", err)
	}
	var removed []string
	var failed *multierror.Error
	for _, i := range all {
		references := i.RepoTags
		if len(references) == 0 {
			references = []string{i.ID}
		}
		for _, r := range references {
			if _, err := engine.ImageRemove(ctx, r, image.RemoveOptions{PruneChildren: true}); err != nil && !errdefs.IsNotFound(err) {
				failed = multierror.Append(failed, fmt.Errorf("removing test image %s: %w", r, err))
				continue
			}
			removed = append(removed, r)
		}
	}
	return removed, failed.ErrorOrNil()
}
