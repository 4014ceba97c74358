package containerizer

import "sync"

// eventQueue is how many changes an admin may be behind with. One who is further behind is told no more.
const eventQueue = 1024

// events are the changes of tasks' states and health, for its listeners. The zero value has no listener.
type events struct {
	mu        sync.Mutex
	listeners map[chan TaskReport]struct{} // guarded by mu
}

// listen returns a channel of the changes from now on. It is closed for a listener that does not keep up, and by stop.
func (e *events) listen() (changes <-chan TaskReport, stop func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.listeners == nil {
		e.listeners = map[chan TaskReport]struct{}{}
	}
	c := make(chan TaskReport, eventQueue)
	e.listeners[c] = struct{}{}
	return c, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.drop(c)
	}
}

// publish does not wait.
func (e *events) publish(r TaskReport) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.listeners {
		select {
		case c <- r:
		default:
			e.drop(c)
		}
	}
}

// drop needs e.mu.
func (e *events) drop(c chan TaskReport) {
	if _, listens := e.listeners[c]; listens {
		delete(e.listeners, c)
		close(c)
	}
}
