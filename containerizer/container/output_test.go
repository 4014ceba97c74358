package container

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"mesos-docker-containerizer/containerizer/engine"
)

// TestEndedWithContainer shows how long before the end of its container a stream may end and yet count as complete.
func TestEndedWithContainer(t *testing.T) {
	finished := time.Unix(1000, 0)
	for name, c := range map[string]struct {
		ended time.Time
		want  bool
	}{
		"after the container":           {finished.Add(time.Second), true},
		"with the container":            {finished, true},
		"just within the slack":         {finished.Add(-endSlack + time.Nanosecond), true},
		"the slack before the end":      {finished.Add(-endSlack), false},
		"long before the end":           {finished.Add(-time.Minute), false},
		"the owner never had a stream":  {time.Time{}, false},
		"a broken clock, in the future": {finished.Add(time.Hour), true},
	} {
		w := &wait{finished: finished}
		got, err := w.endedWithContainer(t.Context(), OutputEnd{Ended: c.ended})
		if err != nil || got != c.want {
			t.Errorf("%s: complete is %v (%v), want %v", name, got, err, c.want)
		}
	}
}

// An owner that died leaves nothing to wait for, whether that was heard before its last stream was opened or after.
func TestAbandonedOutput(t *testing.T) {
	for _, first := range []bool{true, false} {
		c := &Container{}
		if first {
			c.AbandonOutput()
		}
		c.output.open, c.output.past = true, &Past{}
		if !first {
			c.AbandonOutput()
		}
		if _, settled, err := (&wait{Container: c, end: &End{}}).followOutput(t.Context()); !settled || err != nil {
			t.Errorf("abandoned first %t: settled %t, %v", first, settled, err)
		}
	}
}

// An Engine that tells of a container's end and dies may have ended the stream by that: only if it lived on the stream is complete.
func TestOutputOfAnEngineThatDiesAfterTheEnd(t *testing.T) {
	lives := newAnswering(t, func(w http.ResponseWriter, _ *http.Request) {})
	away, err := engine.New(engine.Options{Socket: filepath.Join(t.TempDir(), "engine")})
	if err != nil {
		t.Fatal(err)
	}
	defer away.Close()
	asked := time.Unix(1000, 0)
	for name, c := range map[string]struct {
		engine  *engine.Client
		ended   time.Time
		counts  bool
		settled bool
		past    bool
	}{
		"it told of the end after that of the stream":            {away, asked.Add(-1), true, true, false},
		"the stream ended later, and it lives":                   {lives, asked.Add(1), true, true, false},
		"the stream ended later, and it is away":                 {away, asked.Add(1), true, false, false},
		"so did one of what was before a loss":                   {away, asked.Add(1), true, false, true},
		"the owner does not count, so that the log is not asked": {away, asked.Add(1), false, true, false},
	} {
		w := New(Options{Engine: c.engine, Name: "c", Logger: zap.NewNop()}).newWait()
		w.end, w.ended, w.asked = &End{}, asked, asked
		end := OutputEnd{Ended: c.ended}
		if c.counts {
			end.Position = &Position{Received: 1, Ends: 1}
		}
		w.OutputEnded(end)
		if c.past {
			w.output.past = &Past{}
		}
		if _, settled, err := w.followOutput(t.Context()); settled != c.settled || err != nil {
			t.Errorf("%s: settled %t, %v", name, settled, err)
		}
	}
}

// A stream that was opened at the second attempt has lived through no loss before that.
func TestOutputThatIsAttachedAfterALoss(t *testing.T) {
	var lost, attempts atomic.Int32
	client := newAnswering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			return
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if attempts.Add(1) == 1 {
			lost.Add(1)
			return
		}
		fmt.Fprint(conn, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	})
	c := New(Options{Engine: client, Owner: closing{}, Name: "c", Logger: zap.NewNop(), Losses: func() int { return int(lost.Load()) }})
	c.id = "c"
	if err := c.AttachOutput(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := attempts.Load(); got != 2 {
		t.Errorf("%d attempts", got)
	}
	if c.output.opened != 1 || c.output.losses != 1 {
		t.Errorf("the stream counts as opened after %d losses, %d", c.output.opened, c.output.losses)
	}
}

// An end that is told once more, since the owner did not take the last stream, is not judged by that. An owner that does not count
// takes every stream.
func TestOutputEndThatIsToldOnceMore(t *testing.T) {
	c := New(Options{Name: "c", Logger: zap.NewNop(), Losses: func() int { return 1 }, Owner: closing{}})
	w := c.newWait()
	if err := c.handOver(nil, 1, Stream{Resumed: true, Past: &Past{Until: time.Unix(1, 0)}}); err != nil {
		t.Fatal(err)
	}
	c.OutputEnded(OutputEnd{Uncertain: true, Position: &Position{Received: 1, Ends: 3}})
	if o := &c.output; o.open || o.past != nil || o.follow || o.losses != uncertain {
		t.Errorf("it is judged by the stream that was not taken: open %t, past %v, follow %t, losses %d", o.open, o.past, o.follow, o.losses)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(nil)
	for ends, position := range map[int]*Position{3: {Ends: 3}, 0: nil} {
		c.OutputEnded(OutputEnd{Position: position})
		_, _, _ = w.followOutput(ctx)
		if w.after != ends {
			t.Errorf("the next stream answers end %d, want %d", w.after, ends)
		}
	}
}

// closing is an owner that wants nothing.
type closing struct{}

func (closing) Owns(string, map[string]string) bool { return true }
func (closing) Output(stream *os.File, _ Stream) error {
	if stream == nil {
		return nil
	}
	return stream.Close()
}

// newAnswering returns the client of an Engine that answers as a handler does, and says its version.
func newAnswering(t *testing.T, handle http.HandlerFunc) *engine.Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "engine")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		handle(w, r)
	})}
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(listener) })
	client, err := engine.New(engine.Options{Socket: socket})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close(); serving.Wait() })
	return client
}

// An Engine that stays away is asked every two seconds. Each reason why the output cannot go on yet is logged once.
func TestOutputNotYetIsLoggedOnceForEachCause(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "engine")
	client, err := engine.New(engine.Options{Socket: socket})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	core, logs := observer.New(zap.DebugLevel)
	w := New(Options{Engine: client, Name: "c", Logger: zap.New(core)}).newWait()
	w.id = "c"
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	listener.Close()
	const message = "output cannot be resumed yet"
	for round, want := range []int{1, 1, 2, 2, 2} { // the socket refuses in the first two, is not there in two, and refuses again
		switch round {
		case 2:
			err = os.Rename(socket, socket+".away")
		case 4:
			err = os.Rename(socket+".away", socket)
		}
		if err != nil {
			t.Fatal(err)
		}
		if again, settled, err := w.openLog(t.Context(), time.Time{}, Stream{Resumed: true}); again != askInterval || settled || err != nil {
			t.Fatalf("again in %v, settled %t, %v", again, settled, err)
		}
		if got := logs.FilterMessage(message).Len(); got != want {
			t.Errorf("after attempt %d there are %d lines, want %d", round, got, want)
		}
	}
}
