package v1

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mesos/mesos-go/api/v1/lib/executor"

	"mesos-docker-containerizer/test/capture"
)

// replayed answers SUBSCRIBE as a recorded agent did: the same events, each as long after its call as then. An event that
// followed a later UPDATE, such as an acknowledgement, waits for ours.
type replayed struct {
	exchange *capture.Exchange
	updated  chan struct{} // one for each UPDATE of ours
	gone     <-chan struct{}
}

func (r *replayed) stream(_ int, _ *executor.Call, s *serverStream) {
	began := time.Now()
	s.accept()
	for i := range r.exchange.Events {
		event := &r.exchange.Events[i].Event
		if event.Type == executor.Event_ACKNOWLEDGED {
			<-r.updated
		} else {
			<-time.After(r.exchange.Events[i].Time - r.exchange.Sent - time.Since(began))
		}
		s.send(event)
	}
	select {
	case <-r.gone:
	case <-s.ctx.Done():
	}
}

// The recording is of a real agent that is killed and comes back. Its events reach our executor, and our calls are those of the
// recorded executor. What the recording lacks, an agent that answers before it is ready, is put in between.
func TestRecordedAgentRestart(t *testing.T) {
	session, err := capture.AgentRestart()
	if err != nil {
		t.Fatal(err)
	}
	var subscriptions []*capture.Exchange
	var calls []executor.Call
	var agentGone, agentBack time.Duration
	for _, step := range session.Steps() {
		switch {
		case step.Kind == capture.Call:
			calls = append(calls, step.Exchange.Call)
			if step.Exchange.Call.Type == executor.Call_SUBSCRIBE {
				subscriptions = append(subscriptions, step.Exchange)
				agentBack = step.Time
			}
		case step.Kind == capture.AgentGone && agentGone == 0:
			agentGone = step.Time
		}
	}
	if len(subscriptions) != 2 || agentGone == 0 || agentBack <= agentGone {
		t.Fatalf("the recording has %d subscriptions, the agent goes at %s and is back at %s", len(subscriptions), agentGone, agentBack)
	}

	synctest.Test(t, func(t *testing.T) {
		var n network
		outbox := newOutbox()
		first := &replayed{exchange: subscriptions[0], updated: make(chan struct{}, 9)}
		a := &scripted{subscribe: first.stream, update: func(int, *executor.Call) int {
			first.updated <- struct{}{}
			return http.StatusAccepted
		}}
		stop := n.serve(a)
		f := start(t, environment(), n.dial, outbox, nil)
		f.expect(executor.Event_SUBSCRIBED)
		launch := f.expect(executor.Event_LAUNCH)
		if diff := cmp.Diff(subscriptions[0].Events[1].Event.Launch.String(), launch.Launch.String()); diff != "" {
			t.Errorf("LAUNCH (-recorded +delivered):\n%s", diff)
		}
		outbox.add(calls[1].Update.Status)
		outbox.acknowledge(f.expect(executor.Event_ACKNOWLEDGED).Acknowledged.UUID)
		<-time.After(agentGone - subscriptions[0].Sent)
		stop()

		f.quiet(agentBack - agentGone)
		stop = n.serve(http.NotFoundHandler())
		f.quiet(700 * time.Millisecond)
		stop()
		stop = n.serve(&scripted{subscribe: func(_ int, _ *executor.Call, s *serverStream) {
			s.refuse(http.StatusServiceUnavailable, "Agent has not finished recovery")
		}})
		f.quiet(700 * time.Millisecond)
		stop()
		second := &replayed{exchange: subscriptions[1], updated: first.updated}
		a.subscribe = second.stream
		defer n.serve(a)()
		recovered := time.Now()
		f.expect(executor.Event_SUBSCRIBED)
		if took := time.Since(recovered); took > time.Second {
			t.Errorf("subscribed again %s after recovery, the agent's window is 2 s", took)
		}
		f.expect(executor.Event_KILL)
		outbox.add(calls[3].Update.Status)
		outbox.acknowledge(f.expect(executor.Event_ACKNOWLEDGED).Acknowledged.UUID)
		f.expect(executor.Event_SHUTDOWN)
		f.stop()

		ours := a.received()
		if len(ours) != len(calls) {
			t.Fatalf("%d calls, recorded are %d", len(ours), len(calls))
		}
		for i := range calls {
			if ours[i].Type != calls[i].Type {
				t.Errorf("call %d is %v, recorded is %v", i, ours[i].Type, calls[i].Type)
			}
			if diff := cmp.Diff(calls[i].Update.String(), ours[i].Update.String()); diff != "" {
				t.Errorf("call %d (-recorded +sent):\n%s", i, diff)
			}
			if got := len(ours[i].GetSubscribe().GetUnacknowledgedUpdates()); got != 0 {
				t.Errorf("call %d carries %d updates, the recorded one none", i, got)
			}
		}
	})
}
