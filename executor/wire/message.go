package wire

import (
	"encoding/json"
	"time"
)

// Version is the newest version of the protocol that this build speaks. It grows when a side must know what the other understands.
const Version = 1

// Route says how an executor came to be, which decides its container's name and who removes the container (docs/architecture.md,
// "Routes").
type Route string

// The routes.
const (
	RouteDropIn Route = "drop-in"
	RouteCustom Route = "custom"
	RouteLocal  Route = "local"
)

// Message is one frame. Exactly one field is set; none is set in a message of a kind this build does not know, which is to be
// skipped.
type Message struct {
	Attach *Attach `json:"attach,omitempty"`
	Launch *Launch `json:"launch,omitempty"`
	Kill   *Kill   `json:"kill,omitempty"`
	Resume *Resume `json:"resume,omitempty"`
	Done   *Done   `json:"done,omitempty"`

	Stop     *Stop     `json:"stop,omitempty"`
	Refused  *Refused  `json:"refused,omitempty"`
	Accepted *Accepted `json:"accepted,omitempty"`
	Progress *Progress `json:"progress,omitempty"`
	Created  *Created  `json:"created,omitempty"`
	Output   *Output   `json:"output,omitempty"`
	Running  *Running  `json:"running,omitempty"`
	Health   *Health   `json:"health,omitempty"`
	Check    *Check    `json:"check,omitempty"`
	Gone     *Gone     `json:"gone,omitempty"`
	Exited   *Exited   `json:"exited,omitempty"`
}

// Attach is the first message on every connection. The daemon sees for itself which process sends it.
type Attach struct {
	Version   int    `json:"version"`
	Route     Route  `json:"route"`
	Framework string `json:"framework"`
	Executor  string `json:"executor"`

	// Sandbox is the task's sandbox on the host; MappedDirectory is where the container sees it, empty for the daemon's own
	// setting. ContainerName is the name the agent demands, empty where the daemon chooses one.
	Sandbox         string `json:"sandbox"`
	MappedDirectory string `json:"mapped_directory,omitempty"`
	ContainerName   string `json:"container_name,omitempty"`

	// TaskEnvironment is what hooks of the agent add to the task's environment, and wins there (contract 2.3). Its
	// values are secrets.
	TaskEnvironment map[string]string `json:"task_environment,omitempty"`

	// AgentFlags are nil where no agent gave any.
	AgentFlags *AgentFlags `json:"agent_flags,omitempty"`

	// StopGrace bounds the container's stop should the executor die without having asked for one.
	StopGrace time.Duration `json:"stop_grace,omitempty"`

	// State is what the executor knows of its task; nil before the launch.
	State *State `json:"state,omitempty"`
}

// AgentFlags are settings that an agent hands to the executors of its docker containerizer (contract 1.4). They hold for
// the executor's task and win over the daemon's own; what the agent does not say is the daemon's to set.
type AgentFlags struct {
	CgroupsEnableCFS    *bool           `json:"cgroups_enable_cfs,omitempty"`
	DefaultContainerDNS json.RawMessage `json:"default_container_dns,omitempty"` // a JSON object

	// DockerSocket is the Engine that the agent knows. It changes nothing: a daemon with another Engine warns in Accepted.
	DockerSocket string `json:"docker_socket,omitempty"`

	// CNIConfigurations and CNIPlugins are search paths, directories with colons between them, of the networks that tasks may name in
	// their network_infos (agents of ClusterD).
	CNIConfigurations string `json:"network_cni_config_dir,omitempty"`
	CNIPlugins        string `json:"network_cni_plugins_dir,omitempty"`
}

// State lets a daemon that knows nothing of a task take it up where another left it.
type State struct {
	Launch Launch `json:"launch"`

	// PrepareDeadline is when the task must have been started, from Accepted; zero if that has not been said.
	PrepareDeadline time.Time `json:"prepare_deadline,omitzero"`

	// ContainerID is from Created. Once it is set no second container may be created for the task.
	ContainerID string `json:"container_id,omitempty"`

	// Running is true once Running was received. The daemon then goes on probing the container's health, unless Kill is set;
	// what the probes have said is the executor's own.
	Running bool `json:"running,omitempty"`

	// HasOutput is true while the executor holds an output stream. If it is false and ContainerID is set, OutputSince is the
	// time behind the last byte it has, zero if it has none.
	HasOutput   bool      `json:"has_output,omitempty"`
	OutputSince time.Time `json:"output_since,omitzero"`

	// OutputOver is true while the executor holds an output stream whose other end is gone, as with the Engine's death, so that only the
	// rest is to be read. Older executors do not say it.
	OutputOver bool `json:"output_over,omitempty"`

	// OutputEnded is when the last stream ended, zero if there was none.
	OutputEnded time.Time `json:"output_ended,omitzero"`

	// Position and Unreadable are as in Resume, while the executor holds no output stream.
	Position   *Position `json:"position,omitempty"`
	Unreadable string    `json:"unreadable,omitempty"`

	// Kill is the latest kill that was asked for.
	Kill *Kill `json:"kill,omitempty"`

	// Exited is true once Exited was received: the outcome is settled and only the container's removal is left.
	Exited bool `json:"exited,omitempty"`
}

