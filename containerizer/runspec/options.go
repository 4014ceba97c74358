package runspec

import (
	"strings"
	"unicode/utf8"

	"mesos-docker-containerizer/internal/agentflag"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
)

// runOptions is the option list that the stock executor passes to docker run (contract 2.1), and our additions. A zero value means that
// the option is not given.
type runOptions struct {
	privileged        bool
	cpuShares         int64
	cpuQuota          int64 // microseconds
	memoryReservation int64 // bytes
	memory            int64 // bytes
	oomScoreAdj       int
	environment       []variable // sorted by name
	binds             []string   // in docker's notation, the sandbox last
	volumeDriver      string
	network           string
	dns               agentflag.DNS
	hostname          string
	ports             []publishedPort
	entrypoint        string
	image             string
	arguments         []string
	parameters        []parameter // without the one that replaced the network

	// What stock has no option for.
	forcePull    bool
	user         string
	tty          bool
	consoleSize  [2]uint // height, width
	ulimits      []container.Ulimit
	capAdd       []string
	capDrop      []string
	gpus         int
	mounts       []mount.Mount // what no bind can express
	files        []File
	sandboxPaths []string
	mountSources []string

	// replacedNetwork is the parameter whose value stands in network, nil when there is none (contract 2.5, HEAD).
	replacedNetwork *parameter

	texts []namedText
}

// variable is one environment variable of the container.
type variable struct{ name, value string }

// namedText is a text of the task together with the name of the field it came from.
type namedText struct {
	field string
	text  string
}

// remember registers a text for checkText.
func (r *runOptions) remember(field, text string) {
	r.texts = append(r.texts, namedText{field: field, text: text})
}

// checkText refuses text that cannot reach a container unchanged: JSON cannot carry bytes that are not UTF-8 (a client would replace
// them by U+FFFD), and the kernel's strings for arguments, variables and paths end at a NUL.
func (r *runOptions) checkText() error {
	for _, t := range r.texts {
		if strings.IndexByte(t.text, 0) >= 0 {
			return fault(t.field, "a NUL character cannot be part of it")
		}
		if !utf8.ValidString(t.text) {
			return fault(t.field, "it is not valid UTF-8, and the Engine API carries nothing else")
		}
	}
	return nil
}

// checkImage refuses a missing or malformed image name, in docker's words.
func (r *runOptions) checkImage() error {
	const field = "container.docker.image"
	if r.image == "" {
		return fault(field, "no image is given")
	}
	if _, err := reference.ParseAnyReference(r.image); err != nil {
		return &Error{Field: field, Text: err.Error() + ": " + Quote(r.image), cause: err}
	}
	return nil
}
