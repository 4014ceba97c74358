package v1

import (
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"mesos-docker-containerizer/executor/agent"
)

// alwaysSubscribed accepts every SUBSCRIBE and says nothing more.
func alwaysSubscribed(_ int, _ *executor.Call, s *serverStream) {
	s.subscribed()
	s.hold()
}

func TestEventsArriveInOrderAndUnknownOnesDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		defer n.serve(&scripted{subscribe: func(_ int, _ *executor.Call, s *serverStream) {
			s.subscribed(
				&agent.Event{Type: executor.Event_HEARTBEAT},
				launchEvent(nil),
				&agent.Event{Type: 4711},
				&agent.Event{Type: executor.Event_UNKNOWN},
				killEvent(),
				&agent.Event{Type: executor.Event_ERROR, Error: &executor.Event_Error{Message: "as it is"}},
				&agent.Event{Type: executor.Event_SHUTDOWN},
			)
			s.hold()
		}})()
		f := start(t, environment(), n.dial, newOutbox(), nil)
		f.expect(executor.Event_SUBSCRIBED)
		f.expect(executor.Event_LAUNCH)
		f.expect(executor.Event_KILL)
		if e := f.expect(executor.Event_ERROR); e.Error.Message != "as it is" {
			t.Errorf("ERROR says %q", e.Error.Message)
		}
		f.expect(executor.Event_SHUTDOWN)
		f.quiet(time.Hour)
		f.stop()
	})
}

func TestFirstSubscriptionWaitsForAnAgentThatStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		core, logs := observer.New(zap.DebugLevel)
		f := start(t, environment(), n.dial, newOutbox(), zap.New(core))
		f.quiet(10 * time.Second)
		answers := []int{http.StatusNotFound, http.StatusServiceUnavailable, http.StatusInternalServerError}
		defer n.serve(&scripted{subscribe: func(i int, call *executor.Call, s *serverStream) {
			if i <= len(answers) {
				s.refuse(answers[i-1], "not yet")
				return
			}
			alwaysSubscribed(i, call, s)
		}})()
		f.expect(executor.Event_SUBSCRIBED)
		if warned := logs.FilterLevelExact(zap.WarnLevel).Len(); warned != 1 {
			t.Errorf("%d warnings while the agent started, want 1", warned)
		}
		f.stop()
	})
}

// The agent's window is 2 s after it has recovered (contract 5.1).
func TestRetriesAreRandomAndNeverSlowerThanHalfASecond(t *testing.T) {
	for name, limit := range map[string]time.Duration{"default": 2 * time.Second, "largest": 15 * time.Second, "small": 100 * time.Millisecond, "zero": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n network
				env := environment()
				env.SubscriptionBackoffMax = limit
				f := start(t, env, n.dial, newOutbox(), nil)
				f.quiet(time.Minute)
				f.stop()
				bound := min(max(limit, quickestRetry), 500*time.Millisecond)
				at := n.attempts()
				var pauses, equal int
				for i := 1; i < len(at); i++ {
					pause := at[i].Sub(at[i-1])
					if pause > bound {
						t.Fatalf("a pause of %s, the bound is %s", pause, bound)
					}
					if i > 1 && pause == at[i-1].Sub(at[i-2]) {
						equal++
					}
					pauses++
				}
				if least := int(time.Minute / bound); pauses < least || pauses > 6*least {
					t.Errorf("%d tries in a minute, want about %d", pauses, 2*least)
				}
				if equal > pauses/10 {
					t.Errorf("%d of %d pauses equal the one before: they are not random", equal, pauses)
				}
			})
		})
	}
}

