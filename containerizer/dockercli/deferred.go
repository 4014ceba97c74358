package dockercli

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"mesos-docker-containerizer/containerizer/image"
)

// A deferred pull is answered when it has begun, not when it has ended: the agent goes on and starts the executor, which
// registers in time, wants the same image of the daemon and so joins the pull. Its task is told of the progress, and of the
// failure if there is one, in our words. Until then nobody waits for the pull, which would end it, so it is held.

const (
	// registrationTimeout is the agent's default of executor_registration_timeout. An executor that has not registered by then
	// is killed, and no one will come for the image.
	registrationTimeout = time.Minute

	// launchMargin is what comes after the registration, at worst: the agent hands the task over, the executor attaches, and the
	// Engine is asked to create the container before the image is missed.
	launchMargin = 30 * time.Second
)

// deferrals are the deferred pulls of late.
type deferrals struct {
	hold time.Duration // 0 for none at all

	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu   sync.Mutex
	open map[string][]*deferral // guarded by mu: by the image's canonical name
}

// deferral is one pull that was answered before its end. It is known until its hold is over, however it ended: until then the
// agent that asked for it may look for the image.
type deferral struct {
	request image.Request
	ended   chan struct{}
	err     error // written before ended is closed
}

func newDeferrals(enabled bool, registration time.Duration) *deferrals {
	d := &deferrals{open: make(map[string][]*deferral)}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	if enabled {
		d.hold = max(registration, registrationTimeout) + launchMargin
	}
	return d
}

// begin starts a pull and returns when it needs nothing of the caller any more: an agent removes the directory with its
// credentials as soon as it has the answer. A failure is not the caller's to hear, and is not remembered for the executor, which
// tries once more by itself: what it reports is the state of the registry at its time, and retries stay the puller's.
//
// It returns with ctx, too, the caller's, which has no part in the pull.
func (d *deferrals) begin(ctx context.Context, r image.Request, work func(context.Context, image.Request) error) {
	begun := make(chan struct{})
	r.CredentialsRead = sync.OnceFunc(func() { close(begun) })
	pull := &deferral{request: r, ended: make(chan struct{})}
	name := image.Canonical(r.Reference)
	d.mu.Lock()
	d.open[name] = append(d.open[name], pull)
	d.mu.Unlock()
	d.group.Go(func() {
		defer d.forget(name, pull)
		held, cancel := context.WithTimeout(d.ctx, d.hold)
		defer cancel()
		pull.err = work(held, r) // which logs how it went
		close(pull.ended)
		<-held.Done()
	})
	select {
	case <-begun:
	case <-pull.ended:
	case <-ctx.Done():
	}
}

func (d *deferrals) forget(name string, pull *deferral) {
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := d.open[name][:0]
	for _, other := range d.open[name] {
		if other != pull {
			kept = append(kept, other)
		}
	}
	if d.open[name] = kept; len(kept) == 0 {
		delete(d.open, name)
	}
}

// find returns the newest deferred pull of an image that was for a sandbox, or else one with the operator's credentials, nil if
// there is none. An empty sandbox is one that is not known.
func (d *deferrals) find(reference, sandbox string) *deferral {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found *deferral
	for _, pull := range d.open[image.Canonical(reference)] {
		switch of := pull.request.SandboxDirectory; {
		case of == sandbox, of == "" && (found == nil || found.request.SandboxDirectory == ""):
			found = pull
		}
	}
	return found
}

// has says whether there is a deferred pull of an image.
func (d *deferrals) has(reference string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.open[image.Canonical(reference)]) > 0
}

// close ends all that nobody else has joined.
func (d *deferrals) close() {
	d.cancel()
	d.group.Wait()
}

// pendingImage is the image inspect that an agent gets of an image that is still being pulled: all that agents look for, and the
// little that is known (contract section 1.2.4).
func pendingImage(reference string) (json.RawMessage, error) {
	pending := struct {
		ID              string `json:"Id"`
		RepoTags        []string
		Config          struct{ Entrypoint, Env []string }
		ContainerConfig struct{ Entrypoint, Env []string }
	}{RepoTags: []string{reference}}
	return json.Marshal(pending)
}
