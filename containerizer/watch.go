package containerizer

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
)

// Waits between two attempts to open the event stream.
const (
	reopenMin = 100 * time.Millisecond
	reopenMax = 3 * time.Second
)

// listenInterval is the time between two looks whether an Engine listens again. One that is stopped soon after its start has to be heard
// before, or the signals that it ends containers with are taken for nobody's.
const listenInterval = 100 * time.Millisecond

// maxMissed bounds the events that are kept of one container.
const maxMissed = 8

// appendLatest keeps the last maxMissed events, among which are those of a container's end.
func appendLatest(kept []engine.Event, next engine.Event) []engine.Event {
	kept = append(kept, next)
	return kept[max(0, len(kept)-maxMissed):]
}

// watch is the one stream of Engine events. An event wakes the session of its container, which then inspects; it carries no
// meaning itself, because the Engine drops events under load. After every gap in the stream all sessions are woken. What happens
// to a container that no session has asked for, and every opening of the stream, is reason for a scan.
type watch struct {
	engine *engine.Client
	label  string
	logger *zap.Logger
	late   *container.LateRemovals

	scans  chan struct{} // buffered: the Engine should be asked which containers there are
	opened chan struct{} // closed when the stream was opened for the first time

	mu      sync.Mutex
	wakes   map[string]func(engine.Event) // by container name; guarded by mu
	trouble error                         // why the Engine is away, nil while the stream is open; guarded by mu
	losses  []time.Time                   // when the Engine went away; guarded by mu
	returns []time.Time                   // when it came back, after each of losses but perhaps the last; guarded by mu
	opens   int                           // how often the stream was opened; guarded by mu
	missed  map[string][]engine.Event     // kills and ends of containers without a wake, by name; guarded by mu
}

func newWatch(e *engine.Client, instance string, late *container.LateRemovals, logger *zap.Logger) *watch {
	return &watch{
		engine: e, label: engine.InstanceLabel(instance), logger: logger, late: late,
		scans: make(chan struct{}, 1), opened: make(chan struct{}), wakes: map[string]func(engine.Event){}, missed: map[string][]engine.Event{},
	}
}

// subscribe has wake called for each event of the named container, and with none after a gap, until the returned function is called.
// Kills and the end that came before are told at once. wake must not block.
func (w *watch) subscribe(name string, wake func(engine.Event)) (cancel func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wakes[name] = wake
	for _, event := range w.missed[name] {
		wake(event)
	}
	delete(w.missed, name)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.wakes, name)
	}
}

// away says why the Engine cannot be reached, nil if it can.
func (w *watch) away() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.trouble
}

// countOpen notes that the Engine may be another one from now on.
func (w *watch) countOpen() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.opens++; w.opens == 1 {
		close(w.opened)
	}
}

// generation changes whenever the Engine may have been replaced by another.
func (w *watch) generation() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.opens
}

// lost counts how often the Engine went away, which it does with each restart.
func (w *watch) lost() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.losses)
}

// lostAt is when the Engine went away for the n-th time, from 0; zero if it has not.
func (w *watch) lostAt(n int) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n < 0 || n >= len(w.losses) {
		return time.Time{}
	}
	return w.losses[n]
}

// engineStop is how long before its own end an Engine may begin to stop its containers.
const engineStop = 30 * time.Second

// lostAround reports whether the Engine was away at a time, or went away soon after.
func (w *watch) lostAround(at time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, lost := range w.losses {
		if at.After(lost.Add(-engineStop)) && (i >= len(w.returns) || at.Before(w.returns[i])) {
			return true
		}
	}
	return false
}

// run keeps the stream open until ctx ends. It begins with what the Engine remembers, some hundred events, and goes on after a gap with
// the last event seen: they tell of kills while nobody listened.
func (w *watch) run(ctx context.Context) {
	wait := reopenMin
	since := time.Unix(1, 0)
	for ctx.Err() == nil {
		stream, err := w.engine.Events(ctx, eventsSince(since, time.Now()), w.label)
		if err == nil {
			wait = reopenMin
			w.setTrouble(nil)
			w.countOpen()
			w.wakeAll()
			w.askForScan()
			err = w.follow(stream, &since)
		}
		if ctx.Err() != nil {
			return
		}
		w.setTrouble(err)
		w.wakeAll()
		w.pause(ctx, wait)
		wait = min(2*wait, reopenMax)
	}
}

// pause waits before the stream is opened again, until the time is over or an Engine listens where none did.
func (w *watch) pause(ctx context.Context, wait time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	ticker := time.NewTicker(listenInterval)
	defer ticker.Stop()
	for listened := w.engine.Listens(ctx); ; {
		select {
		case <-ticker.C:
			now := w.engine.Listens(ctx)
			if now && !listened {
				return
			}
			listened = now
		case <-ctx.Done():
			return
		}
	}
}

// eventsSince is from when on events are asked for, after the last one that was seen: all that the Engine remembers if the clock was set back
// since then. One that is told again changes nothing.
func eventsSince(last, now time.Time) time.Time {
	if last.After(now) {
		return time.Unix(1, 0)
	}
	return last
}

func (w *watch) follow(stream *engine.EventStream, last *time.Time) error {
	defer stream.Close()
	for event := range stream.Events() {
		*last = event.Time
		wake := w.wakeFor(event)
		switch {
		case wake != nil:
			wake(event)
		case event.Action != "destroy" && event.Action != "kill":
			w.askForScan()
		}
		if w.late.Has(event.Name) {
			w.late.Look()
		}
	}
	return stream.Err()
}

// wakeFor is who wants to know of an event, nil for nobody. Then what may matter to a session that is yet to attach is kept.
func (w *watch) wakeFor(event engine.Event) func(engine.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	wake := w.wakes[event.Name]
	switch event.Action {
	case "kill", "die":
		if wake == nil {
			w.missed[event.Name] = appendLatest(w.missed[event.Name], event)
		}
	default: // it is another container, or there is none any more
		delete(w.missed, event.Name)
	}
	return wake
}

func (w *watch) askForScan() {
	select {
	case w.scans <- struct{}{}:
	default:
	}
}

func (w *watch) wakeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, wake := range w.wakes {
		wake(engine.Event{})
	}
	w.late.Look()
}

// setTrouble logs each change once.
func (w *watch) setTrouble(err error) {
	w.mu.Lock()
	was := w.trouble
	w.trouble = err
	switch {
	case was == nil && err != nil:
		w.losses = append(w.losses, time.Now())
	case was != nil && err == nil:
		w.returns = append(w.returns, time.Now())
	}
	w.mu.Unlock()
	switch {
	case was == nil && err != nil:
		w.logger.Warn("the Docker Engine does not answer; waiting for it", zap.Error(err))
	case was != nil && err == nil:
		w.logger.Info("the Docker Engine answers")
	}
}
