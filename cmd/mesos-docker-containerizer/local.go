package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/overlay"
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/metrics"
)

// Times of the local set-up.
const (
	// engineWait is how long the Engine may take to answer before a run is not even begun.
	engineWait = 10 * time.Second

	// removalWait is how long the containers of tasks that have ended may take to disappear.
	removalWait = 30 * time.Second

	// removalInterval is the time between two looks at them.
	removalInterval = 50 * time.Millisecond

	// versionWait is how long a program may take to say what it is.
	versionWait = 5 * time.Second
)

// findExecutor finds the executor's program: beside this one, where `make install` puts it, in the agent's launcher_dir, or on
// the PATH. In the last two a program of the same name may be that of Mesos itself, so it is asked.
func findExecutor(c *config.Config) (string, error) {
	var beside, elsewhere []string
	if directory, libexec, err := programFolders(); err == nil {
		beside = append(beside, filepath.Join(directory, overlay.ExecutorName), filepath.Join(libexec, overlay.ExecutorName))
	}
	if c.LauncherDir != "" {
		elsewhere = append(elsewhere, filepath.Join(c.LauncherDir, overlay.ExecutorName))
	}
	if path, err := exec.LookPath(overlay.ExecutorName); err == nil {
		if path, err = filepath.Abs(path); err == nil {
			elsewhere = append(elsewhere, path)
		}
	}
	for _, path := range beside {
		if _, err := exec.LookPath(path); err == nil {
			return path, nil
		}
	}
	for _, path := range elsewhere {
		if isOurExecutor(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("the program %s is missing; looked for at %s and on the PATH", overlay.ExecutorName,
		strings.Join(append(beside, elsewhere...), ", "))
}

// isOurExecutor asks a program for its version. Ours begins the answer with its name.
func isOurExecutor(path string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), versionWait)
	defer cancel()
	command := exec.CommandContext(ctx, path, "--version")
	command.Env = []string{}
	answer, err := command.Output()
	return err == nil && strings.HasPrefix(string(answer), overlay.ExecutorName+" ")
}

// localDaemon is what executors of a run talk to: a daemon that was there already, or one in this process.
type localDaemon struct {
	socket string

	// Of one in this process.
	docker *engine.Client
	cancel context.CancelFunc
	ended  chan error
}

// startDaemon uses the daemon whose socket a person named for this run, else starts one in this process.
func startDaemon(t terminal, c *config.Config, directory string, logger *zap.Logger) (*localDaemon, error) {
	if c.Origin("socket").Layer >= config.Environment {
		conn, err := net.Dial("unix", c.Socket)
		if err != nil {
			return nil, fmt.Errorf("no daemon at %s: %w; start it with `mesos-docker-containerizer serve`, or leave out --socket to do without", c.Socket, err)
		}
		return &localDaemon{socket: c.Socket}, conn.Close()
	}
	socket, origin, err := engineSocket(t, c)
	if err != nil {
		return nil, err
	}
	docker, err := engine.New(engine.Options{Socket: socket, Logger: logger})
	if err != nil {
		return nil, err
	}
	d := &localDaemon{socket: filepath.Join(directory, "executor.sock"), docker: docker, ended: make(chan error, 1)}
	if err := d.serve(t, c, directory, socket, origin, logger); err != nil {
		return nil, errors.Join(err, docker.Close())
	}
	return d, nil
}

// engineSocket is the Engine's socket for this run and who says so. A person at a shell expects DOCKER_HOST to work.
func engineSocket(t terminal, c *config.Config) (path, origin string, err error) {
	host := variable(t.environ, "DOCKER_HOST")
	if host == "" || c.Origin("docker_socket").Layer >= config.Environment {
		return c.DockerSocket, c.Origin("docker_socket").String(), nil
	}
	path, isUnix := strings.CutPrefix(host, "unix://")
	if !isUnix || !filepath.IsAbs(path) {
		return "", "", fmt.Errorf("DOCKER_HOST=%s: only a Docker Engine on this host can be used, as in unix:///var/run/docker.sock; "+
			"--docker_socket=PATH overrides it", host)
	}
	return path, "DOCKER_HOST", nil
}

