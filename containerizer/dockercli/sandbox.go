package dockercli

import (
	"path/filepath"
	"regexp"
	"strings"

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
