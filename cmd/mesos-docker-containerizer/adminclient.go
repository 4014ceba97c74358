package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"syscall"
	"time"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/internal/lookup"
)

func adminSocket(c *config.Config) string { return filepath.Join(c.RunDir, protocol.AdminSocket) }

// askDaemon asks the daemon of the configuration's run_dir and decodes its JSON answer. Its error has the status exitEnvironment,
// or is a *containerizer.RefusedError. A limit of 0 is none.
func askDaemon(c *config.Config, method, path string, limit time.Duration, answer any) error {
	ctx := context.Background()
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return tellDaemon(ctx, c, method, path, nil, answer)
}

// tellDaemon is askDaemon with a JSON body, unless that is nil.
func tellDaemon(ctx context.Context, c *config.Config, method, path string, body, answer any) error {
	stream, err := openDaemon(ctx, c, method, path, body)
	if err != nil {
		return err
	}
	defer stream.Close()
	if err := json.NewDecoder(stream).Decode(answer); err != nil {
		return withStatus(exitEnvironment, fmt.Errorf("the answer of the daemon at %s: %w", adminSocket(c), err))
	}
	return nil
}

// openDaemon is tellDaemon for an answer that the caller reads and closes.
func openDaemon(ctx context.Context, c *config.Config, method, path string, body any) (io.ReadCloser, error) {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(text)
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", adminSocket(c))
		},
	}}
	request, err := http.NewRequestWithContext(ctx, method, "http://daemon"+path, sent)
	if err != nil {
		return nil, withStatus(exitEnvironment, err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, noDaemon(c, err)
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		return nil, containerizer.Refused(response)
	}
	return response.Body, nil
}

// noDaemon says why the daemon has not answered, and what to do.
func noDaemon(c *config.Config, err error) error {
	if wrapper, ok := errors.AsType[*url.Error](err); ok { // with an address that is made up
		err = wrapper.Err
	}
	text := "no daemon answers at %s: %w; `systemctl status mesos-docker-containerizer` shows what became of it"
	switch {
	case errors.Is(err, fs.ErrPermission):
		text = "the daemon at %s answers root alone: %w; run this as root"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		text = "no daemon answers at %s: %w; start it: systemctl start mesos-docker-containerizer"
	}
	return withStatus(exitEnvironment, fmt.Errorf(text, adminSocket(c), err))
}

// daemonAway reports whether an error says that no daemon has answered, which may come back.
func daemonAway(err error) bool {
	e, ok := errors.AsType[*exitError](err)
	return ok && e.status == exitEnvironment && !errors.Is(err, fs.ErrPermission)
}

// askFile asks the daemon for a file: see containerizer.AskFile. The limit is for the answer.
func askFile(c *config.Config, path string, body, answer any) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), fileTimeout)
	defer cancel()
	file, err := containerizer.AskFile(ctx, adminSocket(c), path, body, answer)
	if _, refused := errors.AsType[*containerizer.RefusedError](err); err != nil && !refused {
		err = noDaemon(c, err)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return net.FileConn(file)
}

// fileTimeout is more than the Engine's limits for what the file is made of.
const fileTimeout = time.Minute

// askTasks asks the daemon for its tasks.
func askTasks(c *config.Config, limit time.Duration) (reports []containerizer.TaskReport, err error) {
	return reports, askDaemon(c, http.MethodGet, "/tasks", limit, &reports)
}

// askTask finds the task that a word names among those of the daemon.
func askTask(c *config.Config, word string) (containerizer.TaskReport, error) {
	reports, err := askTasks(c, psTimeout)
	if err != nil {
		return containerizer.TaskReport{}, err
	}
	found, err := lookup.One(reports, containerizer.TaskReport.Names, word)
	if errors.Is(err, lookup.ErrNone) {
		err = fmt.Errorf("%w; `mesos-docker-containerizer ps` lists the tasks", err)
	}
	return found, err
}

// errOneTask says that a subcommand is about one task.
var errOneTask = errors.New("name one task; `mesos-docker-containerizer ps` lists them")

// askOne is askTask for a subcommand whose only argument is a task.
func askOne(c *config.Config, arguments []string) (containerizer.TaskReport, error) {
	if len(arguments) != 1 {
		return containerizer.TaskReport{}, withStatus(exitUsage, errOneTask)
	}
	return askTask(c, arguments[0])
}

// pathOf is where the daemon answers on a task.
func pathOf(r containerizer.TaskReport, verb string) string {
	return "/tasks/" + url.PathEscape(r.Container) + verb
}
