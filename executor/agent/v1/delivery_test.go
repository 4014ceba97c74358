package v1

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"pgregory.net/rapid"

	"mesos-docker-containerizer/executor/agent"
)

// delivered lists the updates a scripted agent was sent, as "SUBSCRIBE[...]" and "UPDATE ...", by the last byte of their UUIDs.
func delivered(a *scripted) []string {
	var list []string
	digit := func(s mesos.TaskStatus) string { return string(s.UUID[len(s.UUID)-1:]) }
	for _, call := range a.received() {
		switch call.Type {
		case executor.Call_SUBSCRIBE:
			var carried []string
			for _, u := range call.Subscribe.UnacknowledgedUpdates {
				carried = append(carried, digit(u.Status))
			}
			list = append(list, "SUBSCRIBE["+strings.Join(carried, " ")+"]")
		case executor.Call_UPDATE:
			list = append(list, "UPDATE "+digit(call.Update.Status))
		}
	}
	return list
}

func assertDelivered(t *testing.T, a *scripted, want ...string) {
	t.Helper()
	if got := delivered(a); strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("the agent got %q, want %q", got, want)
	}
}

func TestUpdatesFollowTheSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		outbox := newOutbox()
		outbox.add(status(1, mesos.TASK_STARTING))
		confirm := make(chan struct{})
		a := &scripted{subscribe: func(_ int, _ *executor.Call, s *serverStream) {
			s.accept()
			<-confirm
			s.subscribed()
			s.hold()
		}}
		defer n.serve(a)()
		f := start(t, environment(), n.dial, outbox, nil)
		synctest.Wait()
		outbox.add(status(2, mesos.TASK_RUNNING))
		synctest.Wait()
		assertDelivered(t, a, "SUBSCRIBE[1]") // nothing before SUBSCRIBED
		close(confirm)
		f.expect(executor.Event_SUBSCRIBED)
		synctest.Wait()
		assertDelivered(t, a, "SUBSCRIBE[1]", "UPDATE 2") // and nothing twice
		outbox.add(status(3, mesos.TASK_FINISHED))
		synctest.Wait()
		assertDelivered(t, a, "SUBSCRIBE[1]", "UPDATE 2", "UPDATE 3")
		f.stop()
	})
}

func TestUpdatesAreSentOneAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		var running, most atomic.Int32
		a := &scripted{subscribe: alwaysSubscribed, update: func(int, *executor.Call) int {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			<-time.After(time.Second)
			return http.StatusAccepted
		}}
		defer n.serve(a)()
		outbox := newOutbox()
		f := start(t, environment(), n.dial, outbox, nil)
		f.expect(executor.Event_SUBSCRIBED)
		for i := range 5 {
			outbox.add(status(i, mesos.TASK_RUNNING))
		}
		f.quiet(time.Minute)
		assertDelivered(t, a, "SUBSCRIBE[]", "UPDATE 0", "UPDATE 1", "UPDATE 2", "UPDATE 3", "UPDATE 4")
		if most.Load() != 1 {
			t.Errorf("%d updates at once", most.Load())
		}
		// The second connection serves them all; it is given up when nothing is to be said.
		if dials := len(n.attempts()); dials != 2 {
			t.Errorf("%d connections, want 2", dials)
		}
		f.stop()
	})
}

func TestUpdateRefusedAsUnsubscribedSubscribesAgain(t *testing.T) {
	for _, code := range []int{http.StatusForbidden, http.StatusUnauthorized} {
		synctest.Test(t, func(t *testing.T) {
			var n network
			a := &scripted{subscribe: alwaysSubscribed, update: func(i int, _ *executor.Call) int {
				if i == 1 {
					return code
				}
				return http.StatusAccepted
			}}
			defer n.serve(a)()
			outbox := newOutbox()
			f := start(t, environment(), n.dial, outbox, nil)
			f.expect(executor.Event_SUBSCRIBED)
			outbox.add(status(1, mesos.TASK_RUNNING))
			f.expect(executor.Event_SUBSCRIBED)
			outbox.add(status(2, mesos.TASK_FINISHED))
			synctest.Wait()
			assertDelivered(t, a, "SUBSCRIBE[]", "UPDATE 1", "SUBSCRIBE[1]", "UPDATE 2")
			f.stop()
		})
	}
}

func TestInvalidUpdateIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		core, logs := observer.New(zap.ErrorLevel)
		a := &scripted{subscribe: alwaysSubscribed, update: func(i int, _ *executor.Call) int {
			if i == 1 {
				return http.StatusBadRequest
			}
			return http.StatusAccepted
		}}
		stop := n.serve(a)
		outbox := newOutbox()
		f := start(t, environment(), n.dial, outbox, zap.New(core))
		f.expect(executor.Event_SUBSCRIBED)
		outbox.add(status(1, mesos.TASK_RUNNING))
		outbox.add(status(2, mesos.TASK_FINISHED))
		f.quiet(time.Minute)
		assertDelivered(t, a, "SUBSCRIBE[]", "UPDATE 1", "UPDATE 2")
		entries := logs.All()
		if len(entries) != 1 {
			t.Fatalf("%d errors logged, want 1", len(entries))
		}
		fields := entries[0].ContextMap()
		if fields["task"] != "task" || !strings.Contains(fields["error"].(string), "as the test wants it") {
			t.Errorf("logged %v, want the task and the agent's text", fields)
		}
		// It stays owed.
		stop()
		defer n.serve(a)()
		f.expect(executor.Event_SUBSCRIBED)
		calls := delivered(a)
		if last := calls[len(calls)-1]; last != "SUBSCRIBE[1 2]" {
			t.Errorf("the next subscription is %s", last)
		}
		f.stop()
	})
}

// While an agent recovers it takes a subscription before it takes updates.
func TestUpdateIsTriedAgainWhileTheAgentRecovers(t *testing.T) {
	for _, code := range []int{http.StatusServiceUnavailable, http.StatusNotFound, http.StatusInternalServerError} {
		synctest.Test(t, func(t *testing.T) {
			var n network
			a := &scripted{subscribe: alwaysSubscribed, update: func(i int, _ *executor.Call) int {
				if i < 4 {
					return code
				}
				return http.StatusAccepted
			}}
			defer n.serve(a)()
			outbox := newOutbox()
			f := start(t, environment(), n.dial, outbox, nil)
			f.expect(executor.Event_SUBSCRIBED)
			outbox.add(status(1, mesos.TASK_RUNNING))
			outbox.add(status(2, mesos.TASK_FINISHED))
			f.quiet(time.Minute)
			assertDelivered(t, a, "SUBSCRIBE[]", "UPDATE 1", "UPDATE 1", "UPDATE 1", "UPDATE 1", "UPDATE 2")
			f.stop()
		})
	}
}

func TestUpdateThatNeverSucceedsSubscribesAgain(t *testing.T) {
	ways := map[string]func(*executor.Call) int{
		"unavailable": func(*executor.Call) int { return http.StatusServiceUnavailable },
		"hung":        func(*executor.Call) int { <-time.After(time.Hour); return http.StatusAccepted },
		"broken":      func(*executor.Call) int { panic(http.ErrAbortHandler) },
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n network
				a := &scripted{subscribe: alwaysSubscribed, update: func(_ int, call *executor.Call) int { return way(call) }}
				stop := n.serve(a)
				outbox := newOutbox()
				f := start(t, environment(), n.dial, outbox, nil)
				f.expect(executor.Event_SUBSCRIBED)
				before := time.Now()
				outbox.add(status(1, mesos.TASK_RUNNING))
				f.expect(executor.Event_SUBSCRIBED)
				if took, most := time.Since(before), updateTries*(updateTimeout+slowestRetry); took > most {
					t.Errorf("subscribed again after %s, want within %s", took, most)
				}
				calls := delivered(a)
				if got := len(calls); got != 2+updateTries || calls[got-1] != "SUBSCRIBE[1]" {
					t.Errorf("the agent got %q, want %d tries and SUBSCRIBE[1]", calls, updateTries)
				}
				f.stop()
				stop()
				<-time.After(2 * time.Hour) // the hung handlers
			})
		})
	}
}

func TestCallsDoNotOutliveRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		inUpdate := make(chan struct{})
		a := &scripted{subscribe: alwaysSubscribed, update: func(int, *executor.Call) int {
			close(inUpdate)
			<-time.After(time.Second)
			return http.StatusAccepted
		}}
		defer n.serve(a)()
		outbox := newOutbox()
		f := start(t, environment(), n.dial, outbox, nil)
		f.expect(executor.Event_SUBSCRIBED)
		outbox.add(status(1, mesos.TASK_RUNNING))
		<-inUpdate
		before := time.Now()
		f.stop()
		if took := time.Since(before); took != 0 {
			t.Errorf("Run needed %s to end", took)
		}
		<-time.After(time.Minute) // the handler
	})
}

// Whatever the agent does, each update reaches it, a later one never before an earlier one, until all are acknowledged.
func TestNothingIsLostOrReordered(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		script := rapid.SliceOfN(rapid.SampledFrom([]string{"ok", "ok", "503", "403", "abort", "end the stream"}), 1, 30).Draw(rt, "script")
		total := rapid.IntRange(1, 9).Draw(rt, "updates")
		synctest.Test(t, func(t *testing.T) {
			outbox := newOutbox()
			seen := map[string]bool{}
			var order []string // as the agent first saw them
			next := 0
			end := make(chan struct{}, 1)
			acks := make(chan mesos.TaskStatus, 1000)
			take := func(s mesos.TaskStatus) {
				if id := string(s.UUID); !seen[id] {
					seen[id] = true
					order = append(order, id)
				}
				acks <- s
			}
			a := &scripted{}
			a.subscribe = func(_ int, call *executor.Call, s *serverStream) {
				for len(end) > 0 {
					<-end
				}
				for _, u := range call.Subscribe.UnacknowledgedUpdates {
					take(u.Status)
				}
				s.subscribed()
				for {
					select {
					case u := <-acks:
						s.send(acknowledgedEvent(u))
					case <-end:
						return
					case <-s.ctx.Done():
						return
					}
				}
			}
			a.update = func(_ int, call *executor.Call) int {
				answer := "ok"
				if next < len(script) {
					answer = script[next]
					next++
				}
				switch answer {
				case "503":
					return http.StatusServiceUnavailable
				case "403":
					return http.StatusForbidden
				case "abort":
					panic(http.ErrAbortHandler)
				case "end the stream":
					end <- struct{}{}
				}
				take(call.Update.Status)
				return http.StatusAccepted
			}
			var n network
			stop := n.serve(a)
			f := start(t, environment(), n.dial, outbox, nil)
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					select {
					case e := <-f.events:
						if e.Type == executor.Event_ACKNOWLEDGED {
							outbox.acknowledge(e.Acknowledged.UUID)
						}
					case <-ctx.Done():
						return
					}
				}
			}()
			for i := range total {
				outbox.add(status(i, mesos.TASK_RUNNING))
				<-time.After(300 * time.Millisecond)
			}
			<-time.After(2 * time.Minute)
			f.stop()
			cancel()
			<-done
			stop()
			if len(order) != total {
				rt.Errorf("the agent saw %d of %d updates", len(order), total)
			}
			for i, id := range order {
				if id != string(status(i, mesos.TASK_RUNNING).UUID) {
					rt.Errorf("update %q came as number %d", id, i)
				}
			}
			if _, owed, _ := outbox.Unacknowledged(); len(owed) > 0 {
				rt.Errorf("%d updates still owed", len(owed))
			}
		})
	})
}

var _ agent.Outbox = (*outbox)(nil)
