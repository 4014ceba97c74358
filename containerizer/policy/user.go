package policy

import (
	"fmt"
	"slices"

	"github.com/docker/docker/api/types/container"
)

// User is an executor's user that is not root.
type User struct {
	UID, GID uint32
}

// String is the user in docker's notation. Both numbers are there because the Engine takes what is missing from the image,
// and the author of an image can write anything there.
func (u User) String() string { return fmt.Sprintf("%d:%d", u.UID, u.GID) }

// Confine has a container run as the user where the task says nothing else. Root in a container could leave a setuid program in
// the sandbox, which the user would then run on the host, and a setuid program of the image makes root.
func (u User) Confine(c *container.Config, h *container.HostConfig) {
	if c.User == "" {
		c.User = u.String()
	}
	if !slices.ContainsFunc(h.SecurityOpt, isNoNewPrivileges) {
		h.SecurityOpt = append(h.SecurityOpt, "no-new-privileges")
	}
}

// isNoNewPrivileges recognises the option with any value, which is then checked by itself.
func isNoNewPrivileges(opt string) bool {
	const name = "no-new-privileges"
	return opt == name || len(opt) > len(name) && opt[:len(name)] == name && (opt[len(name)] == '=' || opt[len(name)] == ':')
}

// checkUser keeps an executor that is not root's to its own user, for the reason that Confine gives. Any other user needs
// allow_privileged: it is as good as being root on the host.
func (c *check) checkUser() {
	if c.User == nil {
		return
	}
	if c.Config.User != c.User.String() {
		c.privilege(demand{"Config.User", c.Config.User, "a user other than the executor's own (" + c.User.String() + ")"})
	}
	for _, group := range c.HostConfig.GroupAdd {
		if group != fmt.Sprint(c.User.GID) {
			c.privilege(demand{"HostConfig.GroupAdd", group, "a group other than the executor's own"})
		}
	}
	// That it is not switched off again is checked with the security options.
	if !slices.ContainsFunc(c.HostConfig.SecurityOpt, isNoNewPrivileges) {
		c.privilege(demand{"HostConfig.SecurityOpt", "", "gaining privileges by setuid programs"})
	}
}
