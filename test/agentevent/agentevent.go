// Package agentevent makes events that tests put into the stream of an executor.
package agentevent

import (
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"

	"mesos-docker-containerizer/executor/agent"
)

// Unknown is an event of a type that no version of the protocol has.
func Unknown() agent.Event { return agent.Event{Type: 99} }

// Oversized is a well-formed event larger than the given number of bytes.
func Oversized(bytes int) agent.Event {
	return agent.Event{Type: executor.Event_MESSAGE, Message: &executor.Event_Message{Data: make([]byte, bytes)}}
}

// Kill is a KILL for a task.
func Kill(taskID string, policy *mesos.KillPolicy) agent.Event {
	return agent.Event{
		Type: executor.Event_KILL,
		Kill: &executor.Event_Kill{TaskID: mesos.TaskID{Value: taskID}, KillPolicy: policy},
	}
}

// Launch is a LAUNCH of a task.
func Launch(task mesos.TaskInfo) agent.Event {
	return agent.Event{Type: executor.Event_LAUNCH, Launch: &executor.Event_Launch{Task: task}}
}

// LaunchGroup is a LAUNCH_GROUP of tasks.
func LaunchGroup(tasks ...mesos.TaskInfo) agent.Event {
	return agent.Event{
		Type:        executor.Event_LAUNCH_GROUP,
		LaunchGroup: &executor.Event_LaunchGroup{TaskGroup: mesos.TaskGroupInfo{Tasks: tasks}},
	}
}
