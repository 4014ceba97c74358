package policy

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

const rulePrivileged = "allow_privileged"

// privilege decides by allow_privileged.
func (c *check) privilege(d demand) {
	allowed := c.privileged.Allow
	if c.privileged.Source == "" {
		allowed = c.trusted
	}
	if !allowed {
		c.fail(origin{rulePrivileged, c.privileged.Source}.refuse(d))
	}
}

// checkPrivileged takes privileged for what it is: every capability and device, and with them everything on the host's disks
// and in its namespaces. So it needs the consent of each of these rules.
func (c *check) checkPrivileged() {
	if !c.HostConfig.Privileged {
		return
	}
	because := func(of string) demand {
		return demand{"HostConfig.Privileged", "true", "privileged, which gives " + of + ","}
	}
	c.privilege(demand{"HostConfig.Privileged", "true", "privileged"})
	c.capability(because("every capability"), allCapabilities)
	permit(c, &c.devices, because("every device"), func(d device) bool { return d.coversPath("/dev", "rwm") })
	permit(c, &c.hostPaths, because("the disks of the host"), func(h hostPath) bool { return h.covers("/", readWrite) })
	for _, item := range namespaceItems {
		if strings.HasSuffix(item, ":host") {
			c.namespace(because("the namespaces of the host"), item)
		}
	}
	permit(c, &c.networks, because("the network of the host"), is(networkHost))
}

// checkConfinement checks what takes away from the profiles by which the Engine confines every container.
func (c *check) checkConfinement() {
	h := c.HostConfig
	for _, opt := range h.SecurityOpt {
		if loosens(opt) {
			c.privilege(demand{"HostConfig.SecurityOpt", opt, "a security option that can loosen confinement"})
		}
	}
	// An empty list is not nil, and is what systempaths=unconfined comes to.
	if h.MaskedPaths != nil {
		c.privilege(demand{"HostConfig.MaskedPaths", strings.Join(h.MaskedPaths, ","), "another list of masked paths"})
	}
	if h.ReadonlyPaths != nil {
		c.privilege(demand{"HostConfig.ReadonlyPaths", strings.Join(h.ReadonlyPaths, ","), "another list of read-only paths"})
	}
	for _, key := range slices.Sorted(maps.Keys(h.Sysctls)) {
		if !namespaced(key) {
			c.privilege(demand{"HostConfig.Sysctls", key, "a kernel parameter that no namespace has for itself"})
		}
	}
}

// loosens tells whether a security option can leave a container less confined than without it. It splits as the Engine does: at
// the first "=", without one at the first ":".
func loosens(opt string) bool {
	if opt == "no-new-privileges" {
		return false
	}
	key, value, found := strings.Cut(opt, "=")
	if !found {
		key, value, _ = strings.Cut(opt, ":")
	}
	switch key {
	case "no-new-privileges":
		on, err := strconv.ParseBool(value)
		return err != nil || !on
	case "writable-cgroups":
		on, err := strconv.ParseBool(value)
		return err != nil || on
	case "seccomp":
		return value != "builtin"
	case "apparmor":
		return value != "docker-default"
	}
	return true // labels choose whose files can be read, others are unknown
}

// namespaced tells whether a sysctl belongs to a namespace that a container has for itself. Runtimes refuse all others, so this
// only keeps a runtime that does not from mattering.
func namespaced(key string) bool {
	// The kernel takes slashes for dots.
	key = strings.ReplaceAll(key, "/", ".")
	if strings.Contains(key, "..") {
		return false
	}
	for _, prefix := range []string{"net.", "fs.mqueue.", "kernel.msg", "kernel.shm"} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return key == "kernel.sem" || key == "kernel.domainname" || key == "kernel.hostname"
}
