package image

import (
	"context"
	"sync/atomic"
	"time"
)

// Observer is told what becomes of pulls and of images that are cleaned up, for metrics. Its methods are called from many
// goroutines and return at once.
type Observer interface {
	// PullEnded tells of a pull, once for all who waited for it, or of a request for which none was begun. The error is nil, an
	// *Error, or else it was given up because nobody waited for it any more.
	PullEnded(err error, took time.Duration)

	// Downloaded tells how many bytes one try of a pull has brought.
	Downloaded(bytes int64)

	// PullRetried tells of a try after the first.
	PullRetried()

	// PullJoined tells of a request that shares a pull that ran already.
	PullJoined()

	// CachedImageUsed tells of a request that got the image that was present, by FallbackCached.
	CachedImageUsed()

	// ImageRemoved tells of an image that was cleaned up, with its size.
	ImageRemoved(bytes int64)
}

// unobserved is the Observer of those who have none.
type unobserved struct{}

func (unobserved) PullEnded(error, time.Duration) {}
func (unobserved) Downloaded(int64)               {}
func (unobserved) PullRetried()                   {}
func (unobserved) PullJoined()                    {}
func (unobserved) CachedImageUsed()               {}
func (unobserved) ImageRemoved(int64)             {}

// load counts pulls.
type load struct{ running, waiting atomic.Int64 }

// Load tells how many pulls run at present, and how many wait for one of those to end. A pull that waits between two tries does
// neither.
func (p *Puller) Load() (running, waiting int) {
	return int(p.load.running.Load()), int(p.load.waiting.Load())
}

// observeEnd tells of the end of a pull that ran in ctx.
func (p *Puller) observeEnd(ctx context.Context, err error, took time.Duration) {
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // whatever failed then, it was for this
	}
	p.observer.PullEnded(err, took)
}

// refuse is the error of a request for which no pull is begun.
func (p *Puller) refuse(e *Error) *Error {
	p.observer.PullEnded(e, 0)
	return e
}
