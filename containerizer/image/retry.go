package image

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"
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
	defer func() {
		ended := err
		if err != nil && ctx.Err() != nil {
			ended = ctx.Err() // the cancellation is the cause
		}
		p.observer.PullEnded(ended, time.Since(started))
	}()
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
	if !p.slots.TryAcquire(1) {
		queued := Progress{Status: Queued}
		p.waiting.Add(1)
		report(queued)
		err := p.slots.Acquire(ctx, 1) // first come, first served
		p.waiting.Add(-1)
		if err != nil {
			return queued, err
		}
	}
	defer p.slots.Release(1)
	p.running.Add(1)
	defer p.running.Add(-1)
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
