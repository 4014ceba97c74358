package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"mesos-docker-containerizer/containerizer/runspec"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/mount"
)

// Drivers with a meaning of their own.
const (
	driverLocal   = "local"
	driverCluster = "cluster" // Swarm's
)

// networkFileSystems are those that the local driver mounts from elsewhere and whose files are therefore not the host's.
var networkFileSystems = []string{"nfs", "nfs4", "cifs", "smb3"}

func parseVolumeDriver(item string) (string, error) {
	if item == "" || strings.ContainsFunc(item, unicode.IsSpace) {
		return "", errors.New("it is not the name of a volume driver; local:nfs is a local volume that mounts nfs")
	}
	return canonicalDriver(item), nil
}

// canonicalDriver completes the name of a plugin with its tag, as the Engine does.
func canonicalDriver(name string) string {
	if slash := strings.LastIndex(name, "/"); slash >= 0 && !strings.ContainsAny(name[slash:], ":@") {
		return name + ":latest"
	}
	return name
}

func (c *check) volumeDriver(d demand, name string) {
	d.reason = "volume driver " + runspec.Quote(name)
	permit(c, &c.volumeDrivers, d, is(canonicalDriver(name)))
}

// volume checks a volume: what is asked for, and what is there already under the name.
func (c *check) volume(ctx context.Context, d demand, name string, driver mount.Driver, a access) {
	if c.failed != nil || c.hostPaths.settled(c.trusted) && c.volumeDrivers.settled(c.trusted) {
		return
	}
	asked := driver.Name != "" || len(driver.Options) > 0
	if asked {
		c.volumeOf(d, driver, a)
	}
	if name == "" || c.failed != nil { // without a name it is a new one, which goes with the container
		return
	}
	found, err := c.inspector.InspectVolume(ctx, name)
	switch {
	case errdefs.IsInvalidArgument(err):
		d.reason = "a volume with an impossible name"
		permit(c, &c.volumeDrivers, d, never[string])
	case errdefs.IsNotFound(err):
		if !asked {
			c.volumeOf(d, mount.Driver{}, a)
		}
	case err != nil:
		c.fail(fmt.Errorf("check volume %s: %w", runspec.Quote(name), err))
	default:
		c.volumeOf(d, mount.Driver{Name: found.Driver, Options: found.Options}, a)
	}
}

// volumeOf checks a volume by its driver and options. What a plugin does with its options only the plugin knows: to allow it is
// to trust it. What the local driver mounts is looked at.
func (c *check) volumeOf(d demand, driver mount.Driver, a access) {
	if driver.Name != "" && driver.Name != driverLocal {
		c.volumeDriver(d, driver.Name)
		return
	}
	kind, device := driver.Options["type"], driver.Options["device"]
	options := strings.Split(driver.Options["o"], ",")
	has := func(name string) bool { return slices.Contains(options, name) }
	switch {
	case has("shared") || has("rshared"):
		a = shared
	case has("ro") && !has("rw"):
		a = readOnly
	}
	switch {
	case has("bind") || has("rbind"), kind == "" && device != "", kind == "none", kind == "bind":
		d.reason = "a local volume that is a bind mount"
		c.hostPath(d, device, a)
		kind = ""
	case kind == "" || kind == "tmpfs":
		kind = ""
	case !slices.Contains(networkFileSystems, kind): // a disk, or layers of directories: it could be anything of the host
		d.reason = "a local volume that mounts a file system of type " + runspec.Quote(kind)
		c.hostPath(d, "/", readWrite)
	}
	if kind != "" {
		kind = ":" + kind
	}
	c.volumeDriver(d, driverLocal+kind)
}
