package image

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ofEngine gives an error of the Engine the kind that the Engine's answer has by itself, Other if it leaves that open.
func ofEngine(ctx context.Context, e *Error) error {
	switch {
	case ctx.Err() != nil:
		return left(ctx, e.Reference, e.Progress)
	case errdefs.IsUnavailable(e.Err):
		e.Kind = NoEngine
	case errdefs.IsInvalidArgument(e.Err):
		e.Kind = Invalid
	default:
		e.Kind = Other
	}
	return e
}

// explain finds the kind of a failed pull. The Engine says little more than words about one, so where its answer and the words
// leave the kind open it is made to ask the registry for the manifest, to which it answers with the registry's status.
func (p *Puller) explain(ctx context.Context, e *Error, w wanted) error {
	if err := ofEngine(ctx, e); err != error(e) || e.Kind != Other {
		return err
	}
	if !errdefs.IsNotFound(e.Err) {
		if e.Kind, e.temporary = judge(e.Err.Error()); e.Kind != 0 {
			return e
		}
	}
	has, err := p.engine.InspectDistribution(ctx, e.Reference, w.auth)
	switch {
	case errdefs.IsUnauthorized(err), errdefs.IsPermissionDenied(err):
		e.Kind = Denied
	case err == nil && p.lacksPlatform(ctx, e, w, has): // an Engine may call that "not found", too
	case errdefs.IsNotFound(err), errdefs.IsNotFound(e.Err):
		e.Kind = NotFound
	case errdefs.IsResourceExhausted(err):
		e.Kind, e.temporary = RateLimited, true
	case err == nil:
		e.Kind = Other
	default:
		e.Kind = Unreachable
		if kind, temporary := judge(err.Error()); kind != 0 {
			e.Kind, e.temporary = kind, temporary
		}
	}
	return e
}

// lacksPlatform makes an error a WrongPlatform if the registry has the image, but for other platforms, and reports whether it did.
func (p *Puller) lacksPlatform(ctx context.Context, e *Error, w wanted, has []ocispec.Platform) bool {
	var want ocispec.Platform
	if w.platform != nil {
		want = *w.platform
	} else {
		var err error
		if want, err = p.engine.Platform(ctx); err != nil {
			return false
		}
	}
	match := platforms.Only(want)
	if len(has) == 0 || slices.ContainsFunc(has, match.Match) {
		return false
	}
	var names []string
	for _, platform := range has {
		names = append(names, platforms.Format(platform))
	}
	e.Kind = WrongPlatform
	e.Err = errors.Join(fmt.Errorf("%w %s but for %v", errWrongPlatform, platforms.Format(want), names), e.Err)
	return true
}
