package dockercli

import (
	"cmp"
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/image"
)

// A deferred pull is answered when it has started, not when it has ended. The agent then starts the executor. An executor
// registers in time, wants the image for its task and joins the pull; its task reports progress and failure. The agent's run,
// which starts an executor in a container, waits for the pull and fails with it. Until one of them comes, the pull is held:
// without a waiter it would be cancelled. A file stores the pull for later daemons (pullnote.go).

const (
	// registrationTimeout is the default of the agent's executor_registration_timeout. An executor that has not registered by
	// then is killed, and the image is not needed.
	registrationTimeout = time.Minute

	// launchMargin covers the steps after the registration: the agent sends the task, the executor attaches, and the session asks
	// for the image.
	launchMargin = 30 * time.Second
)

// pullWork pulls an image. Its note is for the owner of the image's task.
type pullWork func(context.Context, image.Request) (note string, err error)

// deferrals are the recent deferred pulls.
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

// deferral is one deferred pull. It is known until its hold is over, also after its end: until then the agent may inspect the
// image.
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

// begin starts a pull. It returns when it no longer needs the caller's directory, which an agent removes after the answer, or
// when ctx ends; ctx has no effect on the pull. A failure of the pull is not returned: a run gets it from outcome, and an
// executor's task pulls again. An error means that no pull was started.
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

// resume restarts the pulls of an earlier daemon that have not succeeded.
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

// leave cancels the pull when it has no holder left.
func (p *deferral) leave() {
	if p.holders.Add(-1) == 0 {
		p.stop()
	}
}

// outcome waits for the end of the pull and holds it meanwhile.
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
	d.open[name] = slices.DeleteFunc(d.open[name], func(other *deferral) bool { return other == pull })
	if len(d.open[name]) == 0 {
		delete(d.open, name)
	}
}

// take returns the newest deferred pull for a run, nil for none. The pull of an agent's container has the sandbox as its HOME,
// whose name is the agent's container ID (empty for other containers). With an agent's docker_config the HOME is another
// directory; one run then takes one such pull, and the same call gets the same pull again.
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

// has reports whether there is a deferred pull of an image.
func (d *deferrals) has(reference string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.open[image.Canonical(reference)]) > 0
}

// close cancels the pulls that no task has joined.
func (d *deferrals) close() {
	d.cancel()
	d.group.Wait()
}

// pendingImage returns the inspect of an image that is still being pulled: the fields that agents read, and its name (contract
// 1.2, step 4).
func pendingImage(reference string) (json.RawMessage, error) {
	pending := struct {
		ID              string `json:"Id"`
		RepoTags        []string
		Config          struct{ Entrypoint, Env []string }
		ContainerConfig struct{ Entrypoint, Env []string }
	}{RepoTags: []string{reference}}
	return json.Marshal(pending)
}
