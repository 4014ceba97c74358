package policy

import (
	"context"
	"slices"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"pgregory.net/rapid"
)

// everywhere puts a text wherever a rule looks for one.
func everywhere(text string) Subject {
	s := subject(func(c *container.Config, h *container.HostConfig, n *network.NetworkingConfig) {
		c.Image = text
		h.NetworkMode, h.Runtime, h.VolumeDriver = container.NetworkMode(text), text, text
		h.CapAdd, h.Binds, h.PidMode, h.VolumesFrom = []string{text}, []string{text, text + ":/x"}, container.PidMode(text), []string{text}
		h.Devices, h.DeviceCgroupRules = []container.DeviceMapping{{PathOnHost: text}}, []string{text}
		h.Mounts = []mount.Mount{{Type: "bind", Source: text}, volumeMount(text, text, map[string]string{"type": text, "o": text, "device": text})}
		h.SecurityOpt, h.Sysctls, h.LogConfig.Type = []string{text}, map[string]string{text: text}, text
		n.EndpointsConfig = map[string]*network.EndpointSettings{text: {Links: []string{text}}}
	})
	s.Parameters = []string{text}
	return s
}

type pool struct {
	name  string
	items []string
}

// pools have items of each rule, for policies and for what tasks ask for.
var pools = []pool{
	{"allowed_host_paths", []string{"/", "/srv", "/srv:ro", "/srv/a:shared", "/etc:ro", "/srv/a/b"}},
	{"allowed_parameters", []string{"label", "net", "network", "volume"}},
	{"allowed_networks", []string{"bridge", "host", "apps", "container"}},
	{"allowed_images",
		[]string{"registry.example/*", "registry.example/team/*", "registry.example/team/app:1", "registry.example/team/app", "busybox", "docker.io/*"}},
	{"allowed_capabilities", []string{"ALL", "NET_ADMIN", "CAP_SYS_ADMIN", "SYS_NICE"}},
	{"allowed_devices", []string{"/dev", "/dev/fuse", "/dev/fuse:r", "c *:* rwm", "c 1:3 r", "a *:* rwm", "gpus", "gpus:named"}},
	{"allowed_namespaces", namespaceItems},
	{"allowed_volume_drivers", []string{"local", "local:nfs", "mine"}},
	{"allowed_runtimes", []string{"runsc", "annotation:k"}},
}

// subjects draws tasks, most of which ask for something.
var subjects = rapid.Custom(func(t *rapid.T) Subject {
	some := func(label string, values ...string) []string {
		return rapid.SliceOfN(rapid.SampledFrom(values), 0, 2).Draw(t, label)
	}
	s := host(func(h *container.HostConfig) {
		h.Binds = some("binds", "/srv/a:/x", "/srv:/x:ro", "/etc:/y", "/srv/a/b:/z:rshared", "/srv/../etc:/x:ro", "plain-volume:/v", "etc-volume:/w:ro", "new:/n")
		h.NetworkMode = container.NetworkMode(rapid.SampledFrom([]string{"bridge", "host", "apps", "container:c", "none"}).Draw(t, "network"))
		h.CapAdd = some("capabilities", "net_admin", "ALL", "CHOWN", "SYS_ADMIN")
		h.DeviceCgroupRules = some("cgroup rules", "c 1:3 r", "c 1:3 rwm", "a *:* rwm")
		for _, path := range some("devices", "/dev/fuse", "/dev/sda", "/dev") {
			h.Devices = append(h.Devices, container.DeviceMapping{PathOnHost: path, CgroupPermissions: rapid.SampledFrom([]string{"", "r", "rwm"}).Draw(t, "access")})
		}
		h.PidMode = container.PidMode(rapid.SampledFrom([]string{"", "host", "container:c"}).Draw(t, "pid"))
		h.IpcMode = container.IpcMode(rapid.SampledFrom([]string{"", "host", "shareable"}).Draw(t, "ipc"))
		h.Runtime = rapid.SampledFrom([]string{"", "runsc", "other"}).Draw(t, "runtime")
		h.VolumesFrom = some("volumes-from", "holder:ro", "volume-holder")
		h.Privileged = rapid.IntRange(0, 9).Draw(t, "privileged") == 0
	})
	s.Config.Image = rapid.SampledFrom([]string{"busybox", "registry.example/team/app:1", "registry.example/other", "cafe"}).Draw(t, "image")
	s.Image = s.Config.Image
	s.Parameters = some("parameters", "label", "net", "volume=/x")
	if rapid.Bool().Draw(t, "of another user") {
		s.User = &User{1000, 1000}
		s.User.Confine(s.Config, s.HostConfig)
	}
	return s
})

