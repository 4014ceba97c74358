package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"
)

// writeEvent writes one event; the client may have gone meanwhile.
func writeEvent(w http.ResponseWriter, number int) {
	_ = json.NewEncoder(w).Encode(events.Message{
		Type: events.ContainerEventType, Action: events.ActionDie, TimeNano: int64(number),
		Actor: events.Actor{ID: fmt.Sprint(number), Attributes: map[string]string{"name": "c"}},
	})
	w.(http.Flusher).Flush()
}

func TestEventStreamThatBreaks(t *testing.T) {
	for _, tail := range []string{"", `{"Type":"contai`, "<html>"} {
		d := newDouble(t, "", engineOf("1.41", func(w http.ResponseWriter, r *http.Request) {
			if got := r.URL.Query().Get("since"); got != "1500000000.000000007" {
				t.Errorf("since is %q", got)
			}
			for i := range 3 {
				writeEvent(w, i)
			}
			_, _ = w.Write([]byte(tail))
		}))
		c := newClient(t, d.socket)
		stream, err := c.Events(t.Context(), time.Unix(1500000000, 7), "l")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for e := range stream.Events() {
			if want := (Event{ID: fmt.Sprint(n), Name: "c", Action: "die", Time: time.Unix(0, int64(n))}); e != want {
				t.Errorf("got %+v, want %+v", e, want)
			}
			n++
		}
		if n != 3 || !IsUnavailable(stream.Err()) {
			t.Errorf("%q: %d events, %v", tail, n, stream.Err())
		}
		stream.Close()
		stream.Close()
	}
}

func TestEventStreamIsClosed(t *testing.T) {
	const many = 4 * eventBuffer // more than fits, with nobody reading
	written := make(chan struct{})
	d := newDouble(t, "", engineOf("1.41", func(w http.ResponseWriter, r *http.Request) {
		for i := range many {
			writeEvent(w, i)
			if i == eventBuffer+64 {
				close(written)
			}
		}
		<-r.Context().Done()
	}))
	c := newClient(t, d.socket)
	stream, err := c.Events(t.Context(), time.Time{}, "l")
	if err != nil {
		t.Fatal(err)
	}
	within(t, "events", written)
	stream.Close()
	if err := stream.Err(); !errors.Is(err, context.Canceled) || IsUnavailable(err) {
		t.Error(err)
	}
	if _, open := <-stream.Events(); open {
		t.Error("events after Close")
	}
}

func TestEventStreamEndsWithItsContext(t *testing.T) {
	d := newDouble(t, "", engineOf("1.41", func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	c := newClient(t, d.socket)
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := c.Events(ctx, time.Time{}, "l")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for range stream.Events() {
		t.Error("an event")
	}
	if err := stream.Err(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	stream.Close()
}

func TestEventStreamThatDoesNotOpen(t *testing.T) {
	d := newDouble(t, "", engineOf("1.41", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusBadRequest, "invalid filter")
	}))
	if _, err := newClient(t, d.socket).Events(t.Context(), time.Time{}, "l"); !IsInvalid(err) || !strings.Contains(err.Error(), "invalid filter") {
		t.Error(err)
	}
	hung, asked := hangingDouble(t)
	c := newClient(t, hung.socket)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := c.Events(ctx, time.Time{}, "l"); !IsUnavailable(err) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	<-asked
	cancelled, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := c.Events(cancelled, time.Time{}, "l"); !errors.Is(err, context.Canceled) || IsUnavailable(err) {
		t.Error(err)
	}
}
