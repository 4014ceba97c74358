package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/pkg/jsonmessage"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// fakeEngine has images and answers as its functions say.
type fakeEngine struct {
	mu      sync.Mutex
	present map[string]bool // guarded by mu: by reference, behind it " platform" if one is asked for
	pulls   []string        // guarded by mu: "reference auth platform", what is empty left out
	tags    []string        // guarded by mu: "reference name"

	pull    func(ctx context.Context, say func(line string)) error
	has     []ocispec.Platform // what the registry has the image for
	ask     error
	inspect error

	singlePlatform bool // pulls bring whatever there is, as some Engines do
}

func onPlatform(ref string, platform *ocispec.Platform) string {
	return strings.TrimRight(ref+" "+wanted{platform: platform}.platformName(), " ")
}

func (f *fakeEngine) Pull(ctx context.Context, ref, auth string, platform *ocispec.Platform, onMessage func(jsonmessage.JSONMessage)) error {
	f.mu.Lock()
	f.pulls = append(f.pulls, onPlatform(ref+" "+auth, platform))
	f.mu.Unlock()
	err := f.pull(ctx, func(line string) {
		onMessage(jsonmessage.JSONMessage{ID: "a", Status: "Downloading", Progress: &jsonmessage.JSONProgress{Current: int64(len(line)), Total: 1000}})
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && f.present != nil {
		f.present[ref] = true
		if !f.singlePlatform {
			f.present[onPlatform(ref, platform)] = true
		}
	}
	return err
}

func (f *fakeEngine) InspectImage(_ context.Context, ref string, platform *ocispec.Platform) (image.InspectResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.inspect != nil:
		return image.InspectResponse{}, f.inspect
	case !f.present[onPlatform(ref, platform)]:
		return image.InspectResponse{}, errdefs.ErrNotFound
	}
	return image.InspectResponse{ID: fmt.Sprintf("sha256:%d", len(f.pulls))}, nil
}

func (f *fakeEngine) InspectDistribution(context.Context, string, string) ([]ocispec.Platform, error) {
	return f.has, f.ask
}

func (f *fakeEngine) Platform(context.Context) (ocispec.Platform, error) {
	return ocispec.Platform{OS: "linux", Architecture: "amd64"}, nil
}

func (f *fakeEngine) TagImage(_ context.Context, ref, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tags = append(f.tags, ref+" "+name)
	return nil
}

func newPuller(t *testing.T, e Engine) *Puller {
	t.Helper()
	p, err := New(Options{Engine: e, InactivityTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func arrives(context.Context, func(string)) error { return nil }

func TestWhenTheRegistryIsAsked(t *testing.T) {
	for _, tt := range []struct {
		name           string
		present, force bool
		pulls          int
	}{
		{"absent", false, false, 1},
		{"present", true, false, 0},
		{"forced", true, true, 1},
		{"forced and absent", false, true, 1},
	} {
		e := &fakeEngine{present: map[string]bool{"app:latest": tt.present}, pull: arrives}
		if _, err := newPuller(t, e).Pull(t.Context(), Request{Reference: "app", Force: tt.force}); err != nil || len(e.pulls) != tt.pulls {
			t.Errorf("%s: pulls %q, %v", tt.name, e.pulls, err)
		}
	}
}

func TestCredentialsDivideAPull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proceed := make(chan struct{})
		e := &fakeEngine{present: map[string]bool{}, pull: func(context.Context, func(string)) error {
			<-proceed
			return nil
		}}
		p := newPuller(t, e)
		var wg sync.WaitGroup
		for _, login := range []string{"", "a:x", "a:x", "b:x", ""} {
			files := map[string]string{}
			if login != "" {
				files[sandboxConfig] = config("registry.example.com", login)
			}
			sandbox := sandboxWith(t, files)
			wg.Go(func() {
				if _, err := p.Pull(t.Context(), Request{Reference: "registry.example.com/app", SandboxDirectory: sandbox}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(proceed)
		wg.Wait()
		if len(e.pulls) != 3 {
			t.Errorf("pulls %q", e.pulls)
		}
	})
}

// Tasks that want an image for different platforms do not share a pull, and one that is there for another platform is pulled.
func TestPlatformDividesAPull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proceed := make(chan struct{})
		e := &fakeEngine{present: map[string]bool{"app:latest": true}, pull: func(context.Context, func(string)) error {
			<-proceed
			return nil
		}}
		p := newPuller(t, e)
		var wg sync.WaitGroup
		for _, architecture := range []string{"", "arm64", "s390x", "arm64", ""} {
			r := Request{Reference: "app"}
			if architecture != "" {
				r.Platform = &ocispec.Platform{OS: "linux", Architecture: architecture}
			}
			wg.Go(func() {
				if _, err := p.Pull(t.Context(), r); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(proceed)
		wg.Wait()
		slices.Sort(e.pulls)
		if want := []string{"app:latest  linux/arm64", "app:latest  linux/s390x"}; !slices.Equal(e.pulls, want) {
			t.Errorf("pulls %q, want %q", e.pulls, want)
		}
	})
}

// An Engine that brings the one platform a registry has, whichever was asked for, does not make a task wait or run in vain.
func TestPlatformThatTheRegistryLacks(t *testing.T) {
	e := &fakeEngine{present: map[string]bool{}, pull: arrives, singlePlatform: true}
	_, err := newPuller(t, e).Pull(t.Context(), Request{Reference: "app", Platform: &ocispec.Platform{OS: "linux", Architecture: "arm64"}})
	failed, ok := errors.AsType[*Error](err)
	if !ok || failed.Kind != WrongPlatform || !strings.Contains(err.Error(), "platform linux/arm64") {
		t.Errorf("%v", err)
	}
}

func TestInactivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		e := &fakeEngine{pull: func(ctx context.Context, say func(string)) error {
			for n := range 5 { // slow, but alive
				time.Sleep(50 * time.Second)
				say(strings.Repeat("x", 100*(n+1)))
			}
			for ctx.Err() == nil { // says the same for ever
				time.Sleep(time.Second)
				say(strings.Repeat("x", 500))
			}
			return fmt.Errorf("engine: %w", ctx.Err())
		}}
		_, err := newPuller(t, e).Pull(t.Context(), Request{Reference: "app"})
		failed, ok := errors.AsType[*Error](err)
		if !ok || failed.Kind != TimedOut || failed.Kind.Fault() != Platform {
			t.Fatalf("%v", err)
		}
		for _, part := range []string{"app:latest", "500B of 1kB", "no progress for 1m0s"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%v does not say %q", err, part)
			}
		}
		if took := time.Since(started); took < 310*time.Second || took > 312*time.Second {
			t.Errorf("gave up after %s", took)
		}
	})
}

func TestEndOfTheContext(t *testing.T) {
	hang := func(ctx context.Context, say func(string)) error {
		say("0123456789")
		<-ctx.Done()
		return ctx.Err()
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPuller(t, &fakeEngine{pull: hang})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := p.Pull(ctx, Request{Reference: "app"})
		failed, ok := errors.AsType[*Error](err)
		if !ok || failed.Kind != TimedOut || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "10B of 1kB") {
			t.Errorf("deadline: %v", err)
		}
		cancelled, cancelCause := context.WithCancelCause(t.Context())
		reason := errors.New("task was killed")
		time.AfterFunc(time.Second, func() { cancelCause(reason) })
		if _, err := p.Pull(cancelled, Request{Reference: "app"}); !errors.Is(err, reason) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestKindsOfFailure(t *testing.T) {
	failing := func(err error) func(context.Context, func(string)) error {
		return func(context.Context, func(string)) error { return err }
	}
	words := errors.New("the Engine's words")
	of := func(kind error) error { return fmt.Errorf("%w: %w", words, kind) }
	for _, tt := range []struct {
		name      string
		pull, ask error
		kind      Kind
		fault     Fault
	}{
		{"not there", of(errdefs.ErrNotFound), errdefs.ErrNotFound, NotFound, User},
		{"not there, registry away by now", of(errdefs.ErrNotFound), errdefs.ErrInternal, NotFound, User},
		{"denied as not there", of(errdefs.ErrNotFound), errdefs.ErrUnauthenticated, Denied, User},
		{"denied as internal", of(errdefs.ErrInternal), errdefs.ErrPermissionDenied, Denied, User},
		{"login wanted", of(errdefs.ErrInternal), fmt.Errorf("Head: no basic auth credentials: %w", errdefs.ErrInternal), Denied, User},
		{"not there, as internal", of(errdefs.ErrInternal), errdefs.ErrNotFound, NotFound, User},
		{"registry away", of(errdefs.ErrInternal), errdefs.ErrInternal, Unreachable, Platform},
		{"registry hangs", of(errdefs.ErrInternal), errdefs.ErrUnavailable, Unreachable, Platform},
		{"Engine away", of(errdefs.ErrUnavailable), nil, NoEngine, Platform},
		{"disk full", of(errdefs.ErrInternal), nil, Other, Platform},
		{"refused", of(errdefs.ErrInvalidArgument), nil, Invalid, User},
	} {
		e := &fakeEngine{pull: failing(tt.pull), ask: tt.ask}
		_, err := newPuller(t, e).Pull(t.Context(), Request{Reference: "registry:5000/app:7"})
		failed, ok := errors.AsType[*Error](err)
		if !ok || failed.Kind != tt.kind || failed.Kind.Fault() != tt.fault || !errors.Is(err, words) {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		for _, part := range []string{"registry:5000/app:7", words.Error()} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v does not say %q", tt.name, err, part)
			}
		}
	}

	for _, tt := range []struct {
		name    string
		engine  *fakeEngine
		request Request
		kind    Kind
	}{
		{"malformed", &fakeEngine{}, Request{Reference: "A B"}, Invalid},
		{"id of an image that is absent", &fakeEngine{}, Request{Reference: digest}, Invalid},
		{"id by force", &fakeEngine{}, Request{Reference: digest, Force: true}, Invalid},
		{"Engine does not answer", &fakeEngine{inspect: errdefs.ErrUnavailable}, Request{Reference: "app"}, NoEngine},
		{"Engine fails", &fakeEngine{inspect: errdefs.ErrInternal}, Request{Reference: "app"}, Other},
		{"ended well without an image", &fakeEngine{pull: arrives}, Request{Reference: "app"}, Other},
		{"credentials", &fakeEngine{}, Request{Reference: "app", SandboxDirectory: sandboxWith(t, map[string]string{sandboxConfig: "["})}, Invalid},
	} {
		_, err := newPuller(t, tt.engine).Pull(t.Context(), tt.request)
		if failed, ok := errors.AsType[*Error](err); !ok || failed.Kind != tt.kind {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestPresentImageByID(t *testing.T) {
	e := &fakeEngine{present: map[string]bool{digest: true}}
	if _, err := newPuller(t, e).Pull(t.Context(), Request{Reference: digest}); err != nil {
		t.Error(err)
	}
}

// The secret appears in no log and no error, whether the pull works or not.
func TestSecretsStayInside(t *testing.T) {
	for _, result := range []error{nil, errdefs.ErrInternal} {
		core, logs := observer.New(zap.DebugLevel)
		e := &fakeEngine{present: map[string]bool{}, ask: errdefs.ErrUnauthenticated, pull: func(context.Context, func(string)) error { return result }}
		p, err := New(Options{
			Engine: e, InactivityTimeout: time.Minute, Logger: zap.New(core),
			DockerConfigs: agents(config("registry.example.com", "user:geheim")),
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Pull(t.Context(), Request{Reference: "registry.example.com/app"})
		said := fmt.Sprintf("%+v", err)
		for _, entry := range logs.All() {
			said += fmt.Sprintf("%+v", entry)
		}
		if logs.Len() < 2 || (err == nil) != (result == nil) {
			t.Errorf("%d lines, %v", logs.Len(), err)
		}
		auth := strings.TrimPrefix(e.pulls[0], "registry.example.com/app:latest ")
		for _, secret := range []string{"geheim", encoded("user:geheim"), auth} {
			if secret == "" || strings.Contains(said, secret) {
				t.Errorf("%q appears in %s", secret, said)
			}
		}
	}
}

func TestOptions(t *testing.T) {
	if _, err := New(Options{Engine: &fakeEngine{}}); err == nil {
		t.Error("no inactivity timeout")
	}
}
