package containerizer

import (
	"context"
	"sync"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/health"
	"mesos-docker-containerizer/containerizer/metrics"
	"mesos-docker-containerizer/executor/wire"
)

// blamePatience is how long the Engine may take to say what became of a container whose health check has failed.
const blamePatience = 2 * time.Second

// probes are what a task wants probed; nil for what it does not, or what cannot be carried out.
type probes struct {
	health, check *health.Spec
}

// probesOf reads a task's checks and says of each that is not valid why. Such a task runs without it, as under the stock executor
// (contract 4.1).
func probesOf(info *mesos.TaskInfo) (wanted probes, warnings []string) {
	keep := func(spec health.Spec, err error) *health.Spec {
		if err != nil {
			warnings = append(warnings, "the task runs without a check that cannot be carried out: "+err.Error())
			return nil
		}
		return &spec
	}
	if info.HealthCheck != nil {
		wanted.health = keep(health.FromHealthCheck(info.HealthCheck))
	}
	if info.Check != nil {
		wanted.check = keep(health.FromCheck(info.Check))
	}
	return wanted, warnings
}

// probe carries out the task's checks until its container has exited, with which ctx ends, or is being stopped: they are not
// taken up again then (contract 4.2). It does not wait; s.probing does. Results are told to the executor and to nobody
// else. It alone knows what follows from them, so a restart of the daemon loses none of that.
func (s *session) probe(ctx context.Context, c *engine.Container) {
	if s.probes.health == nil && s.probes.check == nil || s.container.StopOrdered() {
		return
	}
	s.probing.Go(func() {
		going, cancel := cancelOn(ctx, s.container.Stopping(), container.ErrStopped)
		defer cancel()
		target := health.Target{ContainerID: c.ID, PID: c.State.Pid, Engine: s.server.engine}
		started := container.StartedAt(c)
		var both sync.WaitGroup
		run := func(spec *health.Spec, report func(health.Result)) {
			if spec != nil {
				both.Go(func() { health.Run(going, *spec, target, started, report) })
			}
		}
		var toldHealth, toldCheck lastSent
		grace := time.Duration(s.info.task.GetHealthCheck().GetGracePeriodSeconds() * float64(time.Second))
		losses := s.server.watch.lost()
		run(s.probes.health, func(r health.Result) {
			s.reportHealth(going, c.ID, s.probes.health.Kind, r, losses, time.Since(started) <= grace, &toldHealth)
			losses = s.server.watch.lost()
		})
		run(s.probes.check, func(r health.Result) { s.reportCheck(s.probes.check.Kind, r, &toldCheck) })
		both.Wait()
	})
}

// tell tells the executor a result, unless it was told the same last and that again is no news: most probes find what the one
// before has found, and an executor that is not woken stays small. Each failure of the health check is news.
func (s *session) tell(result wire.Message, last *lastSent) {
	if result.Health != nil && !result.Health.Healthy {
		*last = lastSent{}
	}
	s.conn.sendNews(result, last)
}

// reportHealth tells the result of a probe, unless it is bad and not by the task's fault. The losses are those of the Engine when the
// probe before had ended.
func (s *session) reportHealth(ctx context.Context, id string, kind health.Kind, r health.Result, losses int, inGrace bool, last *lastSent) {
	s.logger.Debug("health check", zap.Bool("healthy", r.Succeeded), zap.String("message", r.Message))
	if !r.Succeeded && !s.blames(ctx, id, kind, r, losses) || ctx.Err() != nil {
		s.running().Probed(metrics.ProbeNotCounted)
		return
	}
	is, result := metrics.Unhealthy, metrics.ProbeFailed
	if r.Succeeded {
		is, result = metrics.Healthy, metrics.ProbeOK
	}
	s.running().Probed(result)
	s.running().Health(is)
	if s.health() != is {
		s.at.learn(func(f *facts) { f.health = is })
	}
	s.at.probed(r.Succeeded, r.Message, inGrace)
	s.tell(wire.Message{Health: &wire.Health{Healthy: r.Succeeded, Message: r.Message}}, last)
}

// blames tells whether a failed probe says that the task is ill. It does not if the container has ended meanwhile, of which the
// task's end tells better, or is paused, as during docker commit, nor if it was the Engine that could not run the command: it is away,
// or is about to be, or was replaced.
func (s *session) blames(ctx context.Context, id string, kind health.Kind, r health.Result, losses int) bool {
	limited, cancel := context.WithTimeout(ctx, blamePatience)
	defer cancel()
	e := s.server.engine
	c, err := e.Inspect(limited, id)
	switch {
	case err == nil && (!c.State.Running || c.State.Paused), engine.IsNotFound(err):
		return false
	case kind != health.Command || r.Ran, err == nil && s.server.watch.lost() == losses && e.Listens(limited):
		return true
	}
	if ctx.Err() == nil {
		s.logger.Warn("a health check does not count: the Engine cannot carry it out", zap.Error(err))
	}
	return false
}

func (s *session) reportCheck(kind health.Kind, r health.Result, last *lastSent) {
	s.logger.Debug("check", zap.String("message", r.Message))
	m := checkOf(kind, r)
	s.tell(wire.Message{Check: &m}, last)
}

// checkOf is the value that a result has for a check of its kind, or why it has none.
func checkOf(kind health.Kind, r health.Result) wire.Check {
	var m wire.Check
	switch {
	case !r.Ran:
		m.Message = r.Message
	case kind == health.TCP:
		m.Succeeded = &r.Succeeded
	case kind == health.HTTP && r.StatusCode != nil:
		m.StatusCode = new(uint32(*r.StatusCode))
	case kind == health.Command && r.ExitCode != nil:
		m.ExitCode = new(int32(*r.ExitCode))
	default:
		m.Message = r.Message
	}
	return m
}
