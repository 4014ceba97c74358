package containerizer

import (
	"fmt"
	"os"
	"syscall"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/runspec"
)

// suitUserns makes a spec fit for an Engine whose containers have user namespaces of their own, or says what will not work in one.
func (s *session) suitUserns(spec *runspec.Spec, userns *engine.Userns) error {
	host := spec.HostConfig
	if userns == nil || !host.UsernsMode.IsPrivate() {
		return nil
	}
	var field, needs string
	switch {
	case host.NetworkMode.IsHost():
		field, needs = "container.docker.network", "the host's network"
	case host.PidMode.IsHost():
		field, needs = "container.docker.parameters", "the host's processes (pid=host)"
	case host.Privileged:
		field, needs = "container.docker.privileged", "all privileges"
	}
	switch {
	case needs != "" && s.server.options.UsernsHost:
		host.UsernsMode = "host"
		return nil
	case needs != "":
		return &runspec.Error{Field: field, Text: fmt.Sprintf("the Docker Engine of this host remaps users (userns-remap), and then gives %s "+
			"only to containers in the host's user namespace: do without, use the docker parameter userns=host, or have the host's admin set userns_host", needs)}
	case userns.UID == 0 || writableBy(spec.SandboxDirectory, userns):
	case s.server.options.UsernsSandbox && userns.GID > 0:
		spec.SandboxGroup = userns.GID
	default:
		s.note = joined(s.note, fmt.Sprintf("root in the container is user %d of the host (userns-remap) and cannot write to the sandbox; userns_sandbox would change that", userns.UID))
	}
	return nil
}

// writableBy reports whether the remapped root may write to a directory.
func writableBy(directory string, userns *engine.Userns) bool {
	info, err := os.Lstat(directory)
	if err != nil {
		return false
	}
	of := info.Sys().(*syscall.Stat_t)
	mode := info.Mode()
	return int(of.Uid) == userns.UID && mode&0o200 != 0 || int(of.Gid) == userns.GID && mode&0o020 != 0 || mode&0o002 != 0
}
