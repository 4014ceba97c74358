package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"

	"mesos-docker-containerizer/internal/localagent"
)

// forcePatience is how long a forced kill may take before the executors are destroyed.
const forcePatience = 15 * time.Second

// end asks for the tasks' end when it is time: by a signal, when For is over, or at once. It returns with ctx.
func (r *runner) end(ctx context.Context, atOnce bool) {
	var over <-chan time.Time     // the end of For
	var patience <-chan time.Time // the end of a forced kill's time
	firmness := 0
	if atOnce {
		firmness++
		r.kill(nil)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.changed:
			if r.For > 0 && over == nil && r.allRan() {
				over = time.After(r.For)
			}
			continue
		case <-over:
			if firmness > 0 {
				continue
			}
			firmness = 1
			r.Notice(fmt.Sprintf("all tasks ran for %v: killing them", r.For))
			r.kill(nil)
			continue
		case <-patience:
			r.Notice("the tasks do not end: destroying their executors")
			r.destroy()
			return
		case s := <-r.Interrupts:
			r.Logger.Debug("interrupted", zap.Stringer("signal", s))
		}
		switch firmness++; firmness {
		case 1:
			r.Notice("killing the tasks; interrupt again to force")
			r.kill(nil)
		case 2:
			r.Notice("killing the tasks without grace")
			r.kill(&mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{}})
			patience = time.After(forcePatience)
		default:
			r.destroy()
			return
		}
	}
}

// allRan says that every task runs or has ended.
func (r *runner) allRan() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.tasks {
		if !t.running && !t.ended {
			return false
		}
	}
	return true
}

// kill asks for the end of all tasks that live. Without a policy their own holds.
func (r *runner) kill(policy *mesos.KillPolicy) {
	r.mu.Lock()
	r.result.Asked = true
	r.mu.Unlock()
	for _, t := range r.tasks {
		if err := r.Agent.Kill(t.launched.ID, policy); err != nil && !errors.Is(err, localagent.ErrUnknown) {
			r.Logger.Warn("kill", zap.String("task", t.launched.ID), zap.Error(err))
		}
	}
}

// destroy ends the executors; that is the order to the daemon to stop their containers. It ends all following.
func (r *runner) destroy() {
	if err := r.Agent.Close(); err != nil {
		r.Logger.Warn("the local agent does not close", zap.Error(err))
	}
}
