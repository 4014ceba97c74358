package input

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/internal/strictjson"

	"github.com/hashicorp/go-multierror"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// Keys that tell a TaskInfo from a Marathon document: the first do not occur at the top of one, the others always do.
var (
	taskKeys     = []string{"task_id", "agent_id", "slave_id", "command", "resources", "kill_policy", "health_check", "discovery"}
	marathonKeys = []string{"id", "apps", "groups"}
)

// isTaskInfo reports whether a document is meant to be a TaskInfo. It does not report what is no JSON object.
func isTaskInfo(data []byte) bool {
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil {
		return false
	}
	has := func(key string) bool { return object[key] != nil }
	return slices.ContainsFunc(taskKeys, has) && !slices.ContainsFunc(marathonKeys, has)
}

// errStateTask is about what the endpoint /state of masters and agents lists, which is a summary.
var errStateTask = errors.New("a task as /state lists it, which does not have all that is needed to run it; " +
	"expected a TaskInfo (task_id, command, container, resources) or a Marathon app")

// isStateTask tells a task in the answer of /state from a Marathon app, which has an id too.
func isStateTask(data []byte) bool {
	var task struct {
		ID          string  `json:"id"`
		FrameworkID *string `json:"framework_id"`
		SlaveID     *string `json:"slave_id"`
		State       *string `json:"state"`
	}
	return json.Unmarshal(data, &task) == nil && task.ID != "" && task.FrameworkID != nil && task.SlaveID != nil && task.State != nil
}

// The name of a field in the v1 API and in the v0 API, which is otherwise alike as far as a TaskInfo goes.
const (
	agentID = "agent_id"
	slaveID = "slave_id"
)

// parseTaskInfo reads a TaskInfo in the JSON of the v1 API, or of the v0 API with its slave_id. Unknown fields, missing ones and values of a wrong type are all
// reported, each with its path; the decoder of mesos-go would pass over some and stop at the first of the others.
func parseTaskInfo(data []byte) (*mesos.TaskInfo, error) {
	data, renamed, err := withAgentID(data)
	if err != nil {
		return nil, err
	}
	mistakes := strictjson.Check[mesos.TaskInfo](data, strictjson.Options{Required: func(path string) bool {
		return path != "/"+agentID // the run fills it in
	}})
	var info mesos.TaskInfo
	if mistakes == nil {
		if err := json.Unmarshal(data, &info); err != nil {
			return nil, fmt.Errorf("cannot be decoded as a TaskInfo: %w", err)
		}
		mistakes = check(&info)
	}
	var all *multierror.Error
	for _, mistake := range mistakes {
		if renamed {
			if rest, ok := strings.CutPrefix(mistake.Path, "/"+agentID); ok {
				mistake.Path = "/" + slaveID + rest
			}
		}
		all = multierror.Append(all, mistake)
	}
	if all != nil {
		return nil, all
	}
	return &info, nil
}

// withAgentID renames slave_id. A document that has both names keeps both, and one of them is then a mistake.
func withAgentID(data []byte) (text []byte, renamed bool, err error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, false, fmt.Errorf("cannot be decoded as a TaskInfo: %w", err)
	}
	if object[slaveID] == nil || object[agentID] != nil {
		return data, false, nil
	}
	object[agentID] = object[slaveID]
	delete(object, slaveID)
	text, err = json.Marshal(object)
	return text, true, err
}

// check returns what keeps the task from being run here.
func check(info *mesos.TaskInfo) []*strictjson.Mistake {
	var mistakes []*strictjson.Mistake
	mistake := func(path, message string) {
		mistakes = append(mistakes, &strictjson.Mistake{Path: path, Message: message})
	}
	if err := checkID(info.TaskID.Value); err != nil {
		mistake("/task_id/value", err.Error())
	}
	switch container := info.Container; {
	case container == nil:
		if info.Executor == nil && !named(info) {
			mistake("/container", "is required, with type DOCKER")
		}
	case container.GetType() != mesos.ContainerInfo_DOCKER:
		mistake("/container/type", "only DOCKER can be run")
	case container.Docker == nil:
		mistake("/container/docker", "is required")
	case container.Docker.Image == "":
		mistake("/container/docker/image", "is empty")
	}
	return mistakes
}

// named says that the container stands in a label or variable, where frameworks put it that cannot name one (contract 2.2).
func named(info *mesos.TaskInfo) bool {
	for _, label := range info.GetLabels().GetLabels() {
		if label.Key == runspec.ContainerKey {
			return true
		}
	}
	for _, variable := range info.GetCommand().GetEnvironment().GetVariables() {
		if variable.Name == runspec.ContainerKey {
			return true
		}
	}
	return false
}

// checkID refuses what a Mesos master refuses, because ids become names of directories.
func checkID(id string) error {
	control := func(r rune) bool { return r < ' ' || r == 0x7f || r == '/' || r == '\\' }
	switch {
	case id == "", id == ".", id == "..", len(id) > 255, strings.ContainsFunc(id, control):
		return errors.New("neither . nor .. and 1 to 255 bytes without slashes and control characters are accepted")
	}
	return nil
}
