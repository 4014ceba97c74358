package containerizer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/executor/wire"
)

// readableName bounds how much of the task id is kept in a container's name.
const readableName = 60

// containerName is the name of a task's container: the agent's where it demands one, else one that only this executor process
// can have. It follows from what an executor that attaches again says, so that the answer to a create that was lost with a
// daemon can be found by name. It never begins with "mesos-", which agents take for their own (contract 1.7).
func containerName(a *wire.Attach, task string, executor wire.Process) string {
	if a.ContainerName != "" {
		return a.ContainerName
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d\x00%d\x00%s",
		a.Framework, a.Executor, task, executor.PID, executor.StartTime, executor.BootID))
	prefix := "mdc"
	if a.Route == wire.RouteLocal {
		prefix = "mdc-local"
	}
	return prefix + "-" + record.Plain(task, readableName) + "-" + hex.EncodeToString(sum[:6])
}
