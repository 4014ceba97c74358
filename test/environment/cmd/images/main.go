// Command images builds stand-ins for images that a demonstration names and that cannot be pulled.
//
//	go run ./test/environment/cmd/images TAG...    build each tag that is not in the Engine
//	go run ./test/environment/cmd/images -remove   remove every image built from package testimage
//
// A stand-in has busybox's shell and commands, and a python3 that knows `-m http.server` (command probe). A tag that is in the
// Engine is left as it is. The Engine is the one at DOCKER_HOST.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"mesos-docker-containerizer/test/environment/testimage"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("images", flag.ContinueOnError)
	remove := flags.Bool("remove", false, "remove every image built by this program or by tests")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *remove == (flags.NArg() > 0) {
		return errors.New("either tags to build or -remove is needed")
	}
	engine, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return err
	}
	defer engine.Close()
	if *remove {
		removed, err := testimage.Remove(ctx, engine)
		for _, tag := range removed {
			fmt.Println("removed image", tag)
		}
		return err
	}
	return build(ctx, engine, flags.Args())
}

func build(ctx context.Context, engine testimage.Engine, tags []string) error {
	builder := &testimage.Builder{Engine: engine}
	for _, tag := range tags {
		switch _, err := engine.ImageInspect(ctx, tag); {
		case err == nil:
			fmt.Println("image", tag, "is there already")
			continue
		case !errdefs.IsNotFound(err):
			return fmt.Errorf("looking for image %s: %w", tag, err)
		}
		if builder.Base == nil {
			base, err := testimage.Base()
			if err != nil {
				return err
			}
			builder.Base = base
		}
		if err := builder.BuildAs(ctx, tag, standIn); err != nil {
			return err
		}
		fmt.Println("built a stand-in for image", tag, "from busybox and the probe program")
	}
	return nil
}

// standIn runs what Marathon's examples run.
var standIn = testimage.Spec{
	Cmd: []string{"python3"},
	Files: map[string]testimage.File{
		"/usr/bin/python":  {Link: "/bin/probe"},
		"/usr/bin/python3": {Link: "/bin/probe"},
	},
}
