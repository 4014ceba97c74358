// Package executor is the life of one executor: one process, one task, started by the Mesos agent.
//
// It owns what must not be lost while the task lives: the TaskInfo, the updates the agent has not acknowledged, and that a kill
// was asked for. It speaks to the agent through an Agent (executor/agent/v1) and to the daemon, which owns the Engine, through
// executor/wire. It knows nothing of Docker beyond the framing of an output stream.
//
// Run is one loop over agent events, daemon messages, the output stream and timers; only that loop decides task states:
//
//	LAUNCH -> STARTING -> RUNNING -> [KILLING ->] FINISHED, FAILED or KILLED -> acknowledged -> done, exit
//
// What survives what: an agent's restart, because the outbox is sent again; the daemon's, because the executor attaches again
// with all it knows and holds the output stream itself. The executor's own death is the order to stop the container.
package executor
