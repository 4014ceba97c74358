package executor

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/executor/wire"
)

// newStatus is an update as the agent accepts it (contract 5.1): a UUID of 16 raw bytes, the executor as its source,
// the time in seconds.
func newStatus(task mesos.TaskID, executor mesos.ExecutorID, state mesos.TaskState, message string, now time.Time) mesos.TaskStatus {
	source := mesos.SOURCE_EXECUTOR
	seconds := float64(now.UnixNano()) / 1e9
	status := mesos.TaskStatus{
		TaskID:     task,
		State:      &state,
		Source:     &source,
		ExecutorID: &executor,
		UUID:       newUUID(),
		Timestamp:  &seconds,
	}
	if message != "" {
		status.Message = &message
	}
	return status
}

// newUUID returns a random UUID (RFC 4122, version 4) as bytes.
func newUUID() []byte {
	id := make([]byte, 16)
	rand.Read(id) // never fails: crypto/rand ends the process instead
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// endCause is what the executor itself knows about the end of a task.
type endCause struct {
	killed    bool   // by the framework, a shutdown, a signal or its health
	completed bool   // max_completion_time is over
	unhealthy string // if its health was the reason: what was found; else empty
	stopped   string // if an admin of the host was the reason: in words; else empty
}

// terminal returns the state, reason and message of the terminal update: contract 3.3, with the reasons and texts that stock loses.
func terminal(exit wire.Exited, cause endCause) (state mesos.TaskState, reason *mesos.TaskStatus_Reason, message string) {
	state, message = mesos.TASK_FAILED, exit.Message
	switch exit.Outcome {
	case wire.OutcomeExited:
		message = fmt.Sprintf("Container exited with status %d", exit.Code)
		if exit.OOM && exit.Code == 137 && !cause.killed && !cause.completed { // older daemons do not look at what else there was
			message += ": it ran out of memory"
			reason = mesos.REASON_CONTAINER_LIMITATION_MEMORY.Enum()
		}
		if exit.Message != "" {
			message += ": " + exit.Message
		}
		if exit.Code == 0 && !exit.Foreign {
			state = mesos.TASK_FINISHED
		}
	case wire.OutcomeFailed:
		reason = mesos.REASON_CONTAINER_LAUNCH_FAILED.Enum()
	default:
		message = "Failed to get exit status of container"
		if exit.Message != "" {
			message += ": " + exit.Message
		}
	}
	unknown := exit.Outcome != wire.OutcomeExited && exit.Outcome != wire.OutcomeFailed
	switch {
	case unknown && !exit.Gone: // the kill may not have caused this end, or there may be none
	case cause.completed:
		return mesos.TASK_FAILED, mesos.REASON_MAX_COMPLETION_TIME_REACHED.Enum(), message
	case cause.killed:
		if cause.unhealthy != "" {
			message += ": killed because its " + cause.unhealthy
		}
		if cause.stopped != "" {
			message += ": " + cause.stopped
		}
		return mesos.TASK_KILLED, nil, message
	}
	return state, reason, message
}

// containerStatus reports the container's addresses (contract 3.2): the task's first NetworkInfo with its addresses
// replaced. It is nil where the container has none of its own, as in the host's network: the agent fills in its own then. An address of
// a bridge or a user network may be unknown: before the start, and if the container ended before it was inspected. The
// NetworkInfo has none in that case, so that the agent does not give the host's for the container's.
func containerStatus(task *mesos.TaskInfo, running *wire.Running) *mesos.ContainerStatus {
	asked := task.GetContainer().GetNetworkInfos()
	if len(running.Networks) > 0 {
		return &mesos.ContainerStatus{NetworkInfos: joinedNetworks(asked, running.Networks)}
	}
	addresses := ipAddresses(running.IPv4, running.IPv6)
	if len(addresses) == 0 && !hasOwnAddress(task.GetContainer()) {
		return nil
	}
	var info mesos.NetworkInfo
	if len(asked) > 0 {
		info = asked[0]
	}
	info.IPAddresses = addresses
	return &mesos.ContainerStatus{NetworkInfos: []mesos.NetworkInfo{info}}
}

// joinedNetworks are the NetworkInfos of a container that plugins have joined to networks: the task's own, with the addresses.
func joinedNetworks(asked []mesos.NetworkInfo, joined []wire.Network) []mesos.NetworkInfo {
	infos := make([]mesos.NetworkInfo, 0, len(joined))
	for _, network := range joined {
		info := mesos.NetworkInfo{Name: &network.Name}
		if i := slices.IndexFunc(asked, func(n mesos.NetworkInfo) bool { return n.GetName() == network.Name }); i >= 0 {
			info, asked = asked[i], asked[i+1:]
		}
		info.IPAddresses = ipAddresses(network.Addresses...)
		infos = append(infos, info)
	}
	return infos
}

// ipAddresses leaves out what is empty.
func ipAddresses(texts ...string) (addresses []mesos.NetworkInfo_IPAddress) {
	for _, text := range texts {
		address := mesos.NetworkInfo_IPAddress{IPAddress: &text}
		if strings.Contains(text, ":") {
			address.Protocol = mesos.IPv6.Enum()
		}
		if text != "" {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

// hasOwnAddress reports whether a container gets an address of its own, by the network that the task asks for (contract 2.5).
func hasOwnAddress(container *mesos.ContainerInfo) bool {
	docker := container.GetDocker()
	for _, p := range docker.GetParameters() {
		if p.Key == "net" || p.Key == "network" { // the first takes the place of the other
			return p.Value != "host" && p.Value != "none"
		}
	}
	switch docker.GetNetwork() {
	case mesos.ContainerInfo_DockerInfo_BRIDGE, mesos.ContainerInfo_DockerInfo_USER:
		return true
	case mesos.ContainerInfo_DockerInfo_NONE: // plugins may join one
		return slices.ContainsFunc(container.GetNetworkInfos(), func(n mesos.NetworkInfo) bool { return n.GetName() != "" })
	}
	return false
}

// inspectArray is TaskStatus.data of TASK_RUNNING: the text of `docker inspect`, an array of one object (contract 3.1).
func inspectArray(object json.RawMessage) []byte {
	if len(object) == 0 {
		return nil
	}
	array := make([]byte, 0, len(object)+2)
	array = append(array, '[')
	array = append(array, object...)
	return append(array, ']')
}
