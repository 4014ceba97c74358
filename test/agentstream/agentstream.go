// Package agentstream awaits, in tests, what a connection to an agent gives an executor.
package agentstream

import (
	"testing"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/executor"

	"mesos-docker-containerizer/executor/agent"
)

// Expect receives the next event of a connection, which must be of a type. It passes over agent.Away unless that is wanted.
func Expect(t testing.TB, events <-chan *agent.Event, result <-chan error, want executor.Event_Type, patience time.Duration) *agent.Event {
	t.Helper()
	for over := time.After(patience); ; {
		select {
		case event := <-events:
			if event == agent.Away && want != agent.Away.Type {
				continue
			}
			if event.Type != want {
				t.Fatalf("event %v, want %v", event.Type, want)
			}
			return event
		case err := <-result:
			t.Fatalf("Run ended with %v, want event %v", err, want)
		case <-over:
			t.Fatalf("no event, want %v", want)
		}
	}
}

// Quiet asserts that for a time neither an event other than agent.Away comes from a connection nor Run ends.
func Quiet(t testing.TB, events <-chan *agent.Event, result <-chan error, d time.Duration) {
	t.Helper()
	for over := time.After(d); ; {
		select {
		case event := <-events:
			if event != agent.Away {
				t.Fatalf("unexpected event %v", event.Type)
			}
		case err := <-result:
			t.Fatalf("Run ended with %v", err)
		case <-over:
			return
		}
	}
}