// TestMoreItemsAllowMore: an item that is added refuses nothing that was accepted, so one that is removed accepts nothing that
// was refused. Items are added until anything is allowed.
func TestMoreItemsAllowMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{Allowed: map[string]Rule{}}
		added := rapid.SampledFrom(pools).Draw(t, "rule")
		for _, pool := range pools {
			if pool.name != added.name && rapid.IntRange(0, 5).Draw(t, pool.name+" is set") != 0 {
				continue
			}
			items := rapid.SliceOfNDistinct(rapid.SampledFrom(pool.items), 0, len(pool.items), rapid.ID).Draw(t, pool.name)
			if len(items) == 0 {
				items = []string{nothing}
			}
			o.Allowed[pool.name] = Rule{Source: pool.name, Items: items}
		}
		if rapid.IntRange(0, 5).Draw(t, "allow_privileged is set") == 0 {
			o.AllowPrivileged = Switch{Source: rulePrivileged, Allow: rapid.Bool().Draw(t, rulePrivileged)}
		}
		s := subjects.Draw(t, "subject")
		check := func(o Options) error {
			p, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			return p.Check(context.Background(), s, engineWithTraps)
		}
		if check(o) != nil {
			return // a refusal may stay one
		}
		rule := o.Allowed[added.name]
		more := slices.DeleteFunc(slices.Clone(rule.Items), func(item string) bool { return item == nothing })
		rule.Items = append(more, rapid.SampledFrom(added.items).Draw(t, "item"))
		o.Allowed[added.name] = rule
		if err := check(o); err != nil {
			t.Fatalf("with %q more is refused: %v", rule.Items, err)
		}
		rule.Items = []string{anything}
		o.Allowed[added.name] = rule
		if err := check(o); err != nil {
			t.Fatalf("with %s: * more is refused: %v", added.name, err)
		}
		if o.AllowPrivileged.Source != "" {
			o.AllowPrivileged.Allow = true
			if err := check(o); err != nil {
				t.Fatalf("with %s more is refused: %v", rulePrivileged, err)
			}
		}
	})
}

// TestSubjectsDiffer holds that the property above is about something: the tasks that are drawn are refused as well as accepted,
// by every rule.
func TestSubjectsDiffer(t *testing.T) {
	refusals, accepted := map[string]int{}, 0
	for seed := range 3000 {
		s := subjects.Example(seed)
		pool := pools[seed%len(pools)]
		o := Options{Allowed: map[string]Rule{}}
		o.Allowed[pool.name] = Rule{Source: pool.name, Items: []string{pool.items[seed/len(pools)%len(pool.items)]}}
		err := mustNew(t, o).Check(t.Context(), s, engineWithTraps)
		if refusal, ok := err.(*Refusal); ok {
			refusals[refusal.Rule]++
		} else if err == nil {
			accepted++
		}
	}
	if accepted < 100 {
		t.Errorf("%d are accepted", accepted)
	}
	for _, pool := range pools {
		if refusals[pool.name] < 10 {
			t.Errorf("%d are refused by %s", refusals[pool.name], pool.name)
		}
	}
}
