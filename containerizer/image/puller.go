package image

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/pkg/jsonmessage"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.uber.org/zap"
)

// Engine is what a Puller needs of the Docker Engine. Its errors are judged by their errdefs kinds, where ErrUnavailable stands
// for "the Engine gave no answer" and nothing else.
type Engine interface {
	// Pull hands every message of the Engine to onMessage, from one goroutine.
	Pull(ctx context.Context, ref, auth string, platform *ocispec.Platform, onMessage func(jsonmessage.JSONMessage)) error

	// InspectImage fails with errdefs.ErrNotFound if the Engine does not have the image, for that platform if one is given.
	InspectImage(ctx context.Context, ref string, platform *ocispec.Platform) (image.InspectResponse, error)

	// InspectDistribution asks the registry for the image, and fails with the kind of its answer.
	InspectDistribution(ctx context.Context, ref, auth string) error
}

// Options are what a Puller needs to know.
type Options struct {
	Engine            Engine
	InactivityTimeout time.Duration // a pull that makes no progress for this long is given up; more than 0
	DockerConfig      []byte        // the agent's docker_config: JSON with "auths" or in the form of a .dockercfg; nil for none
	Logger            *zap.Logger   // nil for none
}

// Puller brings images to the Engine. It is safe for concurrent use.
type Puller struct {
	engine     Engine
	inactivity time.Duration
	admin      logins
	logger     *zap.Logger
	shared     *coordinator
}

// New returns a Puller. It fails on options that cannot be meant.
func New(o Options) (*Puller, error) {
	if o.InactivityTimeout <= 0 {
		return nil, fmt.Errorf("image: inactivity timeout of pulls is %s, want more than 0s", o.InactivityTimeout)
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	p := &Puller{engine: o.Engine, inactivity: o.InactivityTimeout, logger: o.Logger, shared: newCoordinator()}
	if o.DockerConfig != nil {
		var err error
		if p.admin, err = parseAdmin(o.DockerConfig); err != nil {
			return nil, fmt.Errorf("image: %s is %w", adminConfig, err)
		}
	}
	return p, nil
}

// Request is one task's need of an image.
type Request struct {
	Reference        string
	Platform         *ocispec.Platform
	Force            bool           // ask the registry even if the image is present
	SandboxDirectory string         // where the task may have brought credentials; empty for nowhere
	Progress         func(Progress) // called from Pull's own goroutine with the latest sum, if not nil; it holds up no other task
}

// Pull returns when the Engine has the image. Otherwise the error is an *Error or, if ctx was cancelled, wraps its cause.
func (p *Puller) Pull(ctx context.Context, r Request) error {
	parsed, err := parseReference(r.Reference)
	if err != nil {
		return &Error{Kind: Invalid, Reference: r.Reference, Err: err}
	}
	ref := familiar(parsed)
	if !r.Force {
		_, err := p.engine.InspectImage(ctx, ref, r.Platform)
		if err == nil {
			return nil
		}
		if !errdefs.IsNotFound(err) {
			return ofEngine(ctx, &Error{Reference: ref, Err: err})
		}
	}
	named, ok := parsed.(reference.Named)
	if !ok {
		return &Error{Kind: Invalid, Reference: ref, Err: errors.New("this is the id of an image, by which no registry can be asked")}
	}
	auth, source, err := p.credentialsFor(reference.Domain(named), r.SandboxDirectory)
	if err != nil {
		return &Error{Kind: Invalid, Reference: ref, Err: err}
	}
	w := wanted{ref: ref, platform: r.Platform, auth: auth, source: source}
	progress, err := p.shared.do(ctx, p.shared.key(ref, w.platformName(), auth), r.Progress, func(ctx context.Context, report func(Progress)) error {
		return p.pull(ctx, w, report)
	})
	if err != nil && ctx.Err() != nil {
		return left(ctx, ref, progress)
	}
	return err
}

// left is the error of a request whose context has ended.
func left(ctx context.Context, ref string, progress Progress) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &Error{Kind: TimedOut, Reference: ref, Progress: progress, Err: fmt.Errorf("the time of the task is up: %w", context.Cause(ctx))}
	}
	return fmt.Errorf("pull of image %s given up at %v: %w", ref, progress, context.Cause(ctx))
}

