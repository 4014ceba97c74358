package v1

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"testing"

	mesosclient "github.com/mesos/mesos-go/api/v1/lib/client"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"

	"mesos-docker-containerizer/executor/agent"
)

// streamOf is what answer makes of a response with these records.
func streamOf(t testing.TB, records ...[]byte) *eventStream {
	t.Helper()
	var body bytes.Buffer
	for _, r := range records {
		body.WriteString(strconv.Itoa(len(r)) + "\n")
		body.Write(r)
	}
	res, err := answer(&http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(&body)}, mesosclient.ResponseClassAuto, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &eventStream{res.(*httpcli.Response)}
}

// An event without what its type promises would crash its handler.
func TestIncompleteEventsAreErrors(t *testing.T) {
	for number, name := range executor.Event_Type_name {
		bare := &agent.Event{Type: executor.Event_Type(number)}
		record, err := bare.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		event, err := streamOf(t, record).next()
		switch bare.Type {
		case executor.Event_UNKNOWN, executor.Event_SHUTDOWN, executor.Event_HEARTBEAT:
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		default:
			if err == nil {
				t.Errorf("%s without content is %v", name, event)
			}
		}
	}
}

// The decoder that mesos-go was generated with adds a length of nearly 2^63 to its position without a check.
func TestHostileLengthIsAnError(t *testing.T) {
	record := []byte{0x08, 0x03, 0x7a, 0xf4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	if event, err := streamOf(t, record).next(); err == nil {
		t.Errorf("decoded to %v", event)
	}
}

func FuzzEvent(f *testing.F) {
	for _, event := range []*agent.Event{subscribedEvent(), launchEvent([]byte("data")), killEvent(), {Type: executor.Event_SHUTDOWN}, {Type: 4711}} {
		record, err := event.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(record)
	}
	f.Add([]byte{0x08, 0x03, 0x7a, 0xf4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, record []byte) {
		event, err := streamOf(t, record).next()
		if (event == nil) == (err == nil) {
			t.Fatalf("event %v and error %v", event, err)
		}
		if event != nil && !complete(event) {
			t.Fatalf("%v is not complete", event.Type)
		}
	})
}
