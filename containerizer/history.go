package containerizer

import (
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/metrics"
	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/executor/wire"
)

// history is what has become of a task so far. It is the one place from which the log, the task's record, admins and metrics learn
// of a change of its state, so that they agree. Its methods may be called by any goroutine. Until open there is no task.
type history struct {
	mu     sync.Mutex // guards what follows
	logger *zap.Logger
	store  *record.Store
	record record.Record
	text   string     // the state in words, with the progress of a pull
	facts  facts      // for admins, beside the record
	told   TaskReport // as last published to them

	changed func() // is called after each change, also of the words alone; set before any
}

// open begins the history of a task, or goes on with the one that an earlier daemon has recorded.
func (h *history) open(of record.Record, state *wire.State, store *record.Store, logger *zap.Logger) {
	if state != nil {
		process := of.Process // one of an earlier version has recorded none
		if store.Load(&of) && !state.Exited {
			of.End = nil // of which the executor has not heard
		}
		of.ContainerID, of.Process = state.ContainerID, process
	}
	h.mu.Lock()
	h.store, h.logger, h.record = store, logger, of
	h.mu.Unlock()
	if state != nil {
		logger.Info("task taken up again")
		h.changed()
	} else {
		h.enter(record.Launched, "launched")
	}
}

// enter is a change of state, in words for people. The fields are for the log.
func (h *history) enter(state record.State, text string, fields ...zap.Field) {
	h.change(state, text, nil, fields...)
}

// change is enter, with what else is known now. The function must not block.
func (h *history) change(state record.State, text string, more func(*record.Record), fields ...zap.Field) {
	h.note(func(r *record.Record) {
		if r.Stop != nil && shown[state].admins == StateRunning { // found running by a daemon that was told to stop it, or by a late probe
			return
		}
		if more != nil {
			more(r)
		}
		now := time.Now()
		all := []zap.Field{zap.String("container", r.ContainerID), zap.String("state", string(state))}
		if n := len(r.Steps); n > 0 {
			all = append(all, zap.Duration("after", now.Sub(r.Steps[n-1].At)))
		}
		if text != string(state) {
			all = append(all, zap.String("text", text))
		}
		h.logger.Log(levelOf(state), "task "+string(state), append(all, fields...)...)
		h.text = text
		r.Enter(record.Step{State: state, Text: text, At: now})
	})
	h.changed()
}

// note records something that changes no state. The function must not block.
func (h *history) note(more func(*record.Record)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.logger == nil || h.record.End != nil {
		return
	}
	more(&h.record)
	h.store.Put(&h.record)
}

// learn takes what admins are told. The function must not block.
func (h *history) learn(more func(*facts)) {
	h.mu.Lock()
	more(&h.facts)
	h.mu.Unlock()
	h.changed()
}

// levelOf is the level of the line about a change. Those that come with every launch and take no time are details.
func levelOf(state record.State) zapcore.Level {
	switch state {
	case record.Preparing, record.Creating, record.Starting:
		return zapcore.DebugLevel
	case record.Retrying, record.Unhealthy:
		return zapcore.WarnLevel
	}
	return zapcore.InfoLevel
}

// progress says in words how far the state is.
func (h *history) progress(text string) {
	h.mu.Lock()
	h.text = text
	h.mu.Unlock()
	h.changed()
}

// pulling takes the progress of the pull of an image.
func (h *history) pulling(reference string, p image.Progress) {
	text := "pulling " + reference + ": " + p.String()
	state := record.Pulling
	switch p.Status {
	case image.Queued:
		state = record.Queued
	case image.Waiting:
		h.change(record.Retrying, text, func(r *record.Record) {
			r.Pull = &record.Pull{Try: p.Try, Of: image.MaxTries, Error: p.Trouble, Next: p.Next}
		}, zap.String("image", reference), zap.Int("try", p.Try), zap.Duration("wait", time.Until(p.Next)))
		return
	}
	if now, _ := h.now(); now == state {
		h.progress(text)
		return
	}
	h.enter(state, text, zap.String("image", reference))
}

// probed takes the result of a probe. Within the grace period of its health check a task that was never healthy is not unhealthy.
func (h *history) probed(healthy bool, output string, inGrace bool) {
	failed := func(r *record.Record) { r.Failed(record.Probe{At: time.Now(), Output: output}) }
	state, _ := h.now()
	switch {
	case state != record.Running && state != record.Healthy && state != record.Unhealthy:
	case healthy && state != record.Healthy:
		h.enter(record.Healthy, "running, healthy")
	case healthy:
	case state == record.Unhealthy || state == record.Running && inGrace:
		h.note(failed)
	default:
		h.change(record.Unhealthy, "running, unhealthy", failed, zap.String("probe", output))
	}
}

