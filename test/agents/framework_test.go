package agents

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/httpsched"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"
)

// framework is a scheduler that launches what it is told on whatever is offered, and keeps what it hears.
type framework struct {
	master     string
	away       time.Duration // how long the master waits for it to come back
	disconnect func()        // ends the subscription, and returns when nothing is heard any more
	acks       sync.WaitGroup

	mu      sync.Mutex
	leaving bool // updates are not acknowledged any more
	caller  calls.Caller
	id      string
	changed chan struct{} // closed and made anew at each change
	offers  []mesos.Offer
	heard   map[string][]update // by task
	failure error               // the subscription has ended
}

// update is a status with the time at which it came.
type update struct {
	mesos.TaskStatus
	at time.Time
}

// subscribe registers a framework, until the test ends.
func (c *cluster) subscribe(t testing.TB) *framework {
	t.Helper()
	f := &framework{master: c.master, away: 10 * time.Minute, changed: make(chan struct{}), heard: map[string][]update{}}
	if err := f.connect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.disconnect() })
	return f
}

// connect subscribes, as the framework that it was where it has been one.
func (f *framework) connect() error {
	client := httpcli.New(httpcli.Endpoint("http://"+f.master+"/api/v1/scheduler"), httpcli.Codec(codecs.ByMediaType[codecs.MediaTypeProtobuf]))
	caller := httpsched.NewCaller(client)
	info := &mesos.FrameworkInfo{
		User: "root", Name: "agents", Checkpoint: new(true), FailoverTimeout: new(f.away.Seconds()),
		Roles: []string{"*"}, Capabilities: []mesos.FrameworkInfo_Capability{{Type: mesos.FrameworkInfo_Capability_MULTI_ROLE}, {Type: mesos.FrameworkInfo_Capability_TASK_KILLING_STATE}},
	}
	ctx, cancel := context.WithCancel(context.Background())
	answer, err := caller.Call(ctx, calls.Subscribe(info).With(calls.SubscribeTo(f.id)))
	if err != nil {
		cancel()
		return fmt.Errorf("subscribe to the master: %w", err)
	}
	subscribed := false
	f.note(func() { f.caller, f.failure, f.offers, f.leaving = caller, nil, nil, false })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			var e scheduler.Event
			if err := answer.Decode(&e); err != nil {
				f.note(func() { f.failure = err })
				return
			}
			f.hear(ctx, &e)
			if e.GetType() == scheduler.Event_SUBSCRIBED {
				f.note(func() { subscribed = true })
			}
		}
	}()
	f.disconnect = func() {
		f.note(func() { f.leaving = true })
		f.acks.Wait() // an agent with updates that nobody has acknowledged is never drained
		cancel()
		answer.Close()
		<-ended
	}
	_, err = f.await("the subscription", func() bool { return subscribed })
	return err
}

// note changes what is known, and wakes all that wait.
func (f *framework) note(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *framework) hear(ctx context.Context, e *scheduler.Event) {
	at := time.Now()
	f.note(func() {
		switch e.GetType() {
		case scheduler.Event_SUBSCRIBED:
			f.id = e.Subscribed.FrameworkID.Value
		case scheduler.Event_OFFERS:
			f.offers = append(f.offers, e.Offers.Offers...)
		case scheduler.Event_RESCIND:
			f.offers = slices.DeleteFunc(f.offers, func(o mesos.Offer) bool { return o.ID == e.Rescind.OfferID })
		case scheduler.Event_UPDATE:
			status := e.Update.Status
			known := f.heard[status.TaskID.Value]
			if !slices.ContainsFunc(known, func(u update) bool { return len(u.UUID) > 0 && string(u.UUID) == string(status.UUID) }) {
				f.heard[status.TaskID.Value] = append(known, update{status, at})
			}
		}
	})
	if e.GetType() == scheduler.Event_UPDATE && len(e.Update.Status.UUID) > 0 {
		status := e.Update.Status
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.leaving {
			return // it comes again
		}
		f.acks.Go(func() { _ = f.send(ctx, calls.Acknowledge(status.AgentID.Value, status.TaskID.Value, status.UUID)) })
	}
}

func (f *framework) send(ctx context.Context, call *scheduler.Call) error {
	f.mu.Lock()
	caller, id := f.caller, f.id
	f.mu.Unlock()
	answer, err := caller.Call(ctx, call.With(calls.Framework(id)))
	if answer != nil {
		answer.Close()
	}
	return err
}

