package image

import (
	"context"
	"errors"
	"fmt"
	"time"

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

	// InspectDistribution asks the registry for the platforms it has the image for, and fails with the kind of its answer.
	InspectDistribution(ctx context.Context, ref, auth string) ([]ocispec.Platform, error)

	// Platform is that of the Engine's host.
	Platform(ctx context.Context) (ocispec.Platform, error)

	// TagImage gives an image one more name.
	TagImage(ctx context.Context, ref, name string) error
}

// Options are what a Puller needs to know.
type Options struct {
	Engine            Engine
	InactivityTimeout time.Duration // a pull that makes no progress for this long is given up; more than 0
	MaxConcurrent     int           // pulls that run at once; 0 for no limit
	Policy            Policy
	Fallback          Fallback
	DockerConfigs     []DockerConfig // the operator's credentials, the first that knows a registry wins
	MarkPulled        bool           // mark images that were pulled, so that a Collector may remove them
	Observer          Observer       // nil for none
	Logger            *zap.Logger    // nil for none
}

// Puller brings images to the Engine. It is safe for concurrent use.
type Puller struct {
	engine     Engine
	inactivity time.Duration
	policy     Policy
	fallback   Fallback
	admin      []adminFile
	marks      bool
	observer   Observer
	logger     *zap.Logger

	shared *coordinator
	slots  *slots
	load   load
	holds  *holds
	agents agentPulls

	firstWait         time.Duration
	helperDirectories []string
	retryAfter        func(context.Context, reference.Named) time.Duration
}

