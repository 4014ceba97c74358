package cni

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/internal/bounded"
)

const (
	// pluginLimit bounds one run of one plugin. They take some 10 to 100 ms; one that asks a server may take seconds.
	pluginLimit = 30 * time.Second

	// outputGrace is how long processes that a plugin has left may hold its output open.
	outputGrace = time.Second

	// maxOutput bounds what a plugin may print on each stream.
	maxOutput = 1 << 20
)

// plugins runs plugins for libcni. Its own runner waits without end for a plugin that was killed, if that has left a process which
// holds the output open.
type plugins struct {
	version.PluginDecoder
	limit time.Duration
}

// FindInPath implements invoke.Exec.
func (*plugins) FindInPath(plugin string, directories []string) (string, error) {
	return invoke.FindInPath(plugin, directories)
}

// ExecPlugin implements invoke.Exec. A plugin that fails says why with a JSON object on its standard output.
func (p *plugins) ExecPlugin(ctx context.Context, path string, stdin []byte, environment []string) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	stdout, stderr := bounded.Buffer{Limit: maxOutput}, bounded.Buffer{Limit: maxOutput}
	command := exec.CommandContext(limited, path)
	command.Env, command.Stdin, command.Stdout, command.Stderr = environment, bytes.NewReader(stdin), &stdout, &stderr
	// A plugin that outlived the daemon would still be at work when the next one undoes what it did. The signal comes with the end of the
	// thread, not of the process.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	command.Cancel = func() error { return unix.Kill(-command.Process.Pid, unix.SIGKILL) }
	command.WaitDelay = outputGrace
	err := command.Run()
	name := filepath.Base(path)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case limited.Err() != nil:
		return nil, fmt.Errorf("%s has not ended within %v and was killed", name, p.limit)
	case errors.Is(err, exec.ErrWaitDelay): // it has ended well, and what it has left is not waited for
	case err != nil:
		return nil, failure(err, stdout.Bytes(), stderr.Bytes())
	}
	printed := stdout.Bytes()
	if len(printed) > 0 && !json.Valid(printed) {
		return nil, fmt.Errorf("%s has printed what is no JSON: %s", name, excerpt(printed))
	}
	return printed, nil
}

// failure puts the words of a plugin that has failed into an error.
func failure(err error, stdout, stderr []byte) error {
	var said types.Error
	if json.Unmarshal(stdout, &said) == nil && said.Msg != "" {
		return errors.New(excerpt([]byte(said.Error())))
	}
	if text := excerpt(append(stdout, stderr...)); text != "" {
		return fmt.Errorf("%w: %s", err, text)
	}
	return fmt.Errorf("%w, and it has printed nothing", err)
}

// Capable returns an error if this process may not do what the usual plugins do. The daemon's systemd unit leaves these capabilities
// out, for hosts without such networks (docs/cni.md).
func Capable() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return os.NewSyscallError("capget", err)
	}
	for _, c := range []struct {
		number uint
		name   string
	}{{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {unix.CAP_NET_RAW, "CAP_NET_RAW"}} {
		if data[0].Effective&(1<<c.number) == 0 {
			return fmt.Errorf("the daemon lacks %s, which CNI plugins need: docs/cni.md has the file that gives it to its systemd unit", c.name)
		}
	}
	return nil
}
