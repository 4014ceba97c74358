package e2e

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// window is an agent's executor_reregistration_timeout: what has not re-registered by then is killed.
const window = 2 * time.Second

// die ends the agent's process, and with it the pipe that is the executor's stdin.
func (d *dropin) die() {
	d.Stop()
	d.stdin.Close()
}

// recover brings the agent back, which asks for re-registration and has it inside its window.
func (d *dropin) recover(t *testing.T, anotherPort bool) {
	t.Helper()
	const message = "ReregisterExecutorMessage"
	before := 0
	for _, name := range d.Received() {
		if name == message {
			before++
		}
	}
	began := time.Now()
	if err := d.Start(anotherPort); err != nil {
		t.Fatal(err)
	}
	if err := d.Reconnect(); err != nil {
		t.Fatal(err)
	}
	if err := d.AwaitReceived(patiently(t), message, before+1); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > window {
		t.Errorf("re-registration took %v, the agent's window is %v", took, window)
	}
}

// eachPort runs a test for agents that come back where they were and elsewhere.
func eachPort(t *testing.T, test func(t *testing.T, anotherPort bool)) {
	for _, anotherPort := range []bool{false, true} {
		t.Run(fmt.Sprintf("another port %v", anotherPort), func(t *testing.T) {
			t.Parallel()
			test(t, anotherPort)
		})
	}
}

const (
	restarts = 3    // how often the agent dies in a test
	all      = 1000 // acknowledgements
)

// Restarts of the agent with updates that it has stored and not acknowledged: the executor sends each again with every restart, the
// task goes on, and what the agent has in the end is each update once, in order.
func TestDropInUnacknowledged(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lose  int                       // from the first update on
		until func(*testing.T, *dropin) // brings the task to where the agent dies
		then  func(*testing.T, *dropin) // and to its end
		owed  int                       // updates that the executor owes the agent meanwhile
		want  string
	}{
		"STARTING": {
			lose:  all,
			until: func(t *testing.T, d *dropin) { d.await(t, mesos.TASK_STARTING) },
			then:  func(t *testing.T, d *dropin) { d.await(t, mesos.TASK_RUNNING); d.kill(t, 0) },
			owed:  1, want: "STARTING RUNNING KILLING KILLED",
		},
		"STARTING and RUNNING": {
			lose:  all,
			until: func(t *testing.T, d *dropin) { d.await(t, mesos.TASK_RUNNING) },
			then:  func(t *testing.T, d *dropin) { d.kill(t, 0) },
			owed:  2, want: "STARTING RUNNING KILLING KILLED",
		},
		"KILLING": {
			until: func(t *testing.T, d *dropin) {
				d.await(t, mesos.TASK_RUNNING)
				d.awaitOutput(t, "holding")
				d.LoseAcknowledgements(all)
				d.kill(t, time.Hour)
				d.await(t, mesos.TASK_KILLING)
			},
			then: func(t *testing.T, d *dropin) { d.kill(t, 0) },
			owed: 1, want: "STARTING RUNNING KILLING KILLED",
		},
		"the end": {
			until: func(t *testing.T, d *dropin) {
				d.await(t, mesos.TASK_RUNNING)
				d.LoseAcknowledgements(all)
				if err := d.h.docker.ContainerKill(t.Context(), d.container, "KILL"); err != nil {
					t.Fatal(err)
				}
				d.await(t, mesos.TASK_FAILED)
			},
			then: func(*testing.T, *dropin) {},
			owed: 1, want: "STARTING RUNNING FAILED",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachPort(t, func(t *testing.T, anotherPort bool) {
				h := newHost(t)
				d := h.dropIn(t, probe(t, "hold", "-term", "ignore"), func(o *dropInOptions) { o.lose = test.lose })
				test.until(t, d)
				for n := range restarts {
					d.die()
					if n == restarts-1 {
						d.LoseAcknowledgements(0)
					}
					d.recover(t, anotherPort)
				}
				test.then(t, d)
				d.end(t, test.want)
				if got := d.Repeated(); got < restarts*test.owed {
					t.Errorf("%d updates came again, the executor owed %d each time", got, test.owed)
				}
			})
		})
	}
}

// A restarted agent finds its task as it was, and what happened meanwhile is told.
func agentRecovery(t *testing.T) {
	eachPort(t, func(t *testing.T, anotherPort bool) {
		h := newHost(t)
		d := h.dropIn(t, probe(t, "hold"))
		d.await(t, mesos.TASK_RUNNING)
		d.awaitOutput(t, "holding\n") // from here on it takes signals: the kernel drops those that a first process does not handle
		before := d.inspect(t)
		for range restarts {
			d.die()
			d.recover(t, anotherPort)
		}
		if after := d.inspect(t); after.ID != before.ID || after.State.StartedAt != before.State.StartedAt || after.RestartCount != 0 {
			t.Errorf("the container is %s, started at %s; it was %s, %s", after.ID, after.State.StartedAt, before.ID, before.State.StartedAt)
		}
		d.die() // and the task ends while nobody is there, by itself as far as the Engine knows
		if err := syscall.Kill(before.State.Pid, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		d.awaitStopped(t)
		d.recover(t, anotherPort)
		d.await(t, mesos.TASK_FINISHED)
		d.end(t, "STARTING RUNNING FINISHED")
	})
}

// An agent that dies for good leaves nothing of a framework that does not checkpoint, and after the recovery timeout nothing at
// all.
func TestDropInAgentGone(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*dropInOptions){
		"without checkpoint":       func(o *dropInOptions) { o.forgets = true },
		"for the recovery timeout": func(*dropInOptions) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			info := probe(t, "hold")
			info.Command.Environment = variables("MESOS_RECOVERY_TIMEOUT=1secs")
			d := h.dropIn(t, info, change)
			d.await(t, mesos.TASK_RUNNING)
			d.awaitOutput(t, "holding")
			d.die()
			d.awaitExit(t)
			d.awaitStopped(t)
			d.awaitOutput(t, "received terminated") // it was asked, not killed
		})
	}
}
