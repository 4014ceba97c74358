package cni

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/invoke"
	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/wire"
)

// portMappings is the capability by which plugins, portmap for one, are given host ports.
const portMappings = "portMappings"

// writeLimit is more than the writing of a record takes.
const writeLimit = time.Hour

// Book attaches containers to networks and keeps what is attached. Of one container no two calls may run at a time.
type Book struct {
	state  string
	exec   *plugins
	now    func() time.Time
	logger *zap.Logger
}

// NewBook returns the book in a directory, which is made with the first attachment.
func NewBook(directory string, logger *zap.Logger) *Book {
	return &Book{state: directory, exec: &plugins{limit: pluginLimit}, now: time.Now, logger: logger}
}

// Request is what a container is to be attached to.
type Request struct {
	Container string // its name
	Instance  string
	Executor  wire.Process
	Plugins   []string // directories that plugins are looked for in
	Networks  []Wish   // in the order of the interfaces eth0, eth1, …
	Ports     []Port   // for the first network that takes any
}

// Wish is a network that a task has asked for, with its NetworkInfo as Mesos writes it in JSON; nil for none.
type Wish struct {
	Network     Network
	NetworkInfo json.RawMessage
}

// Plan is a request that was checked, for one Attach.
type Plan struct {
	attachment Attachment
	lists      []*libcni.NetworkConfigList // of the joins
}

// Attach joins a network namespace, which the path leads to for as long as the call runs, to all networks of the plan, or to none.
// What was attached under the container's name before is detached first. An *Error is about one network and has the plugin's words.
func (b *Book) Attach(ctx context.Context, p *Plan, namespace string) (*Attachment, error) {
	a := &p.attachment
	err := b.Detach(ctx, a.Container, "")
	if err != nil {
		return nil, err
	}
	if err := b.write(a); err != nil {
		return nil, fmt.Errorf("note CNI networks before they are joined: %w", err)
	}
	for i := range a.Joins {
		if err = b.add(ctx, a, i, p.lists[i], namespace); err != nil {
			break
		}
	}
	if err == nil {
		a.Complete = true
		err = b.write(a)
	}
	if err != nil {
		if left := b.Detach(context.WithoutCancel(ctx), a.Container, namespace); left != nil {
			b.logger.Warn("CNI networks that were joined in part cannot be left yet; trying again later",
				zap.String("container", a.Container), zap.Error(left))
		}
		return nil, err
	}
	return a, nil
}

// Plan checks all that can be checked before a plugin runs: the files, whether the plugins are there, and whether one takes the ports.
func (r Request) Plan() (*Plan, error) {
	p := &Plan{attachment: Attachment{Container: r.Container, Instance: r.Instance, Executor: r.Executor, Plugins: r.Plugins}}
	mapped := len(r.Ports) == 0
	for i, wish := range r.Networks {
		list, text, err := wish.Network.describe(wish.NetworkInfo)
		if err != nil {
			return nil, err
		}
		for _, plugin := range list.Plugins {
			if _, err := invoke.FindInPath(plugin.Network.Type, r.Plugins); err != nil {
				return nil, &Error{Network: wish.Network.Name, File: wish.Network.File, err: err}
			}
		}
		join := Join{Network: wish.Network.Name, File: wish.Network.File, Interface: fmt.Sprintf("eth%d", i), Configuration: text}
		if !mapped && has(list, portMappings) {
			join.Ports, mapped = r.Ports, true
		}
		p.attachment.Joins, p.lists = append(p.attachment.Joins, join), append(p.lists, list)
	}
	if !mapped {
		first := r.Networks[0].Network
		return nil, &Error{Network: first.Name, File: first.File, err: errors.New("the task maps host ports, and no plugin of its networks " +
			`takes any: add the plugin portmap with "capabilities": {"portMappings": true} to the file`)}
	}
	return p, nil
}

// add joins one network and notes the addresses.
func (b *Book) add(ctx context.Context, a *Attachment, i int, list *libcni.NetworkConfigList, namespace string) error {
	join := &a.Joins[i]
	result, err := b.library(a).AddNetworkList(ctx, list, join.arguments(a.Container, namespace))
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err == nil {
		join.Addresses, join.DNS, err = addressesOf(result)
	}
	if err != nil {
		return &Error{Network: join.Network, File: join.File, err: err}
	}
	return nil
}

// Detach leaves all networks of a container, the last first, and then forgets it. The path leads to its network namespace, and is
// empty where that is gone. A network that cannot be left does not keep the others from being left; the container is then not forgotten,
// and a later Detach tries all of them again. One that is attached to nothing is a success.
func (b *Book) Detach(ctx context.Context, container, namespace string) error {
	a, err := b.Attached(container)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, join := range slices.Backward(a.Joins) {
		list, err := libcni.ConfListFromBytes(join.Configuration)
		if err == nil {
			err = b.library(a).DelNetworkList(ctx, list, join.arguments(container, namespace))
		}
		if err != nil {
			errs = append(errs, &Error{Network: join.Network, File: join.File, err: err})
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	file, err := b.file(container)
	if err == nil {
		err = os.Remove(file)
	}
	return err
}

func (b *Book) library(a *Attachment) *libcni.CNIConfig {
	return libcni.NewCNIConfigWithCacheDir(a.Plugins, filepath.Join(b.state, "libcni"), b.exec)
}

func (j *Join) arguments(container, namespace string) *libcni.RuntimeConf {
	r := &libcni.RuntimeConf{ContainerID: container, NetNS: namespace, IfName: j.Interface}
	if len(j.Ports) > 0 {
		r.CapabilityArgs = map[string]any{portMappings: j.Ports}
	}
	return r
}
