package executor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"pgregory.net/rapid"

	"mesos-docker-containerizer/executor/agent"
)

// Whatever the order of launches, updates, acknowledgements, breaks and re-subscriptions: a reader that takes a snapshot when
// it subscribes and then follows sees each unacknowledged update exactly once per subscription, in order.
func TestOutboxAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newOutbox()
		var owed []mesos.TaskStatus // the model: unacknowledged, oldest first
		var tasks []string          // launched, nothing acknowledged
		var sent []mesos.TaskStatus // to the present subscription, snapshot included
		var cursor agent.Cursor
		n := 0

		follow := func() {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			for {
				status, next, err := l.Next(ctx, cursor)
				if err != nil {
					return
				}
				sent, cursor = append(sent, status), next
			}
		}
		subscribe := func(*rapid.T) {
			gotTasks, gotUpdates, seen := l.Unacknowledged()
			if len(gotTasks) != len(tasks) || len(gotUpdates) != len(owed) {
				rt.Fatalf("snapshot has %d tasks and %d updates, want %d and %d", len(gotTasks), len(gotUpdates), len(tasks), len(owed))
			}
			sent, cursor = gotUpdates, seen
		}
		subscribe(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"subscribe": subscribe,
			"launch": func(*rapid.T) {
				n++
				id := fmt.Sprint("task ", n)
				l.launched(mesos.TaskInfo{TaskID: mesos.TaskID{Value: id}})
				tasks = append(tasks, id)
			},
			"update": func(rt *rapid.T) {
				n++
				status := mesos.TaskStatus{TaskID: mesos.TaskID{Value: fmt.Sprint("task ", rapid.IntRange(1, n).Draw(rt, "task"))},
					UUID: []byte(fmt.Sprintf("%016d", n))}
				l.update(status)
				owed = append(owed, status)
			},
			"acknowledge": func(rt *rapid.T) {
				if len(owed) == 0 {
					rt.Skip()
				}
				i := rapid.IntRange(0, len(owed)-1).Draw(rt, "which")
				follow()
				status := owed[i]
				owed = append(owed[:i:i], owed[i+1:]...)
				for j, id := range tasks {
					if id == status.TaskID.Value {
						tasks = append(tasks[:j:j], tasks[j+1:]...)
						break
					}
				}
				if _, known := l.acknowledged(status.TaskID, status.UUID); !known {
					rt.Fatal("an owed update was unknown")
				}
				if _, known := l.acknowledged(status.TaskID, status.UUID); known {
					rt.Fatal("an update was acknowledged twice")
				}
			},
			"": func(rt *rapid.T) {
				follow()
				if l.pending() != (len(owed) > 0) {
					rt.Fatalf("pending %v with %d owed", l.pending(), len(owed))
				}
				last := ""
				seen := map[string]bool{}
				for _, s := range sent {
					id := string(s.UUID)
					if seen[id] || id < last {
						rt.Fatalf("update %s sent twice or out of order", id)
					}
					seen[id], last = true, id
				}
				for _, s := range owed {
					if !seen[string(s.UUID)] {
						rt.Fatalf("update %s was not sent", s.UUID)
					}
				}
			},
		})
	})
}

func TestOutboxNextWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newOutbox()
		got := make(chan mesos.TaskStatus)
		go func() {
			status, _, _ := l.Next(t.Context(), 0)
			got <- status
		}()
		time.Sleep(time.Hour)
		l.update(mesos.TaskStatus{UUID: []byte("u")})
		if s := <-got; string(s.UUID) != "u" {
			t.Errorf("got %+v", s)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := l.Next(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next: %v", err)
		}
	})
}
