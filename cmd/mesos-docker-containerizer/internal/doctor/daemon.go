package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/words"
	"mesos-docker-containerizer/config"

	"golang.org/x/sys/unix"
)

// daemonAnswers asks the daemon for its tasks, and its program for its version.
func (d *doctor) daemonAnswers(ctx context.Context) finding {
	const start = "systemctl start mesos-docker-containerizer.socket mesos-docker-containerizer, and see journalctl -u mesos-docker-containerizer"
	within, cancel := context.WithTimeout(ctx, d.Limit*3/4)
	defer cancel()
	var tasks []struct{}
	if err := get(within, overSocket(d.AdminSocket), "/tasks", &tasks); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return failed(fmt.Sprintf("the daemon's socket %s is root's", d.AdminSocket), "run doctor as root")
		}
		return failed(fmt.Sprintf("no daemon answers at %s: %v", d.AdminSocket, err), start)
	}
	version, err := d.runningVersion(within)
	switch {
	case err != nil:
		return warning(fmt.Sprintf("it serves %s; its version cannot be told: %v", words.Count(len(tasks), "task"), err), "restart the daemon if it is older than the program; no task notices")
	case version != d.Version:
		return warning(fmt.Sprintf("it serves %s and is of version %s, installed is %s", words.Count(len(tasks), "task"), version, d.Version),
			"systemctl restart mesos-docker-containerizer; no task notices")
	}
	return ok("it serves %s, version %s", words.Count(len(tasks), "task"), version)
}

// settings are those in files: whether the daemon would start with them, and whether it has them.
func (d *doctor) settings(ctx context.Context) finding {
	var all findings
	for _, m := range d.Config.Mistakes() {
		all = append(all, failed("the daemon would not start again: "+m.Error(), "mend it; mesos-docker-containerizer config shows what there is"))
	}
	within, cancel := context.WithTimeout(ctx, d.Limit*3/4)
	defer cancel()
	var since struct{ Differences []config.Difference }
	if err := get(within, overSocket(d.AdminSocket), "/config", &since); err != nil {
		if len(all) > 0 {
			return all.joined("")
		}
		return skipped("the running daemon does not tell its settings: %v", err)
	}
	for _, f := range since.Differences {
		do := "systemctl restart mesos-docker-containerizer; no task notices"
		if f.Live {
			do = "systemctl reload mesos-docker-containerizer"
		}
		all = append(all, warning(fmt.Sprintf("the daemon runs with %s=%s, and since then %s says %s", f.Name, orNotSet(f.Value), f.OtherOrigin, orNotSet(f.Other)), do))
	}
	return all.joined("the daemon has what the files say")
}

// buildInfo finds the version among the daemon's metrics (docs/metrics.md).
var buildInfo = regexp.MustCompile(`(?m)^mesos_docker_containerizer_build_info\{(?:[^}]*,)?version="([^"]*)"`)

// runningVersion asks the daemon, whose program may have been replaced since it started.
func (d *doctor) runningVersion(ctx context.Context) (string, error) {
	body, err := open(ctx, overSocket(d.AdminSocket), "/metrics")
	if err != nil {
		return "", err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxAnswer))
	if err != nil {
		return "", plain(err)
	}
	found := buildInfo.FindSubmatch(text)
	if found == nil {
		return "", errors.New("its metrics do not have it")
	}
	return string(found[1]), nil
}

// sockets looks at who may connect: a user who can attach as root's executor has root's power over the Engine.
func (d *doctor) sockets(context.Context) finding {
	executors := fs.FileMode(0o600)
	if d.Config.SocketGroup != "" {
		executors = 0o660
	}
	var all findings
	for _, socket := range []struct {
		path string
		mode fs.FileMode
		gid  int
	}{{d.Config.Socket, executors, d.SocketGID}, {d.AdminSocket, 0o600, 0}} {
		if f := socketIs(socket.path, socket.mode, socket.gid); f.Status != OK {
			all = append(all, f)
		}
	}
	return all.joined(fmt.Sprintf("%s (mode %04o) and %s are as they have to be", d.Config.Socket, executors, d.AdminSocket))
}

func socketIs(path string, mode fs.FileMode, gid int) finding {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return failed(path+" is missing", "start the daemon (systemctl start mesos-docker-containerizer.socket mesos-docker-containerizer)")
	}
	if err != nil {
		return failed(err.Error(), "run doctor as root")
	}
	stat := info.Sys().(*syscall.Stat_t)
	const again = "remove it and restart the daemon, or see whether a drop-in of the socket unit sets SocketMode or SocketGroup"
	switch {
	case info.Mode().Type() != fs.ModeSocket:
		return failed(path+" is not a socket", again)
	case stat.Uid != 0:
		return failed(fmt.Sprintf("%s belongs to user %d; executors of root do not trust that", path, stat.Uid), "the daemon has to run as root")
	case info.Mode().Perm()&^mode != 0:
		return failed(fmt.Sprintf("%s has mode %04o, and more than %04o lets others in", path, info.Mode().Perm(), mode), again)
	case info.Mode().Perm() != mode:
		return warning(fmt.Sprintf("%s has mode %04o instead of %04o", path, info.Mode().Perm(), mode), again)
	case gid != 0 && int(stat.Gid) != gid:
		return warning(fmt.Sprintf("%s belongs to group %d and not to that of socket_group, %d", path, stat.Gid, gid), "restart the daemon")
	}
	return exchangeable(filepath.Dir(path))
}

// exchangeable finds that others than root could replace our socket by another.
func exchangeable(directory string) finding {
	var stat unix.Stat_t
	if err := unix.Stat(directory, &stat); err != nil {
		return failed(fmt.Sprintf("%s: %v", directory, err), "run doctor as root")
	}
	if stat.Uid != 0 || stat.Mode&0o022 != 0 && stat.Mode&unix.S_ISVTX == 0 {
		return failed(fmt.Sprintf("others than root can write to %s (owner %d, mode %04o)", directory, stat.Uid, stat.Mode&0o7777), "chown root "+directory+"; chmod 755 "+directory)
	}
	return ok("%s", directory)
}