func TestDisconnectSubscribesAgainWithWhatIsUnacknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		a := &scripted{subscribe: alwaysSubscribed}
		stop := n.serve(a)
		outbox := newOutbox()
		outbox.tasks = []mesos.TaskInfo{{Name: "app", TaskID: mesos.TaskID{Value: "task"}}}
		f := start(t, environment(), n.dial, outbox, nil)
		f.expect(executor.Event_SUBSCRIBED)
		outbox.add(status(1, mesos.TASK_STARTING))
		synctest.Wait()
		stop()
		outbox.add(status(2, mesos.TASK_RUNNING))
		f.quiet(20 * time.Second)
		defer n.serve(a)()
		f.expect(executor.Event_SUBSCRIBED)
		f.stop()
		calls := a.received()
		last := calls[len(calls)-1]
		if last.Type != executor.Call_SUBSCRIBE {
			t.Fatalf("last call is %v, want SUBSCRIBE", last.Type)
		}
		if got := last.Subscribe.UnacknowledgedUpdates; len(got) != 2 || *got[0].Status.State != mesos.TASK_STARTING || *got[1].Status.State != mesos.TASK_RUNNING {
			t.Errorf("SUBSCRIBE carries %v", got)
		}
		if got := last.Subscribe.UnacknowledgedTasks; len(got) != 1 || got[0].TaskID.Value != "task" {
			t.Errorf("SUBSCRIBE carries the tasks %v", got)
		}
		for _, call := range calls {
			if call.FrameworkID.Value != "framework" || call.ExecutorID.Value != "executor" {
				t.Errorf("%v is from %v of %v", call.Type, call.ExecutorID, call.FrameworkID)
			}
		}
	})
}

func TestWithoutCheckpointADisconnectShutsDownAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		stop := n.serve(&scripted{subscribe: alwaysSubscribed})
		env := environment()
		env.Checkpoint = false
		f := start(t, env, n.dial, newOutbox(), nil)
		f.expect(executor.Event_SUBSCRIBED)
		before := time.Now()
		stop()
		f.expect(executor.Event_SHUTDOWN)
		if took := time.Since(before); took != 0 {
			t.Errorf("SHUTDOWN after %s, want at once", took)
		}
		tries := len(n.attempts())
		f.quiet(time.Hour) // one only
		if len(n.attempts()) < tries+3600 {
			t.Error("no more attempts after SHUTDOWN: a terminal update could not be delivered")
		}
		f.stop()
	})
}

func TestWithCheckpointShutdownComesAfterTheRecoveryTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		a := &scripted{subscribe: alwaysSubscribed}
		stop := n.serve(a)
		outbox := newOutbox()
		f := start(t, environment(), n.dial, outbox, nil)
		f.expect(executor.Event_SUBSCRIBED)
		before := time.Now()
		stop()
		f.expect(agent.Away.Type)
		f.expect(executor.Event_SHUTDOWN)
		if took := time.Since(before); took != 15*time.Minute {
			t.Errorf("SHUTDOWN after %s, want exactly the recovery timeout", took)
		}
		f.quiet(time.Hour)
		// The agent comes back after all: it gets the terminal update, and its next end tells the executor nothing new.
		outbox.add(status(1, mesos.TASK_KILLED))
		stop = n.serve(a)
		f.expect(executor.Event_SUBSCRIBED)
		calls := a.received()
		if updates := calls[len(calls)-1].Subscribe.UnacknowledgedUpdates; len(updates) != 1 {
			t.Errorf("SUBSCRIBE carries %d updates, want the terminal one", len(updates))
		}
		stop()
		f.quiet(time.Hour)
		f.stop()
	})
}

func TestRecoveryTimeoutStartsAnewWithEveryDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		a := &scripted{subscribe: alwaysSubscribed}
		stop := n.serve(a)
		f := start(t, environment(), n.dial, newOutbox(), nil)
		f.expect(executor.Event_SUBSCRIBED)
		for range 3 {
			stop()
			f.quiet(14 * time.Minute)
			stop = n.serve(a)
			f.expect(executor.Event_SUBSCRIBED)
			f.quiet(time.Hour)
		}
		stop()
		f.quiet(14 * time.Minute)
		f.expect(executor.Event_SHUTDOWN)
		f.stop()
	})
}

