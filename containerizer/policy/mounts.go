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
func (c *check) checkMounts(ctx context.Context) error {
	h := c.HostConfig
	if h.VolumeDriver != "" { // volumes without a name, also the image's, come from it
		if err := c.volumeDriver(demand{"HostConfig.VolumeDriver", h.VolumeDriver, ""}, h.VolumeDriver); err != nil {
			return err
		}
	}
	for _, bind := range h.Binds {
		if err := c.bind(ctx, bind); err != nil {
			return err
		}
	}
	for _, m := range h.Mounts {
		if err := c.mount(ctx, m); err != nil {
			return err
		}
	}
	for _, from := range h.VolumesFrom {
		if err := c.volumesFrom(ctx, from); err != nil {
			return err
		}
	}
	return nil
}

// bind checks docker's notation, split as the Engine splits it: [source:]target[:mode].
func (c *check) bind(ctx context.Context, text string) error {
	d := demand{"HostConfig.Binds", text, "a volume"}
	parts := strings.SplitN(text, ":", 4)
	mode := readWrite
	switch len(parts) {
	case 1:
		return nil // a volume without a name
	case 2:
	case 3:
		mode = bindAccess(parts[2])
	default:
		d.reason = "a volume that cannot be read"
		return permit(c, &c.hostPaths, d, never[hostPath])
	}
	if path.IsAbs(parts[0]) {
		return c.hostPath(d, parts[0], mode)
	}
	return c.volume(ctx, d, parts[0], mount.Driver{Name: c.HostConfig.VolumeDriver}, mode)
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
func (c *check) mount(ctx context.Context, m mount.Mount) error {
	d := demand{"HostConfig.Mounts", m.Source, "a mount of type " + string(m.Type)}
	mode := readWrite
	if m.ReadOnly {
		mode = readOnly
	}
	switch m.Type {
	case mount.TypeTmpfs:
		return nil
	case mount.TypeBind:
		if b := m.BindOptions; b != nil {
			if b.ReadOnlyNonRecursive && !b.NonRecursive { // what is mounted below stays writable
				mode = readWrite
			}
			if b.Propagation == mount.PropagationShared || b.Propagation == mount.PropagationRShared {
				mode = shared
			}
		}
		return c.hostPath(d, m.Source, mode)
	case mount.TypeVolume:
		var driver mount.Driver
		if m.VolumeOptions != nil && m.VolumeOptions.DriverConfig != nil {
			driver = *m.VolumeOptions.DriverConfig
		}
		return c.volume(ctx, d, m.Source, driver, mode)
	case mount.TypeImage:
		return c.image("HostConfig.Mounts", m.Source)
	case mount.TypeCluster:
		return c.volumeDriver(d, driverCluster)
	}
	d.reason = fmt.Sprintf("a mount of the type %s", runspec.Quote(string(m.Type)))
	return permit(c, &c.hostPaths, d, never[hostPath])
}

// volumesFrom checks the mounts of another container, as if the task had asked for each itself.
func (c *check) volumesFrom(ctx context.Context, text string) error {
	if c.hostPaths.settled(c.trusted) && c.volumeDrivers.settled(c.trusted) && (c.images.any || !c.images.set()) {
		return nil
	}
	name, mode, _ := strings.Cut(text, ":")
	d := demand{"HostConfig.VolumesFrom", text, "volumes of another container"}
	other, err := c.inspector.Container(ctx, name)
	if errdefs.IsNotFound(err) || errdefs.IsInvalidArgument(err) {
		d.reason = "volumes of a container that does not exist"
		if err := permit(c, &c.hostPaths, d, never[hostPath]); err != nil {
			return err
		}
		return permit(c, &c.volumeDrivers, d, never[string])
	}
	if err != nil {
		return fmt.Errorf("check volumes-from %s: %w", runspec.Quote(text), err)
	}
	for _, m := range other.Mounts {
		a := readWrite
		if !m.RW || mode != "" && bindAccess(mode) == readOnly {
			a = readOnly
		}
		if err := c.otherMount(ctx, d, m, a); err != nil {
			return err
		}
	}
	return nil
}

// otherMount checks one mount of another container. What it shows to the host it shows already.
func (c *check) otherMount(ctx context.Context, d demand, m container.MountPoint, a access) error {
	switch m.Type {
	case mount.TypeTmpfs:
		return nil
	case mount.TypeVolume:
		return c.volume(ctx, d, m.Name, mount.Driver{Name: m.Driver}, a)
	case mount.TypeBind:
		if m.Propagation == mount.PropagationShared || m.Propagation == mount.PropagationRShared {
			a = shared
		}
		return c.hostPath(d, m.Source, a)
	}
	d.reason = fmt.Sprintf("another container's mount of the type %s", runspec.Quote(string(m.Type)))
	return permit(c, &c.hostPaths, d, never[hostPath])
}
