package localagent

import (
	"bytes"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/test/agentevent"
)

// withTask is a client that has got its task.
func withTask(t *testing.T, a *Agent) (*client, *subscription) {
	t.Helper()
	c := newClient(t, a)
	stream := c.subscribe()
	stream.next(executor.Event_SUBSCRIBED)
	stream.next(executor.Event_LAUNCH)
	return c, stream
}

// acknowledged waits for the acknowledgement of an update.
func (s *subscription) acknowledged(call *executor.Call) {
	s.t.Helper()
	event := s.next(executor.Event_ACKNOWLEDGED)
	if !bytes.Equal(event.Acknowledged.UUID, call.Update.Status.UUID) {
		s.t.Fatalf("acknowledged %x, want %x", event.Acknowledged.UUID, call.Update.Status.UUID)
	}
}

// seen lists what the agent has stored so far.
func seen(a *Agent, task *Task) []mesos.TaskStatus {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(task.updates.entries)
}

func TestDuplicatesAreAcknowledgedAgainAndReportedOnce(t *testing.T) {
	a := newAgent(t, Options{})
	c, stream := withTask(t, a)
	first, last, late := c.update(mesos.TASK_RUNNING), c.update(mesos.TASK_FINISHED), c.update(mesos.TASK_FAILED)
	for _, call := range []*executor.Call{first, first, last, first, last, late} {
		c.must(call)
		stream.acknowledged(call)
	}
	if diff := cmp.Diff([]string{"RUNNING", "FINISHED"}, states(seen(a, c.task))); diff != "" {
		t.Errorf("stored updates (-want +got):\n%s", diff)
	}
	var all []string
	for update := range a.Updates(wait(t)) {
		all = append(all, update.Status.GetState().String())
		if len(all) == 2 {
			break
		}
	}
	if diff := cmp.Diff([]string{"TASK_RUNNING", "TASK_FINISHED"}, all); diff != "" {
		t.Errorf("the agent's updates (-want +got):\n%s", diff)
	}
}

func TestUpdateIsCompleted(t *testing.T) {
	a := newAgent(t, Options{})
	c, stream := withTask(t, a)
	pid := started(t, c.task)
	before := float64(time.Now().Unix())
	c.must(c.update(mesos.TASK_STARTING))

	own := c.update(mesos.TASK_RUNNING)
	status := &own.Update.Status
	status.Timestamp, status.Data = new(12.5), []byte("inspect")
	status.ContainerStatus = &mesos.ContainerStatus{NetworkInfos: []mesos.NetworkInfo{{
		Name: new("net"), IPAddresses: []mesos.NetworkInfo_IPAddress{{IPAddress: new("10.1.2.3")}},
	}}}
	c.must(own)
	stream.next(executor.Event_ACKNOWLEDGED)
	stream.next(executor.Event_ACKNOWLEDGED)

	got := seen(a, c.task)
	for i, address := range []string{"127.0.0.1", "10.1.2.3"} {
		s := got[i]
		container := s.ContainerStatus
		if container.ContainerID.GetValue() != c.task.ContainerID || container.GetExecutorPID() != uint32(pid) ||
			len(container.NetworkInfos) != 1 || container.NetworkInfos[0].IPAddresses[0].GetIPAddress() != address {
			t.Errorf("update %d: container status %v", i, container)
		}
		if s.AgentID.GetValue() != a.options.AgentID || s.ExecutorID != nil {
			t.Errorf("update %d: agent %v, executor %v", i, s.AgentID, s.ExecutorID)
		}
	}
	if ts := got[0].GetTimestamp(); ts < before || ts > before+60 {
		t.Errorf("timestamp %f", ts)
	}
	if got[1].GetTimestamp() != 12.5 || string(got[1].Data) != "inspect" {
		t.Errorf("timestamp %f, data %q", got[1].GetTimestamp(), got[1].Data)
	}
	if own.Update.Status.ContainerStatus.ContainerID != nil {
		t.Error("the executor's own message was changed")
	}
}

func TestUpdateForAnUnknownTaskIsReportedAndNotAcknowledged(t *testing.T) {
	a := newAgent(t, Options{})
	c, stream := withTask(t, a)
	stray, known := c.update(mesos.TASK_FAILED), c.update(mesos.TASK_RUNNING)
	stray.Update.Status.TaskID.Value = "stray"
	c.must(stray)
	c.must(known)
	stream.acknowledged(known)
	for update := range a.Updates(wait(t)) {
		if update.Status.TaskID.Value != "stray" {
			t.Errorf("first update is of %s", update.Status.TaskID.Value)
		}
		break
	}
}

