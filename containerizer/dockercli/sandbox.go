package dockercli

import (
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/runspec"
)

// agentsContainer matches the names that agents give to containers, and captures the container ID (contract 1.7). Agents since
// 1.0.2 recognize no other names.
var agentsContainer = regexp.MustCompile(`^mesos-(?:.+\.)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.executor)?$`)

// agentsID returns the agent's container ID from a container's name, empty for other containers.
func agentsID(name string) string {
	if found := agentsContainer.FindStringSubmatch(name); found != nil {
		return found[1]
	}
	return ""
}

// sandboxOf returns the sandbox of an agent's container: the mounted directory with the container ID as its name. A framework
// cannot know that ID when it chooses its mounts. The result is empty for none.
func (d *Docker) sandboxOf(line *runspec.RunLine) string {
	id := agentsID(line.Name)
	if id == "" {
		return ""
	}
	for _, bind := range line.HostConfig.Binds {
		source, _, _ := strings.Cut(bind, ":")
		if filepath.Base(source) != id || !filepath.IsAbs(source) {
			continue
		}
		if d.options.WorkDirectory == "" || below(d.options.WorkDirectory, source) {
			return filepath.Clean(source)
		}
	}
	return ""
}

// credentialsFrom adds the credentials in the caller's HOME to a request. An agent sets HOME to the sandbox or, if that has no
// credentials and the agent has a docker_config, to a directory that it makes from it (contract 1.2, step 4). The HOME of root is
// the agent's own environment, and its logins are not for tasks.
func (d *Docker) credentialsFrom(home string, r image.Request) image.Request {
	home = filepath.Clean(home)
	r.Task = executorOf(home)
	switch {
	case !filepath.IsAbs(home) || home == d.rootHome:
	case !below(d.options.WorkDirectory, home) && madeByAgent(home):
		r.AgentDirectory = home
	default:
		r.SandboxDirectory = home
	}
	return r
}

// executorOf is the id of the executor whose sandbox a path is, empty for none. It is the id of the task as well, unless the framework
// names executors itself.
func executorOf(sandbox string) string {
	_, below, _ := strings.Cut(sandbox, "/executors/")
	id, _, found := strings.Cut(below, "/runs/")
	if !found {
		return ""
	}
	return id
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
