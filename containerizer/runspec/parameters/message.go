package parameters

import "mesos-docker-containerizer/containerizer/runspec"

// Bounds of what passes between the two processes, in bytes. A TaskInfo of several megabytes fits; a reply is larger than its
// request because it names its fields, and a range of ports becomes a list of ports.
const (
	maxRequest = 32 << 20
	maxReply   = 64 << 20
)

// reply is what the child writes: a result, or docker's complaint.
type reply struct {
	Result *runspec.ParseResult `json:",omitempty"`
	Error  *runspec.OptionError `json:",omitempty"`
}