// New returns a Puller. It fails on options that cannot be meant.
func New(o Options) (*Puller, error) {
	if o.InactivityTimeout <= 0 {
		return nil, fmt.Errorf("image: inactivity timeout of pulls is %s, want more than 0s", o.InactivityTimeout)
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	p := &Puller{
		engine: o.Engine, inactivity: o.InactivityTimeout, policy: o.Policy, fallback: o.Fallback, marks: o.MarkPulled,
		observer: o.Observer, logger: o.Logger, shared: newCoordinator(o.Observer.PullJoined), slots: newSlots(o.MaxConcurrent), holds: newHolds(),
		firstWait: firstWait, helperDirectories: helperDirectories, retryAfter: askRetryAfter,
	}
	for _, c := range o.DockerConfigs {
		file, err := parseAdmin(c)
		if err != nil {
			return nil, fmt.Errorf("image: %s is %w", c.Source, err)
		}
		p.admin = append(p.admin, file)
	}
	return p, nil
}

// Request is one task's need of an image.
type Request struct {
	Reference        string
	Platform         *ocispec.Platform
	Force            bool           // the task wants the registry to be asked even if the image is present
	SandboxDirectory string         // where the task may have brought credentials; empty for nowhere
	AgentDirectory   string         // where the agent has put its docker_config; empty for nowhere
	ByAgent          bool           // an agent's own pull, for a task that comes next
	AfterAgent       bool           // of a task for which an agent has pulled, or tried to
	Progress         func(Progress) // called from Pull's own goroutine with the latest sum, if not nil; it holds up no other task

	// CredentialsRead, if not nil, is called when the directories are not needed any more. It is not called where no registry is
	// asked, nor where they could not be read.
	CredentialsRead func()
}

// Pull returns when the Engine has the image. A note, if it is not empty, is for the person whose task it is. The error is an
// *Error or, if ctx was cancelled, wraps its cause.
func (p *Puller) Pull(ctx context.Context, r Request) (note string, err error) {
	parsed, err := parseReference(r.Reference)
	if err != nil {
		return "", p.refuse(&Error{Kind: Invalid, Reference: r.Reference, Err: err})
	}
	ref := familiar(parsed)
	force := p.Forces(r.Force)
	if !force {
		_, err := p.engine.InspectImage(ctx, ref, r.Platform)
		if err == nil {
			return "", nil
		}
		if !absent(err) {
			return "", ofEngine(ctx, &Error{Reference: ref, Err: err})
		}
	}
	if p.policy == PolicyNever {
		return "", p.refuse(&Error{Kind: NotPulled, Reference: ref, Err: errNeverPulled})
	}
	named, ok := parsed.(reference.Named)
	if !ok {
		return "", p.refuse(&Error{Kind: Invalid, Reference: ref, Err: errors.New("this is the id of an image, by which no registry can be asked")})
	}
	err = p.fetch(ctx, r, named)
	if e, ok := errors.AsType[*Error](err); ok && force && ctx.Err() == nil {
		if note := p.cached(ctx, r.Platform, e); note != "" {
			p.observer.CachedImageUsed()
			return note, nil
		}
	}
	return "", err
}

// fetch joins the pull of an image, or begins it, and waits for its end.
func (p *Puller) fetch(ctx context.Context, r Request, named reference.Named) error {
	w := wanted{ref: familiar(named), named: named, platform: r.Platform}
	if r.ByAgent {
		p.agents.forget(w) // what this one finds is what counts
	}
	var err error
	if w.auth, w.source, err = directoryLogin(r.SandboxDirectory, ofSandbox, reference.Domain(named)); err != nil {
		return p.refuse(&Error{Kind: Invalid, Reference: w.ref, Err: err})
	}
	// The credentials of agent and operator are the same for all and need not divide a pull. The operator's are looked up when it
	// runs.
	key := p.shared.key(w.ref, w.platformName(), w.auth)
	if w.source == "" {
		if w.auth, w.source, err = directoryLogin(r.AgentDirectory, ofAgent, reference.Domain(named)); err != nil {
			return p.refuse(&Error{Kind: Credentials, Reference: w.ref, Err: err})
		}
		w.agentLogin = w.source != ""
	}
	if r.CredentialsRead != nil {
		r.CredentialsRead()
	}
	if r.AfterAgent && w.source == "" && p.doneByAgent(ctx, w) {
		return nil
	}
	progress, err := p.shared.do(ctx, key, r.Progress, func(ctx context.Context, report func(Progress)) error {
		return p.pull(ctx, w, report)
	})
	if err != nil && ctx.Err() != nil {
		return left(ctx, w.ref, progress)
	}
	if err == nil && r.ByAgent && w.agentLogin {
		p.agents.note(w)
	}
	return err
}

// cached makes do with the image that is present if the operator allows it, and returns what is to be said about that.
func (p *Puller) cached(ctx context.Context, platform *ocispec.Platform, e *Error) (note string) {
	if p.fallback != FallbackCached || !outage(e) {
		return ""
	}
	present, err := p.engine.InspectImage(ctx, e.Reference, platform)
	if err != nil {
		return ""
	}
	p.logger.Warn("registry has an outage, using the image that is present (pull_fallback=cached)",
		zap.String("image", e.Reference), zap.String("id", present.ID), zap.Error(e))
	return fmt.Sprintf("Started from the image that is present on this host (%s), which may be out of date: %v", present.ID, e)
}

// left is the error of a request whose context has ended.
func left(ctx context.Context, ref string, progress Progress) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &Error{Kind: TimedOut, Reference: ref, Progress: progress, Err: fmt.Errorf("the time of the task is up: %w", context.Cause(ctx))}
	}
	return fmt.Errorf("pull of image %s given up at %v: %w", ref, progress, context.Cause(ctx))
}

// wanted is what one pull is to bring.
type wanted struct {
	ref      string // as the Engine takes it
	named    reference.Named
	platform *ocispec.Platform // nil for the Engine's own
	auth     string            // as the Engine takes it, from sandbox or agent; empty for what the operator has
	source   string            // where auth is from

	agentLogin bool // auth is from the agent's docker_config
}

// platformName is empty where the Engine chooses.
func (w wanted) platformName() string {
	if w.platform == nil {
		return ""
	}
	return platforms.Format(*w.platform)
}