// stopping takes an order to stop the container, given now.
func (h *history) stopping(order record.Stop) {
	h.mu.Lock()
	again := h.record.Stop != nil
	h.mu.Unlock()
	if again {
		h.note(func(r *record.Record) { r.Stop.Deadline = order.Deadline })
		return
	}
	order.At = time.Now()
	h.change(record.Stopping, "stopping because "+order.By, func(r *record.Record) { r.Stop = &order })
}

// failed records what has kept the task from its start.
func (h *history) failed(err error) {
	h.note(func(r *record.Record) {
		if refusal, ok := errors.AsType[*policy.Refusal](err); ok {
			r.Refusal = &record.Refusal{Rule: refusal.Rule, Source: refusal.Source}
		}
		if pull, ok := errors.AsType[*image.Error](err); ok {
			r.Pull = &record.Pull{Try: max(1, pull.Tries), Of: image.MaxTries, Kind: pull.Kind.String(), Error: pull.Err.Error()}
		}
	})
}

// ended is the end of the task.
func (h *history) ended(exit wire.Exited, text string) {
	h.change(record.Ended, text, func(r *record.Record) {
		r.End = &record.End{Outcome: string(exit.Outcome), Code: exit.Code, OOM: exit.OOM, Fault: string(exit.Fault), Message: exit.Message}
	}, zap.String("outcome", string(exit.Outcome)), zap.Int("status", exit.Code), zap.Bool("oom", exit.OOM),
		zap.String("message", exit.Message))
}

// now is the state, in a word and in words.
func (h *history) now() (state record.State, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.record.State(), h.text
}

// steps are the changes of state so far.
func (h *history) steps() []record.Step {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.record.Steps)
}

func (h *history) String() string {
	_, text := h.now()
	return text
}

// shown has each state as admins and metrics are shown it, who know fewer of them.
var shown = map[record.State]struct {
	admins  TaskState
	metrics metrics.TaskState
}{
	"":               {StateStarting, metrics.TaskAwaited},
	record.Launched:  {StateStarting, metrics.TaskPreparing},
	record.Waiting:   {StateWaiting, metrics.TaskPreparing},
	record.Preparing: {StateStarting, metrics.TaskPreparing},
	record.Queued:    {StateWaiting, metrics.TaskPulling},
	record.Retrying:  {StateWaiting, metrics.TaskPulling},
	record.Pulling:   {StatePulling, metrics.TaskPulling},
	record.Creating:  {StateStarting, metrics.TaskPreparing},
	record.Starting:  {StateStarting, metrics.TaskPreparing},
	record.Running:   {StateRunning, metrics.TaskRunning},
	record.Healthy:   {StateRunning, metrics.TaskRunning},
	record.Unhealthy: {StateRunning, metrics.TaskRunning},
	record.Stopping:  {StateStopping, metrics.TaskRunning},
	record.Ended:     {StateEnded, metrics.TaskEnded},
}

// askedOf is what a task asks for, without anything that may be secret.
func askedOf(spec *runspec.Spec, health string) record.Asked {
	asked := record.Asked{Image: spec.Image, Health: health, Network: string(spec.HostConfig.NetworkMode), Memory: spec.HostConfig.Memory}
	const sharesOfCPU, nanosOfCPU = 1024, 1e9
	asked.CPUs = float64(spec.HostConfig.CPUShares) / sharesOfCPU
	if n := spec.HostConfig.NanoCPUs; n > 0 {
		asked.CPUs = float64(n) / nanosOfCPU
	}
	for _, bindings := range spec.HostConfig.PortBindings {
		for _, b := range bindings {
			if port, err := strconv.ParseUint(b.HostPort, 10, 16); err == nil { // a range is the Engine's to choose from
				asked.HostPorts = append(asked.HostPorts, uint16(port))
			}
		}
	}
	slices.Sort(asked.HostPorts)
	return asked
}

// asked is what can be said of a task before it was translated.
func asked(task *mesos.TaskInfo) record.Asked {
	asked := record.Asked{Image: task.GetContainer().GetDocker().GetImage()}
	if check := task.HealthCheck; check != nil {
		asked.Health = check.GetType().String()
	}
	return asked
}
