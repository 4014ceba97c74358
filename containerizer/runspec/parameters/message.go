package parameters

import "mesos-docker-containerizer/containerizer/runspec"

// Bounds of what passes between the two processes, in bytes. A TaskInfo of several megabytes fits; a reply is larger than its
// request because it names its fields, and a range of ports becomes a list of ports.
const (
	maxRequest = 32 << 20
	maxReply   = 64 << 20
)

// request is what the child reads: a task's options, or a command line.
type request struct {
	runspec.ParseRequest
	IsLine bool     `json:",omitempty"`
	Line   []string `json:",omitempty"`
}

// reply is what the child writes: a result of the kind that was asked for, or docker's complaint.
type reply struct {
	Result *runspec.ParseResult `json:",omitempty"`
	Line   *runspec.RunLine     `json:",omitempty"`
	Error  *runspec.OptionError `json:",omitempty"`
}
