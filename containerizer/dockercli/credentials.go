package dockercli

import (
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"

	"mesos-docker-containerizer/containerizer/image"
)

// credentialsFrom adds the credentials in the caller's HOME to a request. An agent sets HOME to the sandbox or, if that has no
// credentials and the agent has a docker_config, to a directory that it makes from it (contract 1.2, step 4). The HOME of root is
// the agent's own environment, and its logins are not for tasks.
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

// madeByAgent reports whether a directory looks like one that an agent makes for its docker_config: owned by root, with mode
// 0700. A sandbox has other modes unless its task has changed them, so known sandboxes are not tested.
func madeByAgent(directory string) bool {
	info, err := os.Lstat(directory)
	if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// below reports whether a path is in a directory, by their names alone. The result is false for an empty directory.
func below(directory, path string) bool {
	if directory == "" {
		return false
	}
	relative, err := filepath.Rel(directory, path)
	return err == nil && relative != ".." && !strings.HasPrefix(relative, "../")
}

// homeOfRoot returns root's home directory.
func homeOfRoot() string {
	root, err := user.LookupId("0")
	if err != nil || root.HomeDir == "" {
		return "/root"
	}
	return filepath.Clean(root.HomeDir)
}