func TestNeverSubscribedShutsDownAfterTheRecoveryTimeout(t *testing.T) {
	for name, checkpoint := range map[string]bool{"checkpoint": true, "no checkpoint": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n network
				env := environment()
				env.Checkpoint = checkpoint
				f := start(t, env, n.dial, newOutbox(), nil)
				before := time.Now()
				f.expect(executor.Event_SHUTDOWN)
				if took := time.Since(before); took != env.RecoveryTimeout {
					t.Errorf("SHUTDOWN after %s", took)
				}
				f.stop()
			})
		})
	}
}

func TestAfterTheAgentsShutdownThereIsNoneOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		stop := n.serve(&scripted{subscribe: func(_ int, _ *executor.Call, s *serverStream) {
			s.subscribed(&agent.Event{Type: executor.Event_SHUTDOWN})
			s.hold()
		}})
		f := start(t, environment(), n.dial, newOutbox(), nil)
		f.expect(executor.Event_SUBSCRIBED)
		f.expect(executor.Event_SHUTDOWN)
		stop()
		f.quiet(time.Hour)
		f.stop()
	})
}

// A stopped agent takes connections through the kernel's backlog and answers nothing.
func TestHungAgentIsNoticed(t *testing.T) {
	hangs := map[string]func(s *serverStream){
		"before the answer": func(s *serverStream) { s.hold() },
		"before the event":  func(s *serverStream) { s.accept(); s.hold() },
		"within the event":  func(s *serverStream) { s.accept(); _, _ = io.WriteString(s.w, "10\nabc"); s.flush(); s.hold() },
	}
	for name, hang := range hangs {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n network
				a := &scripted{subscribe: func(i int, call *executor.Call, s *serverStream) {
					if i < 3 {
						hang(s)
						return
					}
					alwaysSubscribed(i, call, s)
				}}
				defer n.serve(a)()
				before := time.Now()
				f := start(t, environment(), n.dial, newOutbox(), nil)
				f.expect(executor.Event_SUBSCRIBED)
				if took := time.Since(before); took < 2*subscribeTimeout || took > 2*(subscribeTimeout+slowestRetry) {
					t.Errorf("subscribed after %s, want two attempts of %s before it", took, subscribeTimeout)
				}
				f.quiet(24 * time.Hour) // the deadline is that of the attempt, not of the stream
				f.stop()
			})
		})
	}
}

func TestDialThatHangsIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network{pending: make(chan net.Conn)} // nobody accepts
		f := start(t, environment(), n.dial, newOutbox(), nil)
		f.quiet(time.Minute)
		f.stop()
		if tries := len(n.attempts()); tries < 10 || tries > 13 {
			t.Errorf("%d tries in a minute, want one each %s", tries, subscribeTimeout)
		}
	})
}

func TestPermanentRefusalOfSubscribeEndsRun(t *testing.T) {
	for code, words := range map[int][]string{
		400: {"400 Bad Request", "Executor cannot be found", "MESOS_EXECUTOR_ID"},
		401: {"401 Unauthorized", "MESOS_EXECUTOR_AUTHENTICATION_TOKEN"},
		403: {"403 Forbidden", "token"},
		405: {"405", "MESOS_AGENT_ENDPOINT"},
		406: {"406"}, 409: {"409"}, 410: {"410"}, 415: {"415"}, 429: {"429"},
		307: {"307", "MESOS_AGENT_ENDPOINT"},
		202: {"without an event stream"},
	} {
		t.Run(http.StatusText(code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n network
				a := &scripted{subscribe: func(_ int, _ *executor.Call, s *serverStream) {
					s.w.Header().Set("Location", "http://192.0.2.9/")
					s.refuse(code, "Executor cannot be found")
				}}
				defer n.serve(a)()
				f := start(t, environment(), n.dial, newOutbox(), nil)
				f.fails(append(words, "SUBSCRIBE")...)
				if calls := len(a.received()); calls != 1 {
					t.Errorf("%d calls, want 1", calls)
				}
			})
		})
	}
}

func TestRefusalAfterAnAgentRestartEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		stop := n.serve(&scripted{subscribe: alwaysSubscribed})
		f := start(t, environment(), n.dial, newOutbox(), nil)
		f.expect(executor.Event_SUBSCRIBED)
		stop()
		defer n.serve(&scripted{subscribe: func(_ int, _ *executor.Call, s *serverStream) {
			s.refuse(http.StatusBadRequest, "Framework cannot be found")
		}})()
		f.fails("Framework cannot be found")
	})
}

func TestSomethingElseThanAnAgentEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		defer n.serve(&scripted{subscribe: func(_ int, _ *executor.Call, s *serverStream) {
			_, _ = io.WriteString(s.w, "<html>")
		}})()
		start(t, environment(), n.dial, newOutbox(), nil).fails("text/html", "MESOS_AGENT_ENDPOINT")
	})
}

// A stream that cannot be understood is given up: subscribing again makes the agent compare notes. It is no busy loop.
func TestBrokenStreamSubscribesAgain(t *testing.T) {
	broken := map[string]string{
		"no length":           "SUBSCRIBED\n",
		"truncated":           "100\nabc",
		"no protobuf":         "3\n\xff\xff\xff",
		"kill without task":   "2\n\x08\x03",
		"launch without task": "2\n\x08\x02",
	}
	for name, bytes := range broken {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n network
				var subscriptions atomic.Int32
				defer n.serve(&scripted{subscribe: func(_ int, _ *executor.Call, s *serverStream) {
					subscriptions.Add(1)
					s.subscribed()
					_, _ = io.WriteString(s.w, bytes)
				}})()
				f := start(t, environment(), n.dial, newOutbox(), nil)
				for end := time.After(time.Minute); ; {
					select {
					case event := <-f.events:
						if event.Type != executor.Event_SUBSCRIBED && event != agent.Away {
							t.Fatalf("event %v out of a broken stream", event.Type)
						}
						continue
					case err := <-f.result:
						t.Fatalf("Run ended with %v", err)
					case <-end:
					}
					break
				}
				f.stop()
				if got := subscriptions.Load(); got < 120 || got > 600 {
					t.Errorf("%d subscriptions in a minute, want about 240", got)
				}
			})
		})
	}
}

// What has been read reaches the executor, however late it looks.
func TestEventsOfASlowExecutorAreNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		outbox := newOutbox()
		outbox.add(status(1, mesos.TASK_RUNNING))
		a := &scripted{
			subscribe: func(i int, _ *executor.Call, s *serverStream) {
				s.subscribed()
				if i == 1 {
					s.send(killEvent())
				}
				s.hold()
			},
			update: func(int, *executor.Call) int { return http.StatusForbidden },
		}
		defer n.serve(a)()
		f := start(t, environment(), n.dial, outbox, nil)
		f.expect(executor.Event_SUBSCRIBED)
		synctest.Wait()                            // KILL has been read
		outbox.add(status(2, mesos.TASK_FINISHED)) // whose refusal ends the subscription
		<-time.After(time.Minute)
		f.expect(executor.Event_KILL)
		f.expect(executor.Event_SUBSCRIBED)
		f.stop()
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	states := map[string]func(n *network) (stop func()){
		"subscribed": func(n *network) func() { return n.serve(&scripted{subscribe: alwaysSubscribed}) },
		"refused":    func(*network) func() { return func() {} },
		"hung": func(n *network) func() {
			return n.serve(&scripted{subscribe: func(_ int, _ *executor.Call, s *serverStream) { s.hold() }})
		},
		"event pending": func(n *network) func() {
			return n.serve(&scripted{subscribe: func(_ int, _ *executor.Call, s *serverStream) { s.subscribed(killEvent()); s.hold() }})
		},
	}
	for name, serve := range states {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n network
				defer serve(&n)()
				f := start(t, environment(), n.dial, newOutbox(), nil)
				if name == "subscribed" {
					f.expect(executor.Event_SUBSCRIBED)
				}
				<-time.After(time.Second)
				f.cancel()
				before := time.Now()
				if err := <-f.result; err == nil || time.Since(before) != 0 {
					t.Errorf("Run returned %v after %s", err, time.Since(before))
				}
			})
		})
	}
}
