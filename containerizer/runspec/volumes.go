package runspec

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/mount"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// describeVolumes translates the volumes in declared order and the sandbox last (contract 2.4). Beyond stock, sources
// of the types HOST_PATH, SANDBOX_PATH and SECRET are honoured, and the driver options and propagation modes with them.
//
// Persistent volumes need nothing: the agent puts them into the sandbox, and the container sees them there (contract
// 1.2, step 6).
func (r *runOptions) describeVolumes(t Task, info *mesos.ContainerInfo) error {
	if !filepath.IsAbs(t.SandboxDirectory) {
		return fmt.Errorf("translate task: sandbox directory %q is not absolute", t.SandboxDirectory)
	}
	if !path.IsAbs(t.MappedDirectory) {
		return fmt.Errorf("translate task: the sandbox's path in the container %q is not absolute", t.MappedDirectory)
	}
	v := volumes{run: r, task: t, docker: info.Docker}
	for i := range info.Volumes {
		if err := v.add(&info.Volumes[i], fmt.Sprintf("container.volumes[%d]", i)); err != nil {
			return err
		}
	}
	if driver := info.Docker.VolumeDriver; driver != nil {
		if v.driver != nil && *v.driver != *driver {
			return fault("container.docker.volume_driver", "Only one volume driver per task is supported")
		}
		v.driver = driver
	}
	if v.driver != nil {
		r.remember("container.docker.volume_driver", *v.driver)
		r.volumeDriver = *v.driver
		r.driveMounts(*v.driver)
	}
	r.bind(t.SandboxDirectory, t.MappedDirectory, "", "")
	return nil
}

// driveMounts gives the task's volume driver to volumes that no bind can express: the Engine uses the driver of the container
// for binds only.
func (r *runOptions) driveMounts(driver string) {
	for i := range r.mounts {
		m := &r.mounts[i]
		if m.Type != mount.TypeVolume {
			continue
		}
		if m.VolumeOptions == nil {
			m.VolumeOptions = &mount.VolumeOptions{}
		}
		if m.VolumeOptions.DriverConfig == nil {
			m.VolumeOptions.DriverConfig = &mount.Driver{}
		}
		m.VolumeOptions.DriverConfig.Name = driver
	}
}

// volumes is the state of translating one task's list.
type volumes struct {
	run    *runOptions
	task   Task
	docker *mesos.ContainerInfo_DockerInfo
	driver *string
}

// add translates one volume.
func (v *volumes) add(volume *mesos.Volume, field string) error {
	target, err := v.target(volume, field)
	if err != nil {
		return err
	}
	mode, err := volumeMode(volume, field)
	if err != nil {
		return err
	}
	switch {
	case volume.HostPath != nil:
		return v.addHostPath(volume, target, mode, field)
	case volume.Source != nil:
		return v.addSource(volume, target, mode, field+".source")
	}
	return fault(field, "Host path or volume source is required")
}

// target is the volume's path in the container; a relative one lies in the sandbox.
func (v *volumes) target(volume *mesos.Volume, field string) (string, error) {
	v.run.remember(field+".container_path", volume.ContainerPath)
	if volume.ContainerPath == "" {
		return "", fault(field+".container_path", "no container path is given")
	}
	if path.IsAbs(volume.ContainerPath) {
		return volume.ContainerPath, nil
	}
	return joinPath(v.task.MappedDirectory, volume.ContainerPath), nil
}

// addHostPath translates Volume.host_path.
func (v *volumes) addHostPath(volume *mesos.Volume, target, mode, field string) error {
	host := *volume.HostPath
	v.run.remember(field+".host_path", host)
	if filepath.IsAbs(host) {
		v.run.bind(host, target, mode, "")
		return nil
	}
	if !path.IsAbs(volume.ContainerPath) {
		return fault(field, "Both host_path '%s' and container_path '%s' of a volume are relative", host, volume.ContainerPath)
	}
	if v.docker.VolumeDriver != nil {
		return v.named(host, target, mode, field+".host_path")
	}
	return v.sandboxPath(host, target, mode, field+".host_path")
}

// addSource translates Volume.source.
func (v *volumes) addSource(volume *mesos.Volume, target, mode, field string) error {
	source := volume.Source
	switch source.GetType() {
	case mesos.Volume_Source_DOCKER_VOLUME:
		return v.addDockerVolume(source.DockerVolume, target, mode, field+".docker_volume")
	case mesos.Volume_Source_HOST_PATH:
		return v.addHostPathSource(source.HostPath, target, mode, field+".host_path")
	case mesos.Volume_Source_SANDBOX_PATH:
		sandbox := source.SandboxPath
		if sandbox == nil {
			return fault(field+".sandbox_path", "a volume source of type SANDBOX_PATH needs sandbox_path")
		}
		if sandbox.GetType() == mesos.Volume_Source_SandboxPath_PARENT {
			return fault(field+".sandbox_path.type", "PARENT is for nested containers, and a Docker container has no parent")
		}
		v.run.remember(field+".sandbox_path.path", sandbox.Path)
		if filepath.IsAbs(sandbox.Path) {
			return fault(field+".sandbox_path.path", "%s is not relative to the sandbox", Quote(sandbox.Path))
		}
		return v.sandboxPath(sandbox.Path, target, mode, field+".sandbox_path.path")
	case mesos.Volume_Source_SECRET:
		data, err := secretValue(source.Secret, field+".secret")
		if err != nil {
			return err
		}
		if !path.IsAbs(volume.ContainerPath) {
			return fault(field, "container_path %s of a secret is relative: the secret would lie in the sandbox, which the agent serves to readers",
				Quote(volume.ContainerPath))
		}
		v.run.files = append(v.run.files, File{Path: path.Clean(target), Data: data})
		return nil
	}
	return fault(field+".type", "volume source type %s cannot be mounted by Docker; use DOCKER_VOLUME, HOST_PATH, SANDBOX_PATH or SECRET",
		source.GetType())
}