func (d *localDaemon) serve(t terminal, c *config.Config, directory, socket, origin string, logger *zap.Logger) error {
	ctx, cancel := context.WithTimeout(context.Background(), engineWait)
	defer cancel()
	if err := d.docker.Ping(ctx); err != nil {
		return fmt.Errorf("no Docker Engine answers at %s (%s): %w; start it, or name another with --docker_socket=PATH", socket, origin, err)
	}
	fmt.Fprintf(t.stderr, "mesos-docker-containerizer: using the Docker Engine at %s (%s)\n", socket, origin)
	server, err := newServer(c, d.docker, metrics.New(version), directory, nil, logger)
	if err != nil {
		return err
	}
	// The directory is the user's alone, so the socket is too.
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: d.socket, Net: "unix"})
	if err != nil {
		return fmt.Errorf("socket for executors: %w", err)
	}
	serving, stop := context.WithCancel(context.Background())
	d.cancel = stop
	go func() { d.ended <- server.Serve(serving, listener) }()
	return nil
}

// cleanUp returns when no container of the framework is left, nor of an earlier run with sandboxes below the directory, which
// this run holds now. Its own it leaves to the daemon to remove, unless they are to be removed by force, because their executors
// were not given the time to say so. Those of a run that was killed have been told to stop when this one began.
func (d *localDaemon) cleanUp(framework, directory string, force bool) error {
	if d.docker == nil {
		return nil // the other daemon sees to it
	}
	ctx, cancel := context.WithTimeout(context.Background(), removalWait)
	defer cancel()
	ticker := time.NewTicker(removalInterval)
	defer ticker.Stop()
	var names []string
	var failed error
	for {
		own, earlier, err := d.containers(ctx, framework, directory)
		if err == nil {
			names = slices.Concat(own, earlier)
			if len(names) == 0 {
				return nil
			}
			if force {
				earlier = names
			}
			err = d.remove(ctx, earlier)
		}
		if ctx.Err() == nil {
			failed = err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("containers of tasks that have ended are not gone after %v, remove them with docker rm --force: %s",
				removalWait, strings.Join(names, " ")), failed)
		}
	}
}

// containers names those of the framework, and those of other frameworks whose sandboxes are below a directory.
func (d *localDaemon) containers(ctx context.Context, framework, directory string) (own, earlier []string, err error) {
	list, err := d.docker.List(ctx, engine.LabelPrefix+"route=local")
	if err != nil {
		return nil, nil, err
	}
	for _, c := range list {
		// With labels that are not as we write them, or not for this name, it is not our container.
		labels, err := engine.ParseLabels(c.Labels)
		if err != nil || len(c.Names) == 0 || !labels.Ours(labels.Instance, c.Names[0]) {
			continue
		}
		switch {
		case labels.Framework == framework:
			own = append(own, labels.Name)
		case strings.HasPrefix(labels.Sandbox, directory+"/"):
			earlier = append(earlier, labels.Name)
		}
	}
	return own, earlier, nil
}

func (d *localDaemon) remove(ctx context.Context, names []string) error {
	var failed error
	for _, name := range names {
		if err := d.docker.Remove(ctx, name); err != nil && !engine.IsConflict(err) { // a conflict: it is being removed
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// stop ends a daemon in this process.
func (d *localDaemon) stop() error {
	if d.docker == nil {
		return nil
	}
	d.cancel()
	return errors.Join(<-d.ended, d.docker.Close())
}

// variable is the value of an environment variable, empty if there is none. The last of several counts.
func variable(environ []string, name string) string {
	for _, v := range slices.Backward(environ) {
		if text, ok := strings.CutPrefix(v, name+"="); ok {
			return text
		}
	}
	return ""
}
