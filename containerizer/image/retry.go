package image

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"
)

const (
	// maxTries bounds the tries of one pull. With the waits between them they take half a minute when the registry answers at
	// once, which is a restart of it or of something on the way. What lasts longer is for the framework to know: it may have
	// other hosts.
	maxTries = 6

	// firstWait is that after the first try. It doubles with each, up to half of it is left out at random, so that the hosts of
	// a cluster do not come back as one.
	firstWait = time.Second

	// maxRetryAfter is the longest wait that a registry may ask for. Docker Hub's limits are counted over hours: to wait for
	// those would only hide them.
	maxRetryAfter = 5 * time.Minute
)

// pull runs the tries of one pull, for whoever waits.
func (p *Puller) pull(ctx context.Context, w wanted, report func(Progress)) (err error) {
	started := time.Now()
	defer func() { p.observeEnd(ctx, err, time.Since(started)) }()
	logger := p.logger.With(zap.String("image", w.ref))
	if w.platform != nil {
		logger = logger.With(zap.String("platform", w.platformName()))
	}
	before := p.before(ctx, w)
	logger.Info("pull started", zap.String("credentials", w.source))
	for try := 1; ; try++ {
		progress, err := p.turn(ctx, w, report)
		if err == nil {
			logger.Info("pull ended", zap.Duration("duration", time.Since(started)),
				zap.Int("layers", progress.Layers), zap.Int64("bytes", progress.BytesTotal))
			p.mark(ctx, w, before, logger)
			return nil
		}
		if ctx.Err() != nil {
			logger.Info("pull given up, nobody waits for it any more", zap.Stringer("progress", progress))
			return err
		}
		wait, again := p.backOff(ctx, w, err, try)
		if !again {
			logger.Warn("pull failed", zap.Duration("duration", time.Since(started)), zap.Error(err))
			return err
		}
		logger.Warn("pull failed, trying again", zap.Duration("wait", wait), zap.Error(err))
		progress.Status, progress.Trouble, progress.Rate = Waiting, err.Error(), 0
		report(progress)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
		p.observer.PullRetried()
	}
}

// turn waits for a slot and makes one try. A wait between two tries holds no slot.
func (p *Puller) turn(ctx context.Context, w wanted, report func(Progress)) (Progress, error) {
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

// backOff says how long to wait before the next try, if there is one, and notes the tries in the error.
func (p *Puller) backOff(ctx context.Context, w wanted, err error, try int) (wait time.Duration, again bool) {
	failed, ok := errors.AsType[*Error](err)
	if !ok {
		return 0, false
	}
	failed.Tries = try
	if !failed.temporary || try == maxTries {
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
