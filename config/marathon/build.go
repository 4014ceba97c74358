package marathon

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// Offer is what a TaskInfo takes from elsewhere than the app: from an agent's offer and from Marathon's own state.
type Offer struct {
	AgentID  string
	Hostname string // HOST in the task's environment

	Ports PortSource // required if the app needs host ports

	InstanceUUID string    // unique per instance; letters, digits and dashes
	Version      time.Time // of the app; MARATHON_APP_VERSION
}

// PortSource provides host ports; *Ports is one. Draw grants one port for each wish, or fails and grants none. The wish 0 is for any port.
type PortSource interface {
	Draw(wishes []uint32) ([]uint32, error)
	Release(ports ...uint32)
}

// Build makes the TaskInfo of one instance of the app. The task holds the host ports it was given, see HostPorts, until the caller
// releases them; if Build fails it holds none.
func Build(app App, offer Offer) (mesos.TaskInfo, error) {
	b := builder{app: app, offer: offer}
	b.taskID = fmt.Sprintf("%s.instance-%s._app.1", app.path.safe(), offer.InstanceUUID)
	err := offer.usableFor(app)
	if err == nil {
		err = b.drawPorts()
	}
	if err != nil {
		return mesos.TaskInfo{}, fmt.Errorf("app %s: %w", app.ID, err)
	}
	return b.task(), nil
}

var instanceUUID = regexp.MustCompile(`^[0-9A-Za-z-]+$`)

func (offer Offer) usableFor(app App) error {
	switch {
	case len(app.path) == 0:
		return errors.New("not an app that Parse has returned")
	case offer.AgentID == "":
		return errors.New("the offer has no agent id")
	case !instanceUUID.MatchString(offer.InstanceUUID):
		return fmt.Errorf("instance uuid %q: accepted are letters, digits and dashes", offer.InstanceUUID)
	}
	return nil
}

// builder holds one build.
type builder struct {
	app       App
	offer     Offer
	taskID    string
	hostPorts []*uint32 // one per port of the app; nil where a mapping has none on the host
}

// NamedPorts returns the host ports that the app asks for by their numbers: those of its mappings, and with requirePorts its
// service ports.
func (app App) NamedPorts() (named []uint32) {
	for _, port := range app.wantedPorts() {
		if port != nil && *port != 0 {
			named = append(named, *port)
		}
	}
	return named
}

func (b *builder) drawPorts() error {
	wanted := b.app.wantedPorts()
	var wishes []uint32
	for _, port := range wanted {
		if port != nil {
			wishes = append(wishes, *port)
		}
	}
	b.hostPorts = make([]*uint32, len(wanted))
	if len(wishes) == 0 {
		return nil
	}
	if b.offer.Ports == nil {
		return fmt.Errorf("%w: %d wanted and the offer has none", ErrPortsExhausted, len(wishes))
	}
	drawn, err := b.offer.Ports.Draw(wishes)
	if err != nil && b.app.required {
		return fmt.Errorf("requirePorts makes the service ports %v host ports: %w", wishes, err)
	}
	if err != nil {
		return err
	}
	if len(drawn) != len(wishes) {
		b.offer.Ports.Release(drawn...)
		return fmt.Errorf("%d ports drawn for %d wishes", len(drawn), len(wishes))
	}
	for i, port := range wanted {
		if port != nil {
			b.hostPorts[i], drawn = &drawn[0], drawn[1:]
		}
	}
	return nil
}

// wantedPorts returns the host port that each of the app's ports asks for: 0 for any, nil for none.
func (app App) wantedPorts() (wanted []*uint32) {
	for _, p := range app.ports {
		if app.required {
			p.hostPort = &p.number
		}
		wanted = append(wanted, p.hostPort)
	}
	return wanted
}

func (b *builder) task() mesos.TaskInfo {
	task := mesos.TaskInfo{
		Name:        b.app.path.hostname(),
		TaskID:      mesos.TaskID{Value: b.taskID},
		AgentID:     mesos.AgentID{Value: b.offer.AgentID},
		Resources:   b.resources(),
		Discovery:   b.discovery(),
		HealthCheck: b.healthCheck(),
		Check:       b.check(),
		Labels:      labels(b.app.labels),
	}
	if len(b.app.limits) > 0 {
		task.Limits = map[string]mesos.Value_Scalar{}
		for name, limit := range b.app.limits {
			task.Limits[name] = mesos.Value_Scalar{Value: limit}
		}
	}
	if b.app.killGrace != nil {
		task.KillPolicy = &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: b.app.killGrace.Nanoseconds()}}
	}
	if b.app.executor == "" {
		task.Container, task.Command = b.container(), b.command()
	} else {
		task.Executor = b.pathExecutor()
	}
	return task
}

// command is the CommandInfo of the app. Args replace the command of the image; with neither cmd nor args the image decides.
func (b *builder) command() *mesos.CommandInfo {
	command := &mesos.CommandInfo{
		Environment: &mesos.Environment{Variables: b.environment()},
		Shell:       new(b.app.cmd != ""),
		Arguments:   slices.Clone(b.app.args),
		Value:       optional(b.app.cmd),
		User:        optional(b.app.user),
	}
	for _, a := range b.app.fetch {
		command.URIs = append(command.URIs, mesos.CommandInfo_URI{
			Value:      a.uri,
			Executable: &a.executable,
			Extract:    &a.extract,
			Cache:      &a.cache,
			OutputFile: optional(a.outputFile),
		})
	}
	return command
}

// pathExecutor is the form for an executor of the framework's own: the container belongs to the executor, and the app's command is
// appended to the executor's. Marathon leaves shell false and the arguments in place where the app has no cmd, so that such an
// executor works with cmd only; a replacement must not repair that silently.
func (b *builder) pathExecutor() *mesos.ExecutorInfo {
	command := b.command()
	line := b.app.cmd
	if line == "" {
		line = strings.Join(b.app.args, " ")
	}
	path := "'" + b.app.executor + "'"
	command.Value = new(fmt.Sprintf("chmod ug+rx %s && exec %s %s", path, path, line))
	executor := &mesos.ExecutorInfo{
		ExecutorID: mesos.ExecutorID{Value: "marathon-" + b.taskID},
		Container:  b.container(),
		Command:    command,
	}
	if r := b.app.executorResources; r != nil {
		executor.Resources = []mesos.Resource{scalar("cpus", r.cpus), scalar("mem", r.mem), scalar("disk", r.disk)}
	}
	return executor
}

// optional is nil for a text that is not set.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// labels is nil without any.
func labels(pairs []pair) *mesos.Labels {
	if len(pairs) == 0 {
		return nil
	}
	all := &mesos.Labels{}
	for _, p := range pairs {
		all.Labels = append(all.Labels, mesos.Label{Key: p.key, Value: &p.value})
	}
	return all
}
