package metrics

import (
	"errors"
	"time"

	"mesos-docker-containerizer/containerizer/image"
)

var _ image.Observer = (*Metrics)(nil)

// pullOutcome is a pair of label values.
type pullOutcome struct{ name, fault string }

// Outcomes other than failures.
var (
	pullOK        = pullOutcome{"ok", "none"}
	pullCancelled = pullOutcome{"cancelled", "none"} // no task waited for it
)

func failedPull(k image.Kind) pullOutcome {
	if k.Fault() == image.User {
		return pullOutcome{k.String(), "task"}
	}
	return pullOutcome{k.String(), "host"}
}

// pullOutcomes returns all outcomes.
func pullOutcomes() []pullOutcome {
	all := []pullOutcome{pullOK, pullCancelled}
	for _, kind := range image.Kinds() {
		all = append(all, failedPull(kind))
	}
	return all
}

// PullEnded counts a pull by its error: nil, an *image.Error, or another error for a cancelled pull.
func (m *Metrics) PullEnded(err error, took time.Duration) {
	outcome := pullCancelled
	if failed, ok := errors.AsType[*image.Error](err); ok {
		outcome = failedPull(failed.Kind)
	}
	if err == nil {
		outcome = pullOK
		m.pullTime.Observe(took.Seconds())
	}
	m.pulls.WithLabelValues(outcome.name, outcome.fault).Inc()
}

// Downloaded counts the bytes of one try of a pull.
func (m *Metrics) Downloaded(bytes int64) { m.pulledBytes.Add(float64(bytes)) }

// PullRetried counts a try of a pull after the first.
func (m *Metrics) PullRetried() { m.retries.Inc() }

// PullJoined counts a task that joined a running pull.
func (m *Metrics) PullJoined() { m.joins.Inc() }

// CachedImageUsed counts a task that got the image on the host in place of the registry's.
func (m *Metrics) CachedImageUsed() { m.cached.Inc() }

// ImageRemoved counts an image that the clean-up removed, with its size.
func (m *Metrics) ImageRemoved(bytes int64) {
	m.collected.Inc()
	m.freedBytes.Add(float64(bytes))
}
