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

// judgeMounts judges everything that is mounted, whichever way it is asked for.
func (j *judgement) judgeMounts(ctx context.Context) error {
	h := j.HostConfig
	if h.VolumeDriver != "" { // volumes without a name, also the image's, come from it
		if err := j.volumeDriver(demand{"HostConfig.VolumeDriver", h.VolumeDriver, ""}, h.VolumeDriver); err != nil {
			return err
		}
	}
	for _, bind := range h.Binds {
		if err := j.bind(ctx, bind); err != nil {
			return err
		}
	}
	for _, m := range h.Mounts {
		if err := j.mount(ctx, m); err != nil {
			return err
		}
	}
	for _, from := range h.VolumesFrom {
		if err := j.volumesFrom(ctx, from); err != nil {
			return err
		}
	}
	return nil
}

// bind judges docker's notation, split as the Engine splits it: [source:]target[:mode].
func (j *judgement) bind(ctx context.Context, text string) error {
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
		return permit(j, &j.hostPaths, d, never[hostPath])
	}
	if path.IsAbs(parts[0]) {
		return j.hostPath(d, parts[0], mode)
	}
	return j.volume(ctx, d, parts[0], mount.Driver{Name: j.HostConfig.VolumeDriver}, mode)
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

// mount judges a mount in the long form.
func (j *judgement) mount(ctx context.Context, m mount.Mount) error {
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
		return j.hostPath(d, m.Source, mode)
	case mount.TypeVolume:
		var driver mount.Driver
		if m.VolumeOptions != nil && m.VolumeOptions.DriverConfig != nil {
			driver = *m.VolumeOptions.DriverConfig
		}
		return j.volume(ctx, d, m.Source, driver, mode)
	case mount.TypeImage:
		return j.image("HostConfig.Mounts", m.Source)
	case mount.TypeCluster:
		return j.volumeDriver(d, driverCluster)
	}
	d.reason = fmt.Sprintf("a mount of the type %s", runspec.Quote(string(m.Type)))
	return permit(j, &j.hostPaths, d, never[hostPath])
}

// volumesFrom judges the mounts of another container, as if the task had asked for each itself.
func (j *judgement) volumesFrom(ctx context.Context, text string) error {
	if j.hostPaths.settled(j.trusted) && j.volumeDrivers.settled(j.trusted) && (j.images.any || !j.images.set()) {
		return nil
	}
	name, mode, _ := strings.Cut(text, ":")
	d := demand{"HostConfig.VolumesFrom", text, "volumes of another container"}
	other, err := j.inspector.Container(ctx, name)
	if errdefs.IsNotFound(err) || errdefs.IsInvalidArgument(err) {
		d.reason = "volumes of a container that does not exist"
		if err := permit(j, &j.hostPaths, d, never[hostPath]); err != nil {
			return err
		}
		return permit(j, &j.volumeDrivers, d, never[string])
	}
	if err != nil {
		return fmt.Errorf("judge volumes-from %s: %w", runspec.Quote(text), err)
	}
	for _, m := range other.Mounts {
		a := readWrite
		if !m.RW || mode != "" && bindAccess(mode) == readOnly {
			a = readOnly
		}
		if err := j.otherMount(ctx, d, m, a); err != nil {
			return err
		}
	}
	return nil
}

// otherMount judges one mount of another container. What it shows to the host it shows already.
func (j *judgement) otherMount(ctx context.Context, d demand, m container.MountPoint, a access) error {
	switch m.Type {
	case mount.TypeTmpfs:
		return nil
	case mount.TypeVolume:
		return j.volume(ctx, d, m.Name, mount.Driver{Name: m.Driver}, a)
	case mount.TypeBind:
		if m.Propagation == mount.PropagationShared || m.Propagation == mount.PropagationRShared {
			a = shared
		}
		return j.hostPath(d, m.Source, a)
	}
	d.reason = fmt.Sprintf("another container's mount of the type %s", runspec.Quote(string(m.Type)))
	return permit(j, &j.hostPaths, d, never[hostPath])
}
