package image

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"
)

const (
	// MaxTries bounds the tries of one pull. With their waits they cover half a minute if the registry answers at once: long
	// enough for its restart. The framework must know of a longer outage, because it may have other hosts.
	MaxTries = 6

	// firstWait is the wait after the first try. It doubles with each try. A random part, up to half, is left out, so that the
	// hosts of a cluster do not retry at the same time.
	firstWait = time.Second

	// maxRetryAfter is the longest Retry-After that is accepted. Docker Hub's limits last for hours; a wait for them would hide
	// them.
	maxRetryAfter = 5 * time.Minute
)

// pull runs the tries of one pull.
func (p *Puller) pull(ctx context.Context, w wanted, report func(Progress), tasks func() []string) (err error) {
	started := time.Now()
	defer func() { p.observeEnd(ctx, err, time.Since(started)) }()
	logger := p.logger.With(zap.String("image", w.ref))
	if w.platform != nil {
		logger = logger.With(zap.String("platform", w.platformName()))
	}
	served := func() zap.Field { return zap.Strings("tasks", tasks()) }
	before := p.before(ctx, w)
	logger.Info("pull started", served(), zap.String("credentials", w.source))
	for try := 1; ; try++ {
		progress, err := p.runTry(ctx, w, report)
		if err == nil {
			logger.Info("pull ended", served(), zap.Duration("duration", time.Since(started)),
				zap.Int("layers", progress.Layers), zap.Int64("bytes", progress.BytesTotal))
			p.mark(ctx, w, before, logger)
			return nil
		}
		if ctx.Err() != nil {
			logger.Info("pull cancelled, no task waits for it", zap.Stringer("progress", progress))
			return err
		}
		wait, again := p.backOff(ctx, w, err, try)
		if !again {
			logger.Warn("pull failed", served(), zap.Duration("duration", time.Since(started)), zap.Error(err))
			return err
		}
		logger.Warn("pull failed, trying again", served(), zap.Int("try", try), zap.Duration("wait", wait), zap.Error(err))
		progress.Status, progress.Rate = Waiting, 0
		progress.Try, progress.Trouble, progress.Next = try, err.Error(), time.Now().Add(wait)
		report(progress)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
		p.observer.PullRetried()
	}
}

// runTry waits for a slot and makes one try. No slot is held between tries.
func (p *Puller) runTry(ctx context.Context, w wanted, report func(Progress)) (Progress, error) {
	queued := Progress{Status: Queued}
	waiting := 0
	err := p.slots.take(ctx, func() {
		waiting = 1
		p.load.waiting.Add(1)
		report(queued)
	})
	p.load.waiting.Add(int64(-waiting))
	if err != nil {
		return queued, err
	}
	defer p.slots.give()
	p.load.running.Add(1)
	defer p.load.running.Add(-1)
	progress, err := p.attempt(ctx, w, report)
	p.observer.Downloaded(progress.BytesDone)
	return progress, err
}

// backOff returns the wait before the next try, or again=false for none, and sets the number of tries in the error.
func (p *Puller) backOff(ctx context.Context, w wanted, err error, try int) (wait time.Duration, again bool) {
	failed, ok := errors.AsType[*Error](err)
	if !ok {
		return 0, false
	}
	failed.Tries = try
	if !failed.temporary || try == MaxTries {
		return 0, false
	}
	wait = p.firstWait << (try - 1)
	wait -= rand.N(wait / 2)
	if failed.Kind == RateLimited {
		asked := p.retryAfter(ctx, w.named)
		if asked > maxRetryAfter {
			return 0, false
		}
		wait = max(wait, asked)
	}
	return wait, true
}

// slots bounds the number of pulls that run at once, first come, first served. Nil is no limit.
type slots struct{ *semaphore.Weighted }

// newSlots returns n slots, or nil for no limit.
func newSlots(n int) *slots {
	if n <= 0 {
		return nil
	}
	return &slots{semaphore.NewWeighted(int64(n))}
}

// take acquires a slot, which the caller must release with give. It calls waiting, once, if no slot is free. If ctx ends first it
// returns ctx's error, and the caller has no slot.
func (s *slots) take(ctx context.Context, waiting func()) error {
	if s == nil {
		return ctx.Err()
	}
	if s.TryAcquire(1) {
		return nil
	}
	waiting()
	return s.Acquire(ctx, 1)
}

// give releases a slot.
func (s *slots) give() {
	if s != nil {
		s.Release(1)
	}
}
