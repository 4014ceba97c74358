package v0

import (
	"sync"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"pgregory.net/rapid"

	"mesos-docker-containerizer/test/fakeagent"
)

// Whatever befalls the agent between a task's updates, in the end it has each of them once, in order.
func TestNoUpdateIsLostOrDoubled(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, err := fakeagent.New(fakeagent.Options{RetriesReconnect: true, Old: rapid.Bool().Draw(rt, "old"), Port: freePort(t)})
		must(t, err)
		defer a.Stop()
		f := start(t, environment(t, a))
		defer f.stop()
		f.launched(a)

		defer f.execute()()
		recorded, stopped := 0, false
		recover := func() {
			must(t, a.Start(rapid.Bool().Draw(rt, "another port")))
			must(t, a.Reconnect())
			stopped = false
		}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch step := rapid.SampledFrom([]string{"update", "update", "die", "lose", "silence", "again"}).Draw(rt, "step"); {
			case step == "update":
				recorded++
				f.outbox.add(status(recorded, mesos.TASK_RUNNING))
			case step == "die" && !stopped:
				a.Stop()
				stopped = true
			case step == "die":
				recover()
			case step == "lose" && !stopped:
				a.LoseAcknowledgements(rapid.IntRange(1, 2).Draw(rt, "lost"))
			case step == "silence" && !stopped:
				a.Silence(rapid.Bool().Draw(rt, "silent"))
			case step == "again" && !stopped:
				must(t, a.Reconnect())
			}
		}
		if stopped {
			recover()
		}
		a.Silence(false)
		must(t, a.AwaitStored(patiently(t), recorded))
		for i, s := range a.Stored() {
			if want := status(i+1, mesos.TASK_RUNNING); string(s.UUID) != string(want.UUID) {
				rt.Errorf("update %d is stored as number %d", s.UUID[15], i+1)
			}
		}
		if err := a.Violations(); err != nil {
			rt.Error(err)
		}
	})
}

// execute takes every event at once, as an executor does, until stop.
func (f *fixture) execute() (stop func()) {
	var executing sync.WaitGroup
	done := make(chan struct{})
	executing.Go(func() {
		for {
			select {
			case event := <-f.events:
				switch event.Type {
				case executor.Event_ACKNOWLEDGED:
					f.outbox.acknowledge(event.Acknowledged)
				case executor.Event_SUBSCRIBED, executor.Event_UNKNOWN: // agent.Away
				default:
					f.t.Errorf("event %v", event.Type)
				}
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		executing.Wait()
	}
}
