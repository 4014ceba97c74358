package metrics

import (
	"errors"
	"time"

	"mesos-docker-containerizer/containerizer/image"
)

// Metrics is told of pulls and of cleaned up images.
var _ image.Observer = (*Metrics)(nil)

// pullOutcome is a pair of labels.
type pullOutcome struct{ name, fault string }

// Outcomes that are no failures.
var (
	pullOK        = pullOutcome{"ok", "none"}
	pullCancelled = pullOutcome{"cancelled", "none"} // nobody waited for it any more
)

func failedPull(k image.Kind) pullOutcome {
	if k.Fault() == image.User {
		return pullOutcome{k.String(), "task"}
	}
	return pullOutcome{k.String(), "host"}
}

// pullOutcomes are all there can be.
func pullOutcomes() []pullOutcome {
	all := []pullOutcome{pullOK, pullCancelled}
	for _, kind := range image.Kinds() {
		all = append(all, failedPull(kind))
	}
	return all
}

// PullEnded counts a pull, by its error: nil, an *image.Error, or else it was cancelled.
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

// Downloaded counts the bytes that one try of a pull has brought.
func (m *Metrics) Downloaded(bytes int64) { m.pulledBytes.Add(float64(bytes)) }

// PullRetried counts a try of a pull after the first.
func (m *Metrics) PullRetried() { m.retries.Inc() }

// PullJoined counts a task that joined a pull that ran already.
func (m *Metrics) PullJoined() { m.joins.Inc() }

// CachedImageUsed counts a task that got the image that was present in place of the registry's.
func (m *Metrics) CachedImageUsed() { m.cached.Inc() }

// ImageRemoved counts an image that was cleaned up.
func (m *Metrics) ImageRemoved(bytes int64) {
	m.collected.Inc()
	m.freedBytes.Add(float64(bytes))
}
