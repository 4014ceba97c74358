package containerizer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	docker "github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/cni"
	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/pidfd"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/executor/wire"
)

// A holder is a container that has a network namespace before the task's container is started in it: the Engine takes no namespace by
// its path. It is not needed any more once that runs (docs/cni.md).
const (
	// holderPrefix begins a holder's name, before the name of the task's container. No agent takes it for its own.
	holderPrefix = "network-of-"

	// holderRoute stands in a holder's label in place of the way that the task came.
	holderRoute = "network"

	holderImage = "mesos-docker-containerizer-pause:1"

	// leaveLimit is how long the end of a task waits until its networks are left. What takes longer is tried again later.
	leaveLimit = 10 * time.Second
)

// joining is a task's part in networks that plugins join. The zero value is that of a task without. It is run's alone, and
// settleNetworks's while the container runs.
type joining struct {
	request   *cni.Request // nil if an earlier daemon has joined them
	planned   *cni.Plan    // of the request
	attached  *cni.Attachment
	namespace *os.File             // nil while it is not known
	holder    *container.Container // nil if there is none
}

// held is the name of the container that a container holds the network for.
func held(name string, labels engine.Labels) (of string, isHolder bool) {
	if labels.Route != holderRoute {
		return name, false
	}
	return strings.CutPrefix(name, holderPrefix)
}

// joinNetworks makes a network namespace and has plugins join it to the task's networks.
func (s *session) joinNetworks(ctx context.Context, spec *runspec.Spec) error {
	j := &s.networks
	if j.request == nil {
		return nil
	}
	s.at.progress("joining CNI networks")
	if err := cni.Capable(); err != nil {
		return err
	}
	held, err := s.hold(ctx, spec)
	if err != nil {
		return holderFailure(err)
	}
	if j.namespace, err = openNamespace(held); err != nil {
		return err
	}
	if j.attached, err = s.server.networks.Attach(ctx, j.planned, j.path()); err != nil {
		return err
	}
	if err := writeNames(held, spec, j.attached); err != nil {
		s.logger.Warn("the task's name, or its name servers, are not in its files", zap.Error(err))
	}
	return nil
}

// holderFailure is why the task did not get a network. That the holder is gone says nothing of the task, which has not run.
func holderFailure(err error) error {
	if processGone(err) {
		err = errors.New(err.Error())
	}
	return fmt.Errorf("container for the network of the task: %w", err)
}

// hold creates and starts the task's holder, and returns it as inspected.
func (s *session) hold(ctx context.Context, spec *runspec.Spec) (*engine.Container, error) {
	j := &s.networks
	if s.attach.State != nil { // an earlier daemon may have got as far as this
		if err := s.dropHolder(ctx); err != nil {
			return nil, err
		}
	}
	holder := s.newHolder()
	j.holder = holder
	wanted := holderSpec(spec, holder.Name())
	_, err := holder.Create(ctx, wanted)
	if engine.IsImageNotFound(err) {
		if err = s.importPause(ctx); err == nil {
			_, err = holder.Create(ctx, wanted)
		}
	}
	if err != nil {
		holder.Abandon()
		return nil, err
	}
	if err := holder.Start(ctx); err != nil {
		return nil, err
	}
	return holder.Inspect(ctx)
}

func (s *session) newHolder() *container.Container {
	return container.New(container.Options{
		Engine: s.server.engine, Owner: s, Name: holderPrefix + s.name, Late: s.server.late, Logger: s.logger,
	})
}

// importPause makes the image of holders, which an admin may have pruned.
func (s *session) importPause(ctx context.Context) error {
	archive, err := cni.PauseImage()
	if err != nil {
		return err
	}
	return s.container.Insist(ctx, func(ctx context.Context) error { return s.server.engine.ImportImage(ctx, archive, holderImage) })
}