// await waits until the condition, which may look at all of f, holds.
func (f *framework) await(what string, condition func() bool) (time.Duration, error) {
	began := time.Now()
	timeout := time.After(patience)
	for {
		f.mu.Lock()
		done, changed, failure := condition(), f.changed, f.failure
		f.mu.Unlock()
		switch {
		case done:
			return time.Since(began), nil
		case failure != nil:
			return 0, fmt.Errorf("waiting for %s: the master has ended the subscription: %w", what, failure)
		}
		select {
		case <-changed:
		case <-timeout:
			return 0, fmt.Errorf("waited %v for %s", patience, what)
		}
	}
}

// launch starts tasks with all that is offered, once that is enough, and returns when that was asked for.
func (f *framework) launch(tasks ...mesos.TaskInfo) (time.Time, error) {
	need := 0.0
	for _, t := range tasks {
		need += cpus(t.Resources) + cpus(t.GetExecutor().GetResources())
	}
	var offers []mesos.Offer
	enough := func() bool {
		offers = f.offers
		offered := 0.0
		for _, o := range offers {
			offered += cpus(o.Resources)
		}
		return offered >= need && len(offers) > 0
	}
	if _, err := f.await("offers", enough); err != nil {
		return time.Time{}, err
	}
	f.mu.Lock()
	f.offers = nil
	f.mu.Unlock()
	var ids []mesos.OfferID
	for _, o := range offers {
		ids = append(ids, o.ID)
	}
	for i := range tasks {
		tasks[i].AgentID = offers[0].AgentID
	}
	accept := calls.Accept(calls.OfferOperations{calls.OpLaunch(tasks...)}.WithOffers(ids...)).With(calls.RefuseSeconds(0))
	asked := time.Now()
	return asked, f.send(context.Background(), accept)
}

func cpus(resources []mesos.Resource) (n float64) {
	for _, r := range resources {
		if r.Name == "cpus" {
			n += r.Scalar.GetValue()
		}
	}
	return n
}

// kill asks for a task's end. A grace period of less than zero leaves it to the task.
func (f *framework) kill(task mesos.TaskInfo, grace time.Duration) (time.Time, error) {
	call := calls.Kill(task.TaskID.Value, "")
	if grace >= 0 {
		call.Kill.KillPolicy = &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: int64(grace)}}
	}
	asked := time.Now()
	return asked, f.send(context.Background(), call)
}

// awaitState waits for one of the states, and gives the update with it. An end that was not waited for is an error.
func (f *framework) awaitState(task mesos.TaskInfo, states ...mesos.TaskState) (found update, err error) {
	id := task.TaskID.Value
	ended := false
	_, err = f.await(fmt.Sprintf("%s of %s", states, id), func() bool {
		for _, u := range f.heard[id] {
			if slices.Contains(states, u.GetState()) {
				found = u
				return true
			}
		}
		ended = slices.ContainsFunc(f.heard[id], func(u update) bool { return terminal(u.GetState()) })
		return ended
	})
	if err == nil && found.State == nil {
		err = fmt.Errorf("want %s: %s", states, f.history(task))
	}
	return found, err
}

// awaitEnd waits for the task's last update.
func (f *framework) awaitEnd(task mesos.TaskInfo) (update, error) {
	return f.awaitState(task, mesos.TASK_FINISHED, mesos.TASK_FAILED, mesos.TASK_KILLED, mesos.TASK_LOST, mesos.TASK_ERROR, mesos.TASK_DROPPED, mesos.TASK_GONE)
}

func terminal(state mesos.TaskState) bool {
	switch state {
	case mesos.TASK_STAGING, mesos.TASK_STARTING, mesos.TASK_RUNNING, mesos.TASK_KILLING, mesos.TASK_UNREACHABLE:
		return false
	}
	return true
}

// history is all that was heard of a task, with the last message.
func (f *framework) history(task mesos.TaskInfo) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var states []string
	message := ""
	for _, u := range f.heard[task.TaskID.Value] {
		states = append(states, strings.TrimPrefix(u.GetState().String(), "TASK_"))
		if u.GetMessage() != "" {
			message = ": " + u.GetMessage()
		}
	}
	return strings.Join(states, " ") + message
}
