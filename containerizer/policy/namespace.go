package policy

import (
	"fmt"
	"slices"
	"strings"

	"mesos-docker-containerizer/containerizer/runspec"
)

// The items of allowed_namespaces. "container" stands for any container.
var namespaceItems = []string{
	"pid:host", "pid:container", "ipc:host", "ipc:container", "uts:host", "userns:host", "cgroup:host", "cgroup:container", "cgroup:parent",
}

func parseNamespace(item string) (string, error) {
	if !slices.Contains(namespaceItems, item) {
		return "", fmt.Errorf("it must be one of %s", strings.Join(namespaceItems, ", "))
	}
	return item, nil
}

// checkNamespaces checks namespaces that are not the container's own. Network namespaces are checked with the networks.
func (c *check) checkNamespaces() {
	h := c.HostConfig
	for _, n := range []struct {
		kind, field, mode string
		own               []string // modes by which the container has a namespace for itself, or the Engine decides
	}{
		{"pid", "HostConfig.PidMode", string(h.PidMode), []string{""}},
		{"ipc", "HostConfig.IpcMode", string(h.IpcMode), []string{"", "none", "private", "shareable"}},
		{"uts", "HostConfig.UTSMode", string(h.UTSMode), []string{""}},
		{"userns", "HostConfig.UsernsMode", string(h.UsernsMode), []string{""}},
		{"cgroup", "HostConfig.CgroupnsMode", string(h.CgroupnsMode), []string{"", "private"}},
		{"cgroup", "HostConfig.Cgroup", string(h.Cgroup), []string{""}},
	} {
		if slices.Contains(n.own, n.mode) {
			continue
		}
		mode, _, _ := strings.Cut(n.mode, ":")
		item := n.kind + ":" + mode
		c.namespace(demand{n.field, n.mode, "namespace " + runspec.Quote(item)}, item)
	}
	if h.CgroupParent != "" {
		c.namespace(demand{"HostConfig.CgroupParent", h.CgroupParent, `a cgroup of the task's choice ("cgroup:parent")`}, "cgroup:parent")
	}
}

func (c *check) namespace(d demand, item string) {
	permit(c, &c.namespaces, d, is(item))
}
