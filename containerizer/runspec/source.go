package runspec

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"mesos-docker-containerizer/internal/strictjson"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// ContainerKey names the task label or executor environment variable by which a framework that can only name an executor says
// what to run: {"container": ContainerInfo, "command": CommandInfo} as v1 JSON.
const ContainerKey = "DOCKER_CONTAINER"

// source is where a task's container and command were found.
type source struct {
	container *mesos.ContainerInfo
	document  string // the field with the document that holds the container; "" for TaskInfo.container

	// command is nil when nothing is said, which means what the image says.
	command      *mesos.CommandInfo
	commandField string

	// inherited are environment variables beneath the command's own, which win.
	inherited      []mesos.Environment_Variable
	inheritedField string
}

// findSource decides what a task runs. A command task says it all in TaskInfo. A task of a custom executor cannot carry a
// command (Mesos allows exactly one of executor and command): its TaskInfo.data may hold {"command": CommandInfo}; without it
// the image's own command runs with the executor's environment. When there is no TaskInfo.container either, both stand under
// ContainerKey in a task label or in a variable of the executor.
func findSource(t Task) (*source, error) {
	src := &source{container: t.Info.Container, command: t.Info.Command, commandField: "command"}
	executor := t.Info.Executor
	if executor == nil {
		executor = t.Executor
	}
	switch {
	case src.command != nil:
	case src.container == nil:
		if err := src.readContainerKey(t.Info.Labels, executor); err != nil {
			return nil, err
		}
	case len(t.Info.Data) > 0:
		document, err := decodeStrict[struct {
			Command *mesos.CommandInfo `json:"command"`
		}](t.Info.Data)
		if err != nil {
			return nil, fault("data", `expected {"command": CommandInfo} as JSON: %v`, err)
		}
		src.command, src.commandField = document.Command, "data.command"
	case executor != nil:
		src.inherit(executor)
	}
	if src.container == nil && executor.GetContainer() != nil {
		return nil, fault("executor.container", "the task has no container of its own, and in that of its executor the agent starts the executor "+
			"itself, out of reach of the host's daemon; give it as TaskInfo.container or under "+ContainerKey)
	}
	if src.commandField != "command" && len(src.command.GetURIs()) > 0 {
		return nil, fault(src.commandField+".uris", "the agent does not see these and would fetch none; name them in executor.command.uris")
	}
	return src, src.locate(src.check())
}

// ContainerOf is the task's container, wherever the task says what that is. Its errors are those of Translate.
func ContainerOf(t Task) (*mesos.ContainerInfo, error) {
	src, err := findSource(t)
	if err != nil {
		return nil, err
	}
	return src.container, nil
}

// locate completes the field of an error about the container by where the container stands.
func (s *source) locate(err error) error {
	if e, ok := errors.AsType[*Error](err); ok && s.document != "" && strings.HasPrefix(e.Field, "container") {
		located := *e
		located.Field = s.document + "." + e.Field
		return &located
	}
	return err
}

// inherit takes the executor's environment as the task's.
func (s *source) inherit(executor *mesos.ExecutorInfo) {
	s.inherited = executor.GetCommand().GetEnvironment().GetVariables()
	s.inheritedField = "executor.command.environment"
}

// readContainerKey reads the document of a framework that can only name an executor. The variable itself is not passed on.
func (s *source) readContainerKey(labels *mesos.Labels, executor *mesos.ExecutorInfo) error {
	var text, field string
	for _, label := range labels.GetLabels() {
		if label.Key == ContainerKey {
			text, field = label.GetValue(), "labels."+ContainerKey
		}
	}
	if executor != nil {
		s.inherit(executor)
		kept := make([]mesos.Environment_Variable, 0, len(s.inherited))
		for _, v := range s.inherited {
			if v.Name != ContainerKey {
				kept = append(kept, v)
			} else if field == "" {
				text, field = v.GetValue(), s.inheritedField+"."+ContainerKey
			}
		}
		s.inherited = kept
	}
	if field == "" {
		return nil
	}
	document, err := decodeStrict[struct {
		Container *mesos.ContainerInfo `json:"container"`
		Command   *mesos.CommandInfo   `json:"command"`
	}]([]byte(text))
	if err != nil {
		return fault(field, `expected {"container": ContainerInfo, "command": CommandInfo} as JSON: %v`, err)
	}
	s.container, s.command = document.Container, document.Command
	s.document, s.commandField = field, field+".command"
	return nil
}

// check refuses what is not a Docker container.
func (s *source) check() error {
	switch {
	case s.container == nil:
		return fault("container", "the task has no container, and only Docker containers can be run here")
	case s.container.Type == nil:
		return fault("container.type", "no container type is given; it must be DOCKER")
	case s.container.GetType() != mesos.ContainerInfo_DOCKER:
		return fault("container.type", "container type %s cannot be run here; it must be DOCKER", s.container.GetType())
	case s.container.Docker == nil:
		return fault("container.docker", "No docker info found in container info")
	}
	return nil
}

// decodeStrict reads one JSON document into a type of the caller's that holds Mesos types. A key that the types do not have is a
// mistake: the decoders that come with them would ignore it. Errors do not repeat the document, which may hold secrets.
func decodeStrict[T any](data []byte) (document T, err error) {
	// The generated decoders index without checking in places; a document must not be able to take the daemon down.
	defer func() {
		if recover() != nil {
			err = errors.New("not readable as JSON of the Mesos v1 API")
		}
	}()
	if err := json.Unmarshal(data, new(any)); err != nil {
		return document, err
	}
	if mistakes := strictjson.Check[T](data, strictjson.Options{}); mistakes != nil {
		return document, mistakes[0]
	}
	if err := json.Unmarshal(data, &document); err != nil {
		text, _, _ := strings.Cut(err.Error(), "\n")
		return document, fmt.Errorf("not a document of the Mesos v1 API: %s", strictjson.Shorten(text))
	}
	return document, nil
}