// Launch asks for the task to be run. It is sent once per task.
type Launch struct {
	// Task is the id of the TaskInfo, for labels and logs that must not wait for its decoding.
	Task string `json:"task"`

	// TaskInfo and ExecutorInfo are v1 messages in protobuf encoding. ExecutorInfo is empty unless the framework named the
	// executor itself.
	TaskInfo     []byte `json:"task_info"`
	ExecutorInfo []byte `json:"executor_info,omitempty"`

	// StopGrace is the task's own in place of Attach.StopGrace; zero if it has none.
	StopGrace time.Duration `json:"stop_grace,omitempty"`
}

// Kill asks for the container to be stopped: its stop signal at once, SIGKILL at Deadline, but no earlier than Grace after the
// signal was sent. A later Kill replaces an earlier one, so that a grace period can be shortened or extended. Before the container
// runs it ends the preparation, at Deadline at the latest.
//
// When the signal was sent the daemon says the same Kill with Sent. The executor tells that to the next daemon. Executors that give
// no Grace, and daemons that do not say Sent, know only the Deadline.
type Kill struct {
	Deadline time.Time     `json:"deadline"`
	Grace    time.Duration `json:"grace,omitempty"`
	Sent     time.Time     `json:"sent,omitzero"`

	// Why says who asked for it and why, for admins of the host: "the agent asked for it".
	Why string `json:"why,omitempty"`

	// Unhealthy says that the executor itself asked for it, for the health check has failed too often.
	Unhealthy bool `json:"unhealthy,omitempty"`
}

// Resume says that the output stream ended while the container, as far as the executor knows, runs on. The daemon opens a new
// stream from the Engine's log if the Engine was away meanwhile, or the stream was Broken: it ended with an error. Any other stream has
// come to its regular end, and the Engine reports the exit a moment later.
type Resume struct {
	Since  time.Time `json:"since,omitzero"`
	Ended  time.Time `json:"ended,omitzero"`
	Broken bool      `json:"broken,omitempty"`

	// Uncertain is true if the end is told once more, since a stream was not taken that came after an earlier one (Output.After).
	Uncertain bool `json:"uncertain,omitempty"`

	// Unreadable is what the Engine said in place of the rest of its log; empty if the stream did not end with that.
	Unreadable string `json:"unreadable,omitempty"`

	// Position is nil from executors that do not count what they receive. They get a stream that repeats the last seconds.
	Position *Position `json:"position,omitempty"`
}

// Position is how far the output is, in terms of the Engine's log.
type Position struct {
	// Since is the time in the log from which the executor counts; zero for the beginning. Stdout and Stderr are the bytes that it
	// has received of what was logged since then, or would have been.
	Since  time.Time `json:"since,omitzero"`
	Stdout int64     `json:"stdout,omitempty"`
	Stderr int64     `json:"stderr,omitempty"`

	// Until is that of the last Past, from the first on until a stream begins there; zero otherwise. Again is true if the executor
	// has to read the log up to there once more.
	Until time.Time `json:"until,omitzero"`
	Again bool      `json:"again,omitempty"`

	// Broken is as in Resume.
	Broken bool `json:"broken,omitempty"`

	// Ends is how many streams have ended.
	Ends int `json:"ends,omitempty"`
}

// Past says that a stream is what the Engine's log has from Position.Since up to the time Until, when the Engine that wrote it was
// lost; zero for all of the log. The stream then ends. The executor drops what it has received, and asks on with Resume.
type Past struct {
	Until time.Time `json:"until,omitzero"`

	// Whole is the size in bytes below which a log has lost nothing by rotation, with 128 bytes counted for each record; zero if
	// that cannot be told, negative if the log never loses anything.
	Whole int64 `json:"whole,omitempty"`
}

// Done says that the terminal update was acknowledged: the container may be removed.
type Done struct{}

// Stop asks the executor to end its task as if the agent had asked for a kill: an admin of the host wants it. The executor answers with
// Kill. It may be lost; the caller that wants the stop asks again.
type Stop struct {
	Grace  *time.Duration `json:"grace,omitempty"` // nil for the task's own
	Reason string         `json:"reason"`          // for the status message: "stopped by an admin of this host"
}

// Refused is the answer to an Attach that the daemon does not accept; it then closes the connection. A Permanent refusal will be the same next time.
type Refused struct {
	Reason    string `json:"reason"`
	Permanent bool   `json:"permanent,omitempty"`
}