// addDockerVolume translates a volume of a Docker volume driver.
func (v *volumes) addDockerVolume(volume *mesos.Volume_Source_DockerVolume, target, mode, field string) error {
	if volume == nil {
		return fault(field, "a volume source of type DOCKER_VOLUME needs docker_volume")
	}
	if volume.Driver != nil {
		if v.driver != nil && *v.driver != *volume.Driver {
			return fault(field+".driver", "Only one volume driver is supported")
		}
		v.driver = volume.Driver
	}
	options := volume.DriverOptions.GetParameter()
	if len(options) == 0 {
		return v.named(volume.Name, target, mode, field+".name")
	}
	driver := &mount.Driver{Options: make(map[string]string, len(options))} // driveMounts names it
	for i, option := range options {
		v.run.remember(fmt.Sprintf("%s.driver_options[%d]", field, i), option.Key+option.Value)
		driver.Options[option.Key] = option.Value
	}
	v.run.remember(field+".name", volume.Name)
	v.run.mounts = append(v.run.mounts, mount.Mount{
		Type:          mount.TypeVolume,
		Source:        volume.Name,
		Target:        target,
		ReadOnly:      mode == "ro",
		VolumeOptions: &mount.VolumeOptions{DriverConfig: driver},
	})
	return nil
}

// addHostPathSource translates a source of type HOST_PATH.
func (v *volumes) addHostPathSource(source *mesos.Volume_Source_HostPath, target, mode, field string) error {
	if source == nil {
		return fault(field, "a volume source of type HOST_PATH needs host_path")
	}
	v.run.remember(field+".path", source.Path)
	if !filepath.IsAbs(source.Path) {
		return fault(field+".path", "host path %s is not absolute", Quote(source.Path))
	}
	propagation := mount.Propagation("")
	switch source.GetMountPropagation().GetMode() {
	case mesos.MountPropagation_HOST_TO_CONTAINER:
		propagation = mount.PropagationRSlave
	case mesos.MountPropagation_BIDIRECTIONAL:
		propagation = mount.PropagationRShared
	}
	v.run.bind(source.Path, target, mode, propagation)
	return nil
}

// named mounts a volume by its name.
func (v *volumes) named(name, target, mode, field string) error {
	v.run.remember(field, name)
	if name == "" {
		return fault(field, "no volume name is given")
	}
	if strings.Contains(name, ":") {
		return fault(field, "the name of a volume cannot hold a colon: %s", Quote(name))
	}
	if name[0] == '.' {
		// Docker's parser would take it for a path, from the directory that the parser happens to run in.
		return fault(field, "the name of a volume cannot begin with a dot: %s", Quote(name))
	}
	if strings.Contains(target, ":") {
		v.run.mounts = append(v.run.mounts, mount.Mount{Type: mount.TypeVolume, Source: name, Target: target, ReadOnly: mode == "ro"})
		return nil
	}
	v.run.addBind(name, target, mode)
	return nil
}

// sandboxPath mounts a path that is relative to the sandbox and must stay in it. Symlinks are PrepareHost's part.
func (v *volumes) sandboxPath(relative, target, mode, field string) error {
	clean := filepath.Clean(relative)
	if !filepath.IsLocal(clean) {
		return fault(field, "%s leaves the sandbox", Quote(relative))
	}
	v.run.sandboxPaths = append(v.run.sandboxPaths, clean)
	v.run.bind(joinPath(v.task.SandboxDirectory, relative), target, mode, "")
	return nil
}

// bind mounts a host path: in docker's notation where that can say it, as a mount otherwise. The notation has no way to write
// a colon.
func (r *runOptions) bind(host, target, mode string, propagation mount.Propagation) {
	if !strings.Contains(host, ":") && !strings.Contains(target, ":") {
		if propagation != "" {
			mode += "," + string(propagation)
		}
		r.addBind(host, target, mode)
		return
	}
	r.mountSources = append(r.mountSources, host)
	r.mounts = append(r.mounts, mount.Mount{
		Type:        mount.TypeBind,
		Source:      host,
		Target:      target,
		ReadOnly:    mode == "ro",
		BindOptions: &mount.BindOptions{Propagation: propagation, CreateMountpoint: true},
	})
}

// addBind adds source:target[:mode], unless the same text is there already: docker keeps the option in a set.
func (r *runOptions) addBind(source, target, mode string) {
	text := source + ":" + target
	if mode != "" {
		text += ":" + mode
	}
	if !slices.Contains(r.binds, text) {
		r.binds = append(r.binds, text)
	}
}

// volumeMode returns "rw" or "ro".
func volumeMode(volume *mesos.Volume, field string) (string, error) {
	switch volume.GetMode() {
	case mesos.RW:
		return "rw", nil
	case mesos.RO:
		return "ro", nil
	}
	return "", fault(field+".mode", "volume mode %s is unknown; it must be RW or RO", volume.GetMode())
}

// joinPath puts one slash between two paths and changes nothing else, as Mesos does.
func joinPath(directory, name string) string {
	return strings.TrimRight(directory, "/") + "/" + strings.TrimLeft(name, "/")
}
