package dockercli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/image"
)

// A deferred pull is answered when it has begun, not when it has ended: the agent goes on and starts the executor. Who needs the
// image then waits for the pull. An executor registers in time, wants the same image of the daemon for its task and joins the pull;
// the task is told of the progress, and of the failure in our words. A container of an executor is started by the agent's run, which
// takes the outcome of the pull as its own. Until then nobody waits for the pull, which would end it, so it is held. What a later
// daemon must know of it is noted in a file (pullnote.go).

const (
	// registrationTimeout is the agent's default of executor_registration_timeout. An executor that has not registered by then
	// is killed, and no one will come for the image.
	registrationTimeout = time.Minute

	// launchMargin is what comes after the registration, at worst: the agent hands the task over, the executor attaches, and the
	// Engine is asked to create the container before the image is missed.
	launchMargin = 30 * time.Second
)

// pullWork brings an image to the Engine. Its note is for the person whose image it is.
type pullWork func(context.Context, image.Request) (note string, err error)

// deferrals are the deferred pulls of late.
type deferrals struct {
	hold   time.Duration // 0 for none at all
	notes  pullNotes
	logger *zap.Logger

	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu   sync.Mutex
	open map[string][]*deferral // guarded by mu: by the image's canonical name, the oldest first
}

// deferral is one pull that was answered before its end. It is known until its hold is over, however it ended: until then the
// agent that asked for it may look for the image.
type deferral struct {
	noted pullNote
	ended chan struct{}
	note  string // written before ended is closed
	err   error  // written before ended is closed

	holders atomic.Int32 // its hold and those who wait for it
	stop    context.CancelFunc

	takenBy string // guarded by deferrals.mu: the call of the run that has it, where the sandbox does not say whose it is
}

func newDeferrals(enabled bool, registration time.Duration, directory string, logger *zap.Logger) *deferrals {
	d := &deferrals{open: make(map[string][]*deferral), notes: pullNotes{directory}, logger: logger}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	if enabled {
		d.hold = max(registration, registrationTimeout) + launchMargin
	}
	return d
}

// begin starts a pull and returns when it needs nothing of the caller any more: an agent removes the directory with its
// credentials as soon as it has the answer. A failure is not the caller's to hear. It is a run's, whose agent does without the
// container then, but not an executor's, which tries once more by itself: what that reports is the state of the registry at its
// time, and retries stay the puller's.
//
// It returns with ctx, too, the caller's, which has no part in the pull. Its error means that nothing was begun.
func (d *deferrals) begin(ctx context.Context, r image.Request, work pullWork) error {
	noted := pullNote{
		Reference: r.Reference, Platform: r.Platform, Sandbox: r.SandboxDirectory, Agent: r.AgentDirectory, Until: time.Now().Add(d.hold),
	}
	if err := d.notes.write(&noted); err != nil {
		return err
	}
	begun := make(chan struct{})
	r.CredentialsRead = sync.OnceFunc(func() { close(begun) })
	pull := d.start(noted, r, work)
	select {
	case <-begun:
	case <-pull.ended:
	case <-ctx.Done():
	}
	return nil
}

// resume begins the pulls again that an earlier daemon has not brought to a good end.
func (d *deferrals) resume(work pullWork) {
	notes, err := d.notes.read()
	if err != nil {
		d.logger.Error("pulls that agents have asked of an earlier daemon cannot be read; run may use images that are out of date", zap.Error(err))
	}
	for _, noted := range notes {
		if d.hold > 0 && time.Now().Before(noted.Until) {
			d.logger.Info("pulling again what an agent has asked of an earlier daemon", zap.String("image", noted.Reference))
			d.start(noted, noted.request(), work)
		} else {
			d.notes.remove(noted)
		}
	}
}

func (d *deferrals) start(noted pullNote, r image.Request, work pullWork) *deferral {
	pulling, stop := context.WithCancel(d.ctx)
	pull := &deferral{noted: noted, ended: make(chan struct{}), stop: stop}
	pull.holders.Store(1)
	name := image.Canonical(r.Reference)
	d.mu.Lock()
	d.open[name] = append(d.open[name], pull)
	d.mu.Unlock()
	held, cancel := context.WithDeadline(d.ctx, noted.Until)
	context.AfterFunc(held, pull.leave)
	d.group.Go(func() {
		defer d.forget(name, pull)
		defer cancel()
		pull.note, pull.err = work(pulling, r) // which logs how it went
		close(pull.ended)
		if pull.err == nil {
			d.notes.remove(noted)
		}
		<-held.Done()
	})
	return pull
}

// leave ends the pull when nobody holds it any more.
func (p *deferral) leave() {
	if p.holders.Add(-1) == 0 {
		p.stop()
	}
}

// outcome waits for the end of the pull, and keeps it from being given up meanwhile.
func (p *deferral) outcome(ctx context.Context) (note string, err error) {
	p.holders.Add(1)
	defer p.leave()
	select {
	case <-p.ended:
		return p.note, p.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func (d *deferrals) forget(name string, pull *deferral) {
	if d.ctx.Err() == nil { // else a later daemon takes it up
		d.notes.remove(pull.noted)
	}
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

// take returns the deferred pull of an image whose outcome is that of a run, nil if there is none. The newest counts. An agent's
// container is known by the id that the agent gave it (empty for what is no agent's), which is the last part of its sandbox's name,
// and the sandbox is the HOME of the pull. Where the agent has a docker_config the HOME says nothing, so one run takes one such
// pull; the same call gets the same pull again.
func (d *deferrals) take(reference, agentsID, call string) *deferral {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found *deferral
	for _, pull := range d.open[image.Canonical(reference)] {
		switch {
		case agentsID != "" && (filepath.Base(pull.noted.Sandbox) == agentsID || filepath.Base(pull.noted.Agent) == agentsID):
			return pull
		case pull.noted.Sandbox != "" || (pull.noted.Agent == "") != (agentsID == ""):
		case pull.takenBy == "" || pull.takenBy == call && call != "":
			found = pull
		}
	}
	if found != nil {
		found.takenBy = cmp.Or(call, "a call without an id")
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

// engineAway tells whether a pull has failed because the Engine gave no answer.
func engineAway(err error) bool {
	failed, ok := errors.AsType[*image.Error](err)
	return ok && failed.Kind == image.NoEngine
}

// pendingImage is the image inspect that an agent gets of an image that is still being pulled: all that agents look for, and the
// little that is known (contract 1.2, step 4).
func pendingImage(reference string) (json.RawMessage, error) {
	pending := struct {
		ID              string `json:"Id"`
		RepoTags        []string
		Config          struct{ Entrypoint, Env []string }
		ContainerConfig struct{ Entrypoint, Env []string }
	}{RepoTags: []string{reference}}
	return json.Marshal(pending)
}
