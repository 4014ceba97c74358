package localagent

import (
	"errors"
	"net/http"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/mesos/mesos-go/api/v1/lib/executor/calls"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/apierrors"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/httpexec"
)

// TestMesosGoClient has the library's own client, which guesses from the header whether a stream follows, subscribe, run a
// task and be refused, in both encodings.
func TestMesosGoClient(t *testing.T) {
	for name, codec := range codecs.ByMediaType {
		t.Run(string(name), func(t *testing.T) {
			a := newAgent(t, Options{})
			task := launch(t, a, mute)
			transport := &http.Transport{}
			t.Cleanup(transport.CloseIdleConnections)
			client := httpexec.NewSender(httpcli.New(
				httpcli.Endpoint("http://"+a.Endpoint()+executorRoute),
				httpcli.Codec(codec),
				httpcli.Do((&http.Client{Transport: transport}).Do),
			).Send)
			send := func(call *executor.Call) (mesos.Response, error) {
				call.With(calls.Framework(task.FrameworkID), calls.Executor(task.ExecutorID))
				return client.Send(wait(t), calls.NonStreaming(call))
			}
			update := func(uuid []byte) *executor.Call {
				return calls.Update(mesos.TaskStatus{
					TaskID: mesos.TaskID{Value: task.ID}, State: mesos.TASK_RUNNING.Enum(),
					Source: mesos.SOURCE_EXECUTOR.Enum(), UUID: uuid,
				})
			}
			subscribe := calls.Subscribe(nil, nil).With(calls.Framework(task.FrameworkID), calls.Executor(task.ExecutorID))
			stream, err := client.Send(wait(t), calls.NonStreaming(subscribe))
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			next := func(want executor.Event_Type) {
				t.Helper()
				var event executor.Event
				if err := stream.Decode(&event); err != nil || event.Type != want {
					t.Fatalf("got event %s (%v), want %s", event.Type, err, want)
				}
			}
			next(executor.Event_SUBSCRIBED)
			next(executor.Event_LAUNCH)
			response, err := send(update(newUUIDBytes()))
			if err != nil {
				t.Fatal(err)
			}
			if response != nil { // the library has none for an answer without a body
				response.Close()
			}
			next(executor.Event_ACKNOWLEDGED)

			_, err = send(update([]byte("short")))
			var refused *apierrors.Error
			if !errors.As(err, &refused) {
				t.Errorf("an invalid update: %v", err)
			}
		})
	}
}