// holderSpec is a container that can do nothing, with what the Engine refuses to a container in the network of another.
func holderSpec(spec *runspec.Spec, name string) container.Spec {
	labels, _ := engine.ParseLabels(spec.Config.Labels)
	labels.Name, labels.Route, labels.Note, labels.Devices, labels.Groups = name, holderRoute, "", "", ""
	return container.Spec{
		Config: &docker.Config{
			Image: holderImage, Entrypoint: []string{cni.PauseProgram}, Labels: labels.Map(), StopSignal: "SIGKILL",
			Hostname: spec.Config.Hostname, Domainname: spec.Config.Domainname, ExposedPorts: spec.Config.ExposedPorts,
		},
		HostConfig: &docker.HostConfig{
			NetworkMode: "none", UsernsMode: spec.HostConfig.UsernsMode, LogConfig: docker.LogConfig{Type: "none"},
			DNS: spec.HostConfig.DNS, DNSSearch: spec.HostConfig.DNSSearch, DNSOptions: spec.HostConfig.DNSOptions, ExtraHosts: spec.HostConfig.ExtraHosts,
			ReadonlyRootfs: true, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"},
		},
		Networking: &network.NetworkingConfig{},
	}
}

// inHolder moves a container that is to be created into the network of the holder, which has what the Engine would refuse.
func (s *session) inHolder(created *container.Spec) {
	if s.networks.request == nil {
		return
	}
	config, host := *created.Config, *created.HostConfig
	config.Hostname, config.Domainname, config.ExposedPorts = "", "", nil
	host.DNS, host.DNSSearch, host.DNSOptions, host.ExtraHosts, host.PortBindings = nil, nil, nil, nil, nil
	host.NetworkMode = docker.NetworkMode("container:" + s.networks.holder.ID())
	created.Config, created.HostConfig = &config, &host
}

// openNamespace refers to the network namespace of a container that runs.
func openNamespace(c *engine.Container) (*os.File, error) {
	namespace, err := pidfd.OpenNetwork(c.State.Pid, c.ID)
	if err != nil {
		return nil, fmt.Errorf("network namespace of container %s: %w", c.ID, err)
	}
	return namespace, nil
}

// path leads other processes to the namespace for as long as it is open here; empty if it is not known.
func (j *joining) path() string {
	if j.namespace == nil {
		return ""
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), j.namespace.Fd())
}

// writeNames puts the task's address and host name, and the name servers of its networks if it has no others, into the files that the
// Engine has made for the holder. The task's container has the same files.
func writeNames(holder *engine.Container, spec *runspec.Spec, a *cni.Attachment) error {
	name := holder.Config.Hostname
	if holder.Config.Domainname != "" {
		name += "." + holder.Config.Domainname + " " + name
	}
	var hosts, resolver strings.Builder
	for _, join := range a.Joins {
		for _, address := range join.Addresses {
			fmt.Fprintf(&hosts, "%s\t%s\n", address, name)
		}
	}
	errs := []error{writeTo(holder.HostsPath, os.O_APPEND, hosts.String())}
	host := spec.HostConfig
	i := slices.IndexFunc(a.Joins, func(j cni.Join) bool { return len(j.DNS.Nameservers) > 0 })
	if i < 0 || len(host.DNS)+len(host.DNSSearch)+len(host.DNSOptions) > 0 {
		return errs[0]
	}
	dns := a.Joins[i].DNS
	for _, server := range dns.Nameservers {
		fmt.Fprintf(&resolver, "nameserver %s\n", server)
	}
	if search := append(slices.Clone(dns.Search), dns.Domain); strings.Join(search, "") != "" {
		fmt.Fprintf(&resolver, "search %s\n", strings.TrimSpace(strings.Join(search, " ")))
	}
	if len(dns.Options) > 0 {
		fmt.Fprintf(&resolver, "options %s\n", strings.Join(dns.Options, " "))
	}
	return errors.Join(append(errs, writeTo(holder.ResolvConfPath, os.O_TRUNC, resolver.String()))...)
}

// writeTo writes to a file that is there.
func writeTo(file string, how int, text string) error {
	opened, err := os.OpenFile(file, os.O_WRONLY|unix.O_NOFOLLOW|how, 0)
	if err != nil {
		return err
	}
	_, err = opened.WriteString(text)
	return errors.Join(err, opened.Close())
}