// Accepted answers Launch.
type Accepted struct {
	PrepareDeadline time.Time `json:"prepare_deadline"`

	// ProgressInterval is the time between the first two progress updates of the task, 0 for no such updates. Nil leaves the choice to
	// the executor.
	ProgressInterval *time.Duration `json:"progress_interval,omitempty"`

	// Warnings are for the executor's log: what the agent and the daemon are told differently by their admin, and which of the
	// task's checks cannot be carried out.
	Warnings []string `json:"warnings,omitempty"`
}

// Progress says what the daemon is doing for a task that does not run yet. It may be dropped.
type Progress struct {
	Message string `json:"message"`
	Pull    *Pull  `json:"pull,omitempty"`
}

// Pull is how far the pull of the task's image is. Total is zero while it is unknown.
type Pull struct {
	Reference string `json:"reference"`
	Bytes     int64  `json:"bytes"`
	Total     int64  `json:"total"`
	Layers    int    `json:"layers"`
	Done      int    `json:"done"`
	Rate      int64  `json:"rate,omitempty"` // bytes a second; zero while it is unknown
}

// Created says that the container exists and is about to be started.
type Created struct {
	ContainerID string `json:"container_id"`
}

// Output accompanies the Engine's output connection, which the receiver owns. The stream is framed as Docker's multiplexed
// stream unless TTY is true. Resumed is true for a stream that continues an earlier one.
type Output struct {
	TTY     bool `json:"tty,omitempty"`
	Resumed bool `json:"resumed,omitempty"`

	// Past is nil for a stream that goes on until the container's end. From is the time in the log at which that begins; zero for
	// its beginning, and from daemons that do not tell.
	Past *Past     `json:"past,omitempty"`
	From time.Time `json:"from,omitzero"`

	// After is the Ends of the position from which the stream goes on. If it is another by now, the stream repeats what the executor has
	// received, which asks for the rest once more. Zero for the first stream, and from daemons that do not tell.
	After int `json:"after,omitempty"`

	// Lost says why output is missing before this stream; empty if none is. It may come without a stream, if there is none.
	Lost string `json:"lost,omitempty"`
}

// Running says that the container was started. Inspect is the Engine's own text, one JSON object.
type Running struct {
	IPv4    string          `json:"ipv4,omitempty"`
	IPv6    string          `json:"ipv6,omitempty"`
	Inspect json.RawMessage `json:"inspect"`

	// Networks are those that plugins have joined the container to, in the order of the task's network_infos. It is empty for all
	// other tasks. IPv4 and IPv6 are then the first of each, for executors that do not know it.
	Networks []Network `json:"networks,omitempty"`

	// Note is something about the start that the framework's user should know; mostly empty.
	Note string `json:"note,omitempty"`
}

// Network is what a container has in one network.
type Network struct {
	Name      string   `json:"name"`
	Addresses []string `json:"addresses,omitempty"` // of either kind
}

// Health is the result of one probe of the task's health check. What follows from it the executor knows: the daemon counts
// nothing. It may be dropped; the next probe says the same, or better.
type Health struct {
	Healthy bool   `json:"healthy"`
	Message string `json:"message,omitempty"` // what the probe found, for people
}

// Check is the result of one probe of the task's general check. The value is that of the check's own type. None is set if the
// probe came to none, and Message then says why. It may be dropped, as Health may.
type Check struct {
	ExitCode   *int32  `json:"exit_code,omitempty"`
	StatusCode *uint32 `json:"status_code,omitempty"`
	Succeeded  *bool   `json:"succeeded,omitempty"`
	Message    string  `json:"message,omitempty"`
}

// Gone says that the container's first process has ended and the Engine has not reported it yet. An output stream that is not read may
// keep the Engine from reporting it.
type Gone struct{}

// Outcome is how a container ended.
type Outcome string

// The outcomes.
const (
	OutcomeExited  Outcome = "exited"  // it ran and Code is its exit status
	OutcomeFailed  Outcome = "failed"  // it never ran
	OutcomeUnknown Outcome = "unknown" // it ran, or may have, and nobody can say how it ended
)

// Fault says who has to act upon a failure.
type Fault string

// The faults.
const (
	FaultTask Fault = "task" // what the task asks for cannot be had
	FaultHost Fault = "host" // the Engine, the daemon or the machine failed
)

// Exited is the outcome; there is one per task. A daemon repeats it to an executor that attaches without having taken it.
type Exited struct {
	Outcome Outcome `json:"outcome"`
	Code    int     `json:"code"`

	// OOM says that it ended for lack of memory.
	OOM bool `json:"oom,omitempty"`

	// Foreign says that something other than the agent has ended it, and Message says what. It has not finished then, even with status 0.
	Foreign bool `json:"foreign,omitempty"`

	// Message is for the framework's user. For OutcomeExited it is what goes behind the status, often empty.
	Message string `json:"message,omitempty"`
	Fault   Fault  `json:"fault,omitempty"`

	// Gone is true with OutcomeUnknown if the container's process has certainly ended.
	Gone bool `json:"gone,omitempty"`
}
