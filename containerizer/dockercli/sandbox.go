package dockercli

import (
	"path/filepath"
	"regexp"
	"strings"

	"mesos-docker-containerizer/containerizer/runspec"
)

// agentsContainer finds the id that an agent gives a container in the names that it gives it to (contract 1.7). Agents
// since 1.0.2 know no others for their own.
var agentsContainer = regexp.MustCompile(`^mesos-(?:.+\.)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.executor)?$`)

// agentsID is the id that an agent has made up for a container of this name, empty for a container that is no agent's.
func agentsID(name string) string {
	if found := agentsContainer.FindStringSubmatch(name); found != nil {
		return found[1]
	}
	return ""
}

// sandboxOf finds the sandbox of an agent's container: the directory that bears the id which the agent has made up for the
// container, among those that are mounted. A framework cannot know that id when it names what else is to be mounted. It is empty
// if there is none.
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