// dropHolder removes the holder, of this daemon or of an earlier one, if there is one.
func (s *session) dropHolder(ctx context.Context) error {
	holder := s.networks.holder
	if holder == nil {
		holder = s.newHolder()
		if found, err := holder.Find(ctx); err != nil || found == nil {
			return err
		}
	}
	if holder.ID() != "" {
		if err := holder.Remove(ctx); err != nil {
			return err // it is removed later
		}
	}
	s.networks.holder = nil
	return nil
}

// takeUpNetworks learns what an earlier daemon has joined.
func (s *session) takeUpNetworks() {
	if s.attach.State == nil {
		return
	}
	attached, err := s.server.networks.Attached(s.name)
	switch {
	case err == nil:
		s.networks.attached = attached
	case !errors.Is(err, fs.ErrNotExist):
		s.logger.Error("it is not known which CNI networks the task has joined; they are not left", zap.Error(err))
	}
}

// settleNetworks does, beside the running container, what its networks still need.
func (s *session) settleNetworks(ctx context.Context, running *engine.Container) {
	j := &s.networks
	if j.attached == nil {
		return
	}
	if j.namespace == nil && running.State.Running {
		namespace, err := openNamespace(running)
		if err != nil {
			s.logger.Warn("plugins will not see the network namespace when the task has ended", zap.Error(err))
		}
		j.namespace = namespace
	}
	if err := s.dropHolder(ctx); err != nil && ctx.Err() == nil {
		s.logger.Warn("the container that held the task's network is removed later", zap.Error(err))
	}
}

// leaveNetworks is for the end of the task, however it came. The host ports are free when it returns, if the plugins do their work.
func (s *session) leaveNetworks(ctx context.Context) {
	j := &s.networks
	if j.attached == nil && j.request == nil {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, leaveLimit)
	defer cancel()
	if err := s.server.networks.Detach(bounded, s.name, j.path()); err != nil {
		s.logger.Warn("CNI networks cannot be left yet; trying again every minute", zap.Error(err))
	}
	if j.request == nil {
		return // an earlier daemon's holder was removed when the task ran, or goes when the executor has died
	}
	if err := s.dropHolder(ctx); err != nil {
		s.logger.Warn("the container that held the task's network is removed later", zap.Error(err))
	}
}

// close lets go of the namespace.
func (j *joining) close() {
	if j.namespace != nil {
		j.namespace.Close()
	}
}

// joined is what the executor hears of the networks.
func (j *joining) joined() (networks []wire.Network) {
	if j.attached != nil {
		for _, join := range j.attached.Joins {
			networks = append(networks, wire.Network{Name: join.Network, Addresses: join.Addresses})
		}
	}
	return networks
}

// leaveForgotten leaves the networks of containers that are gone, or have ended, and whose executor is dead. It does not wait.
func (s *Server) leaveForgotten(ctx context.Context, list []docker.Summary) {
	if !s.leaving.TryLock() {
		return
	}
	s.group.Go(func() {
		defer s.leaving.Unlock()
		all, err := s.networks.All()
		if err != nil {
			s.options.Logger.Error("some of what was joined to CNI networks is not known, and is not left", zap.Error(err))
		}
		for _, a := range all {
			runs := slices.ContainsFunc(list, func(c docker.Summary) bool {
				return c.State != docker.StateExited && c.State != docker.StateDead && slices.Contains(c.Names, "/"+a.Container)
			})
			alive, err := a.Executor.Alive()
			if a.Instance != s.instance.id || runs || alive || err != nil || s.claimed(a.Container) {
				continue
			}
			if err := s.networks.Detach(ctx, a.Container, ""); err != nil {
				s.options.Logger.Warn("CNI networks of a container that has ended cannot be left yet; trying again every minute",
					zap.String("container", a.Container), zap.Error(err))
				continue
			}
			s.options.Logger.Info("left the CNI networks of a container that has ended", zap.String("container", a.Container))
		}
	})
}
