package policy

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"mesos-docker-containerizer/containerizer/runspec"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
)

// checkMounts checks all mounts: binds, mounts and the volumes of other containers.
func (c *check) checkMounts(ctx context.Context) {
	h := c.HostConfig
	if h.VolumeDriver != "" { // volumes without a name, also the image's, come from it
		c.volumeDriver(demand{"HostConfig.VolumeDriver", h.VolumeDriver, ""}, h.VolumeDriver)
	}
	for _, bind := range h.Binds {
		c.bind(ctx, bind)
	}
	for _, m := range h.Mounts {
		c.mount(ctx, m)
	}
	for _, from := range h.VolumesFrom {
		c.volumesFrom(ctx, from)
	}
}

// bind checks docker's notation, split as the Engine splits it: [source:]target[:mode].
func (c *check) bind(ctx context.Context, text string) {
	d := demand{"HostConfig.Binds", text, "a volume"}
	parts := strings.SplitN(text, ":", 4)
	mode := readWrite
	switch len(parts) {
	case 1:
		return // a volume without a name
	case 2:
	case 3:
		mode = bindAccess(parts[2])
	default:
		d.reason = "a volume that cannot be read"
		permit(c, &c.hostPaths, d, never[hostPath])
		return
	}
	if path.IsAbs(parts[0]) {
		c.hostPath(d, parts[0], mode)
	} else {
		c.volume(ctx, d, parts[0], mount.Driver{Name: c.HostConfig.VolumeDriver}, mode)
	}
}

// bindAccess reads the mode of a volume. Relabelling for SELinux writes to the host even where the mount is read-only.
func bindAccess(mode string) access {
	options := strings.Split(mode, ",")
	has := func(names ...string) bool {
		return slices.ContainsFunc(options, func(o string) bool { return slices.Contains(names, o) })
	}
	switch {
	case has("shared", "rshared"):
		return shared
	case has("ro") && !has("z", "Z"):
		return readOnly
	}
	return readWrite
}

// mount checks a mount in the long form.
func (c *check) mount(ctx context.Context, m mount.Mount) {
	d := demand{"HostConfig.Mounts", m.Source, "a mount of type " + string(m.Type)}
	mode := readWrite
	if m.ReadOnly {
		mode = readOnly
	}
	switch m.Type {
	case mount.TypeTmpfs:
	case mount.TypeBind:
		if b := m.BindOptions; b != nil {
			if b.ReadOnlyNonRecursive && !b.NonRecursive { // what is mounted below stays writable
				mode = readWrite
			}
			if b.Propagation == mount.PropagationShared || b.Propagation == mount.PropagationRShared {
				mode = shared
			}
		}
		c.hostPath(d, m.Source, mode)
	case mount.TypeVolume:
		var driver mount.Driver
		if m.VolumeOptions != nil && m.VolumeOptions.DriverConfig != nil {
			driver = *m.VolumeOptions.DriverConfig
		}
		c.volume(ctx, d, m.Source, driver, mode)
	case mount.TypeImage:
		c.image("HostConfig.Mounts", m.Source)
	case mount.TypeCluster:
		c.volumeDriver(d, driverCluster)
	default:
		d.reason = fmt.Sprintf("a mount of the type %s", runspec.Quote(string(m.Type)))
		permit(c, &c.hostPaths, d, never[hostPath])
	}
}

// volumesFrom checks the mounts of another container, as if the task had asked for each itself.
func (c *check) volumesFrom(ctx context.Context, text string) {
	if c.failed != nil || c.hostPaths.settled(c.trusted) && c.volumeDrivers.settled(c.trusted) && (c.images.any || !c.images.set()) {
		return
	}
	name, mode, _ := strings.Cut(text, ":")
	d := demand{"HostConfig.VolumesFrom", text, "volumes of another container"}
	other, err := c.inspector.Inspect(ctx, name)
	if errdefs.IsNotFound(err) || errdefs.IsInvalidArgument(err) {
		d.reason = "volumes of a container that does not exist"
		permit(c, &c.hostPaths, d, never[hostPath])
		permit(c, &c.volumeDrivers, d, never[string])
		return
	}
	if err != nil {
		c.fail(fmt.Errorf("check volumes-from %s: %w", runspec.Quote(text), err))
		return
	}
	for _, m := range other.Mounts {
		a := readWrite
		if !m.RW || mode != "" && bindAccess(mode) == readOnly {
			a = readOnly
		}
		c.otherMount(ctx, d, m, a)
	}
}

// otherMount checks one mount of another container. What it shows to the host it shows already.
func (c *check) otherMount(ctx context.Context, d demand, m container.MountPoint, a access) {
	switch m.Type {
	case mount.TypeTmpfs:
	case mount.TypeVolume:
		c.volume(ctx, d, m.Name, mount.Driver{Name: m.Driver}, a)
	case mount.TypeBind:
		if m.Propagation == mount.PropagationShared || m.Propagation == mount.PropagationRShared {
			a = shared
		}
		c.hostPath(d, m.Source, a)
	default:
		d.reason = fmt.Sprintf("another container's mount of the type %s", runspec.Quote(string(m.Type)))
		permit(c, &c.hostPaths, d, never[hostPath])
	}
}
