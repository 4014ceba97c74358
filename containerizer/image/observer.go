package image

import "time"

// Observer receives events of pulls and of the clean-up, for metrics. Its methods are called concurrently and must not block.
type Observer interface {
	// PullEnded is called once for each pull, and for each request without a pull. The error is nil, an *Error, or another error
	// for a pull that was cancelled because no task waited for it.
	PullEnded(err error, took time.Duration)

	// Downloaded is called with the bytes of one try.
	Downloaded(bytes int64)

	// PullRetried is called for each try after the first.
	PullRetried()

	// PullJoined is called for a request that joins a running pull.
	PullJoined()

	// CachedImageUsed is called for a request that got the image that was present, by FallbackCached.
	CachedImageUsed()

	// ImageRemoved is called with the size of an image that was removed.
	ImageRemoved(bytes int64)
}

// unobserved is the default Observer.
type unobserved struct{}

func (unobserved) PullEnded(error, time.Duration) {}
func (unobserved) Downloaded(int64)               {}
func (unobserved) PullRetried()                   {}
func (unobserved) PullJoined()                    {}
func (unobserved) CachedImageUsed()               {}
func (unobserved) ImageRemoved(int64)             {}

// Load returns the numbers of pulls that run and that wait for a slot. A pull between two tries does neither.
func (p *Puller) Load() (running, waiting int) {
	return int(p.running.Load()), int(p.waiting.Load())
}

// Pull is a pull that is under way.
type Pull struct {
	Reference string
	Tasks     []string // the ids of those that wait for it
	Progress  Progress
}

// Pulls lists the pulls that are under way, by reference.
func (p *Puller) Pulls() []Pull { return p.shared.all() }

// refuse reports and returns the error of a request without a pull.
func (p *Puller) refuse(e *Error) *Error {
	p.observer.PullEnded(e, 0)
	return e
}
