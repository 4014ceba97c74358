package environment

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/docker/docker/client"

	"mesos-docker-containerizer/test/environment/testimage"
)

// Shell builds the image that starts a shell in the Engine at an address, and returns its tag. It is for programs, and for tests of
// Engines other than their own.
func Shell(ctx context.Context, address string) (string, error) {
	docker, err := client.NewClientWithOpts(client.WithHost(address), client.WithAPIVersionNegotiation())
	if err != nil {
		return "", err
	}
	defer docker.Close()
	layer, err := base()
	if err != nil {
		return "", err
	}
	builder := testimage.Builder{Engine: docker, Base: layer}
	return builder.Build(ctx, shell)
}

// Start starts a program that is killed when ctx ends. What it says goes to a file in a directory, which bears its name and the suffix
// ".log". The caller waits for it.
func Start(ctx context.Context, directory, program string, arguments ...string) (*exec.Cmd, error) {
	log, err := os.Create(filepath.Join(directory, filepath.Base(program)+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c := exec.CommandContext(ctx, program, arguments...)
	c.Stdout, c.Stderr = log, log
	return c, c.Start()
}
