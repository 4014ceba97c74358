package image

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/pkg/jsonmessage"
)

// errInactive ends the context of a pull without progress.
var errInactive = errors.New("no progress")

// attempt is one try of a pull on the Engine. Its error is an *Error, unless ctx has ended.
func (p *Puller) attempt(ctx context.Context, w wanted, report func(Progress)) (Progress, error) {
	if w.source == "" {
		var err error
		if w.auth, w.source, err = p.adminLogin(ctx, w.named); err != nil {
			return Progress{}, &Error{Kind: Credentials, Reference: w.ref, Source: w.source, Err: err}
		}
	}
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(p.inactivity, func() { cancel(errInactive) })
	defer watchdog.Stop()

	tally, rate := newTally(), meter{}
	var progress Progress
	err := p.engine.Pull(watched, w.ref, w.auth, w.platform, func(m jsonmessage.JSONMessage) {
		if tally.observe(m) {
			watchdog.Reset(p.inactivity)
			progress = tally.progress()
			progress.Rate = rate.observe(time.Now(), progress.BytesDone)
			report(progress)
		}
	})
	watchdog.Stop()
	if err == nil {
		err = p.confirm(ctx, w)
	}
	if err == nil {
		return progress, nil
	}
	failed := &Error{Reference: w.ref, Source: w.source, Progress: progress, Err: err}
	switch {
	case context.Cause(watched) == errInactive:
		failed.Kind, failed.Err = TimedOut, fmt.Errorf("%w for %s", errInactive, p.inactivity)
		return progress, failed
	case errors.Is(err, errWrongPlatform):
		failed.Kind = WrongPlatform
		return progress, failed
	}
	return progress, p.explain(ctx, failed, w)
}

// errWrongPlatform says that a registry has an image for other platforms only.
var errWrongPlatform = errors.New("the registry does not have it for platform")

// confirm looks whether the image is there after a pull that ended well (contract 1.2, step 4): a stream that ends cleanly
// is no promise, and where a registry has one platform only, some Engines bring that one whatever was asked for.
func (p *Puller) confirm(ctx context.Context, w wanted) error {
	_, err := p.engine.InspectImage(ctx, w.ref, w.platform)
	if absent(err) && w.platform != nil {
		return fmt.Errorf("%w %s: %w", errWrongPlatform, w.platformName(), err)
	}
	if absent(err) {
		return fmt.Errorf("the Engine ended the pull without an error, but does not have the image: %w", errdefs.ErrInternal)
	}
	return err
}
