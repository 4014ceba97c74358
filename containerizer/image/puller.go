package image

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/pkg/jsonmessage"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"
)

// Engine is the part of the Docker Engine's API that a Puller uses. Its errors have errdefs kinds; ErrUnavailable means that the
// Engine gave no answer, and nothing else.
type Engine interface {
	// Pull calls onMessage with each message of the Engine, from one goroutine.
	Pull(ctx context.Context, ref, auth string, platform *ocispec.Platform, onMessage func(jsonmessage.JSONMessage)) error

	// InspectImage fails with errdefs.ErrNotFound if the Engine does not have the image, for that platform if one is given.
	InspectImage(ctx context.Context, ref string, platform *ocispec.Platform) (image.InspectResponse, error)

	// InspectDistribution returns the platforms for which the registry has the image. Its error has the kind of the registry's
	// answer.
	InspectDistribution(ctx context.Context, ref, auth string) ([]ocispec.Platform, error)

	// Platform returns the platform of the Engine's host.
	Platform(ctx context.Context) (ocispec.Platform, error)

	// TagImage gives an image one more name.
	TagImage(ctx context.Context, ref, name string) error
}

// Options configure a Puller.
type Options struct {
	Engine            Engine
	InactivityTimeout time.Duration // a pull without progress for this long fails; more than 0
	MaxConcurrent     int           // pulls that run at once; 0 for no limit
	Policy            Policy
	Fallback          Fallback
	DockerConfigs     []DockerConfig // the operator's credentials; the first with an entry for a registry wins
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
	operator   atomic.Pointer[operator]
	observer   Observer
	logger     *zap.Logger

	shared           *coordinator
	slots            *semaphore.Weighted // of pulls that run
	running, waiting atomic.Int64        // pulls; waiting are those for a slot
	holds            *holds
	agents           agentPulls

	firstWait         time.Duration
	helperDirectories []string
	retryAfter        func(context.Context, reference.Named) time.Duration
}

// New returns a Puller, or an error for options that are out of range.
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
		engine: o.Engine, inactivity: o.InactivityTimeout, policy: o.Policy, fallback: o.Fallback, observer: o.Observer, logger: o.Logger,
		shared: newCoordinator(o.Observer.PullJoined), slots: semaphore.NewWeighted(math.MaxInt64), holds: newHolds(),
		firstWait: firstWait, helperDirectories: helperDirectories, retryAfter: askRetryAfter,
	}
	if o.MaxConcurrent > 0 {
		p.slots = semaphore.NewWeighted(int64(o.MaxConcurrent))
	}
	if err := p.Change(o.DockerConfigs, o.MarkPulled); err != nil {
		return nil, err
	}
	return p, nil
}

// Change replaces Options.DockerConfigs and Options.MarkPulled for tries of pulls that begin from now on. With an error nothing has changed.
func (p *Puller) Change(configs []DockerConfig, markPulled bool) error {
	next := &operator{marks: markPulled}
	for _, c := range configs {
		file, err := parseOperatorFile(c)
		if err != nil {
			return fmt.Errorf("image: %s is %w", c.Source, err)
		}
		next.files = append(next.files, file)
	}
	p.operator.Store(next)
	return nil
}

// Request is a task's request for an image.
type Request struct {
	Reference        string
	Task             string // for the log; empty for none
	Platform         *ocispec.Platform
	Force            bool           // ask the registry even if the image is present
	SandboxDirectory string         // may have credentials of the task; empty for none
	AgentDirectory   string         // has the agent's docker_config; empty for none
	ByAgent          bool           // a pull by the agent, before its task
	AfterAgent       bool           // a pull by a task whose agent has pulled, or tried to
	Progress         func(Progress) // if not nil, called from Pull's goroutine with the latest state

	// CredentialsRead, if not nil, is called when the directories are no longer needed. It is not called if no registry is asked
	// or if the directories cannot be read.
	CredentialsRead func()
}

