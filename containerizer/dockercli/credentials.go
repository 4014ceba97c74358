package dockercli

import (
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"

	"mesos-docker-containerizer/containerizer/image"
)

// credentialsFrom adds the credentials in the caller's home to a request. An agent sets HOME to the sandbox or, where that has
// no credentials and the agent has a docker_config, to a directory that it has made of it (contract 1.2, step 4). Any other
// HOME, that of root above all, is the agent's own environment shining through, and no login in it is meant for tasks.
func (d *Docker) credentialsFrom(home string, r image.Request) image.Request {
	home = filepath.Clean(home)
	switch {
	case !filepath.IsAbs(home) || home == d.rootHome:
	case !below(d.options.WorkDirectory, home) && madeByAgent(home):
		r.AgentDirectory = home
	default:
		r.SandboxDirectory = home
	}
	return r
}

// madeByAgent says whether a directory looks as one that an agent makes for a moment: root's and closed to all others. A sandbox
// is open to the group at least, unless its task has changed that before the pull, so this is asked of no sandbox that is known
// as such.
func madeByAgent(directory string) bool {
	info, err := os.Lstat(directory)
	if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// below says whether a path lies in a directory, by their names alone. Nothing lies below none.
func below(directory, path string) bool {
	if directory == "" {
		return false
	}
	relative, err := filepath.Rel(directory, path)
	return err == nil && relative != ".." && !strings.HasPrefix(relative, "../")
}

// homeOfRoot is where root's own logins are.
func homeOfRoot() string {
	root, err := user.LookupId("0")
	if err != nil || root.HomeDir == "" {
		return "/root"
	}
	return filepath.Clean(root.HomeDir)
}
