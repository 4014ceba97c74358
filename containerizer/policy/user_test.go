package policy

import (
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
)

// TestOthersStayThemselves tries to be another user as an executor that is not root's. A program that root in a container makes
// setuid in the sandbox would be the host's root.
func TestOthersStayThemselves(t *testing.T) {
	user := &User{1000, 1001}
	for name, change := range map[string]func(*container.Config, *container.HostConfig){
		"root":               func(c *container.Config, _ *container.HostConfig) { c.User = "0" },
		"root by name":       func(c *container.Config, _ *container.HostConfig) { c.User = "root" },
		"another":            func(c *container.Config, _ *container.HostConfig) { c.User = "1002:1001" },
		"group root":         func(c *container.Config, _ *container.HostConfig) { c.User = "1000:0" },
		"the image's groups": func(c *container.Config, _ *container.HostConfig) { c.User = "1000" },
		"the image's user":   func(c *container.Config, _ *container.HostConfig) { c.User = "me:1001" },
		"a group more":       func(_ *container.Config, h *container.HostConfig) { h.GroupAdd = []string{"1001", "docker"} },
		"setuid programs": func(_ *container.Config, h *container.HostConfig) {
			h.SecurityOpt = []string{"no-new-privileges=false"}
		},
		"setuid, last word": func(_ *container.Config, h *container.HostConfig) {
			h.SecurityOpt = []string{"no-new-privileges", "no-new-privileges:false"}
		},
	} {
		s := subject(func(c *container.Config, h *container.HostConfig, _ *network.NetworkingConfig) { change(c, h) })
		s.User = user
		user.Confine(s.Config, s.HostConfig)
		if r := wantRefused(t, mustNew(t, Options{}), s, nil); r.Rule != rulePrivileged {
			t.Errorf("%s: %v", name, r)
		}
		if err := mustNew(t, rules(t, "allow_privileged=true")).Check(t.Context(), s, nil); err != nil {
			t.Errorf("%s, allowed: %v", name, err)
		}
	}
	unconfined := subject(nil)
	unconfined.User = user
	if r := wantRefused(t, mustNew(t, Options{}), unconfined, nil); r.Field != "Config.User" {
		t.Error(r)
	}
	unconfined.Config.User = user.String()
	if r := wantRefused(t, mustNew(t, Options{}), unconfined, nil); r.Field != "HostConfig.SecurityOpt" {
		t.Error(r)
	}
}

func TestPortsOfRoot(t *testing.T) {
	for port, allowed := range map[string]bool{"": true, "0": true, "1024": true, "31000": true, "80": false, "1023": false, "22-2222": false, "x": false, "99999": false} {
		s := host(func(h *container.HostConfig) {
			h.PortBindings = nat.PortMap{"80/tcp": {{HostPort: "31000"}, {HostPort: port}}}
		})
		s.User = &User{1000, 1000}
		s.User.Confine(s.Config, s.HostConfig)
		if err := mustNew(t, Options{}).Check(t.Context(), s, nil); (err == nil) != allowed {
			t.Errorf("%q: %v", port, err)
		}
		if err := mustNew(t, rules(t, "allowed_networks=bridge,host")).Check(t.Context(), s, nil); err != nil {
			t.Errorf("%q, with the host's network allowed: %v", port, err)
		}
	}
}