// Pull returns when the Engine has the image. The note, if not empty, is for the owner of the task. The error is an *Error or,
// if ctx was cancelled, wraps its cause.
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
		if !errdefs.IsNotFound(err) {
			return "", ofEngine(ctx, &Error{Reference: ref, Err: err})
		}
	}
	if p.policy == PolicyNever {
		return "", p.refuse(&Error{Kind: NotPulled, Reference: ref, Err: errNeverPulled})
	}
	named, ok := parsed.(reference.Named)
	if !ok {
		return "", p.refuse(&Error{Kind: Invalid, Reference: ref, Err: errors.New("this is an image ID, which registries do not know")})
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

// fetch joins or starts the pull of an image and waits for its end.
func (p *Puller) fetch(ctx context.Context, r Request, named reference.Named) error {
	w := wanted{ref: familiar(named), named: named, platform: r.Platform}
	if r.ByAgent {
		p.agents.forget(w) // the result of this pull counts
	}
	var err error
	if w.auth, w.source, err = directoryLogin(r.SandboxDirectory, ofSandbox, reference.Domain(named)); err != nil {
		return p.refuse(&Error{Kind: Invalid, Reference: w.ref, Err: err})
	}
	// All requests have the same credentials of agent and operator, so these are no part of the key. The operator's are looked up
	// when the pull runs.
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
	progress, err := p.shared.do(ctx, key, r.Task, r.Progress, func(ctx context.Context, report func(Progress), tasks func() []string) error {
		return p.pull(ctx, w, report, tasks)
	})
	if err != nil && ctx.Err() != nil {
		return left(ctx, w.ref, progress)
	}
	if err == nil && r.ByAgent && w.agentLogin {
		p.agents.note(w)
	}
	return err
}

// cached returns a note if the image that is present is used in place of the registry's, by FallbackCached.
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

// left returns the error of a request whose context has ended.
func left(ctx context.Context, ref string, progress Progress) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &Error{Kind: TimedOut, Reference: ref, Progress: progress, Err: fmt.Errorf("the time of the task is up: %w", context.Cause(ctx))}
	}
	return fmt.Errorf("pull of image %s given up at %v: %w", ref, progress, context.Cause(ctx))
}

// wanted describes one pull.
type wanted struct {
	ref      string // as the Engine takes it
	named    reference.Named
	platform *ocispec.Platform // nil for the Engine's own
	auth     string            // encoded, from sandbox or agent; empty for the operator's
	source   string            // of auth

	agentLogin bool // auth is from the agent's docker_config
}

// platformName returns the platform as text, empty for the Engine's own.
func (w wanted) platformName() string {
	if w.platform == nil {
		return ""
	}
	return platforms.Format(*w.platform)
}

// Policy says when a registry is asked for an image. The empty Policy is PolicyTask.
type Policy string

// The policies. Only with the first does the task decide.
const (
	PolicyTask         Policy = "task"           // for an absent image, and if the task forces a pull
	PolicyAlways       Policy = "always"         // before every launch
	PolicyIfNotPresent Policy = "if_not_present" // for an absent image only
	PolicyNever        Policy = "never"          // never: operators load the images
)

// Fallback says what happens when a registry that must be asked has an outage. The empty Fallback is FallbackNone.
type Fallback string

// The fallbacks.
const (
	FallbackNone   Fallback = "none"   // the task fails
	FallbackCached Fallback = "cached" // the task gets the image that is present, if any, with a note
)

// Forces reports whether the registry must be asked although the image is present, given whether the task forces a pull.
func (p *Puller) Forces(task bool) bool {
	switch p.policy {
	case PolicyAlways:
		return true
	case PolicyIfNotPresent, PolicyNever:
		return false
	default:
		return task
	}
}

// errNeverPulled is the cause of NotPulled.
var errNeverPulled = errors.New("pull_policy=never: the operators of this host load its images")

// outage reports whether the registry cannot serve requests at present. A registry that refuses has no outage.
func outage(e *Error) bool {
	switch e.Kind {
	case Unreachable, UnknownHost, RateLimited:
		return true
	case TimedOut:
		return errors.Is(e.Err, errInactive)
	default:
		return false
	}
}

// parseReference completes an image name as docker does: "busybox" is docker.io/library/busybox:latest (contract 1.2, step 4).
// A tag beside a digest is dropped. The result is a reference.Named, or another type for an image ID, which registries do not know.
func parseReference(name string) (reference.Reference, error) {
	parsed, err := reference.ParseAnyReference(name)
	if err != nil {
		return nil, err
	}
	named, ok := parsed.(reference.Named)
	if !ok {
		return parsed, nil
	}
	if digested, ok := named.(reference.Digested); ok {
		canonical, err := reference.WithDigest(reference.TrimNamed(named), digested.Digest())
		if err != nil {
			return nil, fmt.Errorf("name and digest do not go together: %w", err)
		}
		return canonical, nil
	}
	return reference.TagNameOnly(named), nil
}

// familiar returns the short form of a reference, which the Engine accepts too.
func familiar(ref reference.Reference) string {
	if named, ok := ref.(reference.Named); ok {
		return reference.FamiliarString(named)
	}
	return ref.String()
}