func TestProtobufStream(t *testing.T) {
	a := newAgent(t, Options{})
	c := newClient(t, a)
	call := c.call(executor.Call_SUBSCRIBE)
	call.Subscribe = &executor.Call_Subscribe{}
	body, err := call.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(wait(t), http.MethodPost, c.base+"/slave(1)"+executorRoute, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	request.Header.Set("Accept", "application/x-protobuf")
	response, err := c.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/x-protobuf" ||
		response.ContentLength >= 0 {
		t.Fatalf("answered %s, %v, length %d", response.Status, response.Header, response.ContentLength)
	}
	if err := a.Send(c.task.ExecutorID, agentevent.Unknown()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []executor.Event_Type{executor.Event_SUBSCRIBED, executor.Event_LAUNCH, 99} {
		if got := readProtobuf(t, response.Body); got.Type != want {
			t.Errorf("got event %s, want %s", got.Type, want)
		}
	}
}

func TestLateAcknowledgement(t *testing.T) {
	a := newAgent(t, Options{})
	c, stream := withTask(t, a)
	a.HoldAcknowledgements(true)
	first, second := c.update(mesos.TASK_STARTING), c.update(mesos.TASK_RUNNING)
	c.must(first)
	c.must(second)
	if err := a.Send(c.task.ExecutorID, agent.Event{Type: executor.Event_HEARTBEAT}); err != nil {
		t.Fatal(err)
	}
	stream.next(executor.Event_HEARTBEAT) // and no acknowledgement before it
	a.HoldAcknowledgements(false)
	stream.acknowledged(first)
	stream.acknowledged(second)

	a.LoseAcknowledgements(1)
	lost, third := c.update(mesos.TASK_RUNNING), c.update(mesos.TASK_KILLED)
	c.must(lost)
	c.must(third)
	stream.acknowledged(third)
	if got := len(seen(a, c.task)); got != 4 {
		t.Errorf("%d updates are stored, want 4", got)
	}
}

func TestRefusalsOnDemand(t *testing.T) {
	a := newAgent(t, Options{})
	c, stream := withTask(t, a)
	a.Refuse(Refusal{Calls: 2, Type: executor.Call_UPDATE, Code: 500, Text: "no"})
	a.Refuse(Refusal{Calls: 1, Code: 0, AfterHandling: true})
	a.Refuse(Refusal{Calls: 1, Type: executor.Call_SUBSCRIBE, Code: 503})

	call := c.update(mesos.TASK_RUNNING)
	for range 2 {
		if code, text := c.send(call); code != 500 || text != "no" {
			t.Errorf("answered %d %q", code, text)
		}
	}
	if got := seen(a, c.task); len(got) != 0 {
		t.Errorf("a refused update was stored: %v", got)
	}
	if code, _ := c.send(call); code != 0 {
		t.Errorf("answered %d, want a broken connection", code)
	}
	stream.acknowledged(call) // the answer was lost, the update was not
	subscribe := c.call(executor.Call_SUBSCRIBE)
	subscribe.Subscribe = &executor.Call_Subscribe{}
	if code, _ := c.send(subscribe); code != 503 {
		t.Errorf("SUBSCRIBE answered %d", code)
	}
	c.must(call)
	stream.acknowledged(call)
}

func TestStreams(t *testing.T) {
	a := newAgent(t, Options{HeartbeatInterval: 50 * time.Millisecond})
	c := newClient(t, a)
	first := c.subscribe()
	first.next(executor.Event_SUBSCRIBED)
	first.next(executor.Event_LAUNCH)
	c.must(c.update(mesos.TASK_RUNNING))
	first.next(executor.Event_ACKNOWLEDGED)
	first.next(executor.Event_HEARTBEAT)

	// A new subscription ends the old stream, and the task is not launched again.
	second := c.subscribe()
	for event := range first.events {
		if event.Type != executor.Event_HEARTBEAT {
			t.Errorf("old stream got %s", event.Type)
		}
	}
	second.next(executor.Event_SUBSCRIBED)
	second.next(executor.Event_HEARTBEAT)

	// A broken stream does not unsubscribe: calls are still taken, and events are lost.
	a.DropStreams()
	for range second.events {
	}
	call := c.update(mesos.TASK_RUNNING)
	c.must(call)
	third := c.subscribe(func(s *executor.Call_Subscribe) { s.UnacknowledgedUpdates = []executor.Call_Update{*call.Update} })
	third.acknowledged(call)
	third.next(executor.Event_SUBSCRIBED)
	if got := len(seen(a, c.task)); got != 2 {
		t.Errorf("%d updates are stored, want 2", got)
	}
}

func TestUnheardOfEventsTravel(t *testing.T) {
	a := newAgent(t, Options{})
	c, stream := withTask(t, a)
	group := agentevent.LaunchGroup(c.task.Info)
	if err := a.Send(c.task.ExecutorID, agentevent.Unknown(), agentevent.Oversized(5<<20), agentevent.Launch(c.task.Info), group); err != nil {
		t.Fatal(err)
	}
	stream.next(99)
	if got := stream.next(executor.Event_MESSAGE); len(got.Message.Data) != 5<<20 {
		t.Errorf("message of %d bytes", len(got.Message.Data))
	}
	stream.next(executor.Event_LAUNCH)
	stream.next(executor.Event_LAUNCH_GROUP)
	if err := a.Send("nobody", agentevent.Unknown()); err == nil {
		t.Error("an unknown executor was sent an event")
	}
	c.must(&executor.Call{
		Type: executor.Call_MESSAGE, ExecutorID: mesos.ExecutorID{Value: c.task.ExecutorID},
		FrameworkID: mesos.FrameworkID{Value: c.task.FrameworkID}, Message: &executor.Call_Message{Data: []byte("x")},
	})
}