// errInactive ends the context of a pull without progress.
var errInactive = errors.New("no progress")

// wanted is what one pull is to bring.
type wanted struct {
	ref      string
	platform *ocispec.Platform // nil for the Engine's own
	auth     string            // as the Engine takes it
	source   string            // where auth is from
}

// platformName is empty where the Engine chooses.
func (w wanted) platformName() string {
	if w.platform == nil {
		return ""
	}
	return platforms.Format(*w.platform)
}

// pull runs one pull on the Engine, for whoever waits.
func (p *Puller) pull(ctx context.Context, w wanted, report func(Progress)) error {
	started := time.Now()
	logger := p.logger.With(zap.String("image", w.ref))
	if w.platform != nil {
		logger = logger.With(zap.String("platform", w.platformName()))
	}
	logger.Info("pull started", zap.String("credentials", w.source))
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(p.inactivity, func() { cancel(errInactive) })
	defer watchdog.Stop()

	tally := newTally()
	err := p.engine.Pull(watched, w.ref, w.auth, w.platform, func(m jsonmessage.JSONMessage) {
		if tally.observe(m) {
			watchdog.Reset(p.inactivity)
			report(tally.progress())
		}
	})
	watchdog.Stop()
	progress := tally.progress()
	if err == nil {
		err = p.confirm(ctx, w)
	}
	if err == nil {
		logger.Info("pull ended", zap.Duration("duration", time.Since(started)),
			zap.Int("layers", progress.Layers), zap.Int64("bytes", progress.BytesTotal))
		return nil
	}
	failed := &Error{Reference: w.ref, Credentials: w.source, Progress: progress, Err: err}
	if context.Cause(watched) == errInactive {
		failed.Kind, failed.Err = TimedOut, fmt.Errorf("%w for %s", errInactive, p.inactivity)
		err = failed
	} else {
		err = p.explain(ctx, failed, w.auth)
	}
	if ctx.Err() != nil {
		logger.Info("pull given up, nobody waits for it any more", zap.Stringer("progress", progress))
	} else {
		logger.Warn("pull failed", zap.Duration("duration", time.Since(started)), zap.Error(err))
	}
	return err
}

// confirm looks whether the image is there after a pull that ended well (contract section 1.2.4): a stream that ends cleanly
// is no promise, and where a registry has one platform only, some Engines bring that one whatever was asked for.
func (p *Puller) confirm(ctx context.Context, w wanted) error {
	_, err := p.engine.InspectImage(ctx, w.ref, w.platform)
	if errdefs.IsNotFound(err) && w.platform != nil {
		return fmt.Errorf("the registry has no image for platform %s under this name: %w", w.platformName(), err)
	}
	if errdefs.IsNotFound(err) {
		return fmt.Errorf("the Engine ended the pull without an error, but does not have the image: %w", errdefs.ErrInternal)
	}
	return err
}

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

// explain finds the kind of a failed pull. The Engine says little more than words about one, so where its answer leaves the kind
// open it is made to ask the registry for the manifest, to which it answers with the registry's status.
func (p *Puller) explain(ctx context.Context, e *Error, auth string) error {
	if err := ofEngine(ctx, e); err != error(e) || e.Kind != Other {
		return err
	}
	switch err := p.engine.InspectDistribution(ctx, e.Reference, auth); {
	case errdefs.IsUnauthorized(err), errdefs.IsPermissionDenied(err):
		e.Kind = Denied
	case errdefs.IsNotFound(err), errdefs.IsNotFound(e.Err):
		e.Kind = NotFound
	case err != nil && strings.Contains(err.Error(), wantsLogin):
		e.Kind = Denied
	case err != nil:
		e.Kind = Unreachable
	}
	return e
}

// wantsLogin is how the Engine says, with status 500, that a registry with basic authentication asked for a login and it had
// none to send. These words are the only ones that are judged here. The other way to learn it would be a login with made-up
// credentials, which some registries answer by locking out the host.
const wantsLogin = "no basic auth credentials"
