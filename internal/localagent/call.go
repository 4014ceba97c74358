package localagent

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
)

// typeField is the number of Call.type. The generated type cannot tell an absent one from UNKNOWN, the agent does.
const typeField = 3

// parseCall turns a request's body into a valid call. The Content-Type must match to the letter, as the agent compares it.
func parseCall(contentType string, body []byte) (*executor.Call, *refusal) {
	var call *executor.Call
	var typed bool
	var err error
	switch contentType {
	case codecs.MediaTypeProtobuf.ContentType():
		if call, typed, err = parseProtobuf(body); err != nil {
			return nil, refuse(http.StatusBadRequest, "Failed to parse body into Call protobuf")
		}
	case codecs.MediaTypeJSON.ContentType():
		var value any
		if err = json.Unmarshal(body, &value); err != nil {
			return nil, refuse(http.StatusBadRequest, "Failed to parse body into JSON: %v", err)
		}
		if call, typed, err = parseJSON(value, body); err != nil {
			return nil, refuse(http.StatusBadRequest, "Failed to convert JSON into Call protobuf: %v", err)
		}
	default:
		return nil, refuse(http.StatusUnsupportedMediaType, "Expecting 'Content-Type' of %s or %s",
			codecs.MediaTypeJSON, codecs.MediaTypeProtobuf)
	}
	objection := "Expecting 'type' to be present"
	if typed {
		objection = validate(call)
	}
	if objection != "" {
		return nil, refuse(http.StatusBadRequest, "Failed to validate Executor::Call: %s", objection)
	}
	return call, nil
}

// parseProtobuf also reports whether the type is present. Unknown enum values count as absent, as in proto2.
func parseProtobuf(body []byte) (*executor.Call, bool, error) {
	call := new(executor.Call)
	if err := call.Unmarshal(body); err != nil {
		return nil, false, err
	}
	for _, status := range statuses(call) {
		if _, known := mesos.TaskState_name[int32(status.GetState())]; !known || status.State == nil {
			return nil, false, errors.New("update without a state")
		}
	}
	_, known := executor.Call_Type_name[int32(call.Type)]
	return call, known && hasField(body, typeField), nil
}

// hasField looks for a field among those at the top of a well-formed message.
func hasField(message []byte, number uint64) bool {
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		if n <= 0 {
			return false
		}
		if tag>>3 == number {
			return true
		}
		message = message[n:]
		value, n := binary.Uvarint(message)
		skip := uint64(max(n, 0))
		switch tag & 7 {
		case 0:
		case 1:
			skip = 8
		case 2:
			skip += value
		case 5:
			skip = 4
		default:
			return false
		}
		if skip == 0 || skip > uint64(len(message)) {
			return false
		}
		message = message[skip:]
	}
	return false
}

// parseJSON decodes a call whose body is valid JSON. The generated decoder does not check required fields.
func parseJSON(value any, body []byte) (*executor.Call, bool, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, false, errors.New("not a JSON object")
	}
	if missing := missingFields(object); len(missing) > 0 {
		return nil, false, fmt.Errorf("missing required fields: %s", strings.Join(missing, ", "))
	}
	call := new(executor.Call)
	if err := json.Unmarshal(body, call); err != nil {
		return nil, false, err
	}
	return call, object["type"] != nil, nil
}

// missingFields lists the required fields of a call that are absent, as far as the agent looks at them.
func missingFields(call map[string]any) []string {
	var missing []string
	need := func(parent map[string]any, prefix string, paths ...string) {
		for _, path := range paths {
			if !present(parent, strings.Split(path, ".")) {
				missing = append(missing, prefix+path)
			}
		}
	}
	needStatus := func(update map[string]any, prefix string) {
		need(update, prefix, "status.task_id.value", "status.state")
		if status, ok := update["status"].(map[string]any); ok && status["executor_id"] != nil {
			need(status, prefix+"status.", "executor_id.value")
		}
	}
	need(call, "", "executor_id.value", "framework_id.value")
	if update, ok := call["update"].(map[string]any); ok {
		needStatus(update, "update.")
	}
	if message, ok := call["message"].(map[string]any); ok {
		need(message, "message.", "data")
	}
	if subscribe, ok := call["subscribe"].(map[string]any); ok {
		for i, task := range objects(subscribe["unacknowledged_tasks"]) {
			need(task, fmt.Sprintf("subscribe.unacknowledged_tasks[%d].", i), "name", "task_id.value", "agent_id.value")
		}
		for i, update := range objects(subscribe["unacknowledged_updates"]) {
			needStatus(update, fmt.Sprintf("subscribe.unacknowledged_updates[%d].", i))
		}
	}
	return missing
}

// present reports whether there is a value at a path of keys. A JSON null counts as absent.
func present(object map[string]any, path []string) bool {
	value := object[path[0]]
	if len(path) == 1 || value == nil {
		return value != nil
	}
	inner, ok := value.(map[string]any)
	return ok && present(inner, path[1:])
}

// objects returns the elements of a JSON array; one that is not an object counts as empty.
func objects(array any) []map[string]any {
	elements, _ := array.([]any)
	all := make([]map[string]any, len(elements))
	for i, element := range elements {
		all[i], _ = element.(map[string]any)
	}
	return all
}

// statuses are all task statuses of a call.
func statuses(call *executor.Call) []mesos.TaskStatus {
	var all []mesos.TaskStatus
	if call.Update != nil {
		all = append(all, call.Update.Status)
	}
	if call.Subscribe != nil {
		for _, update := range call.Subscribe.UnacknowledgedUpdates {
			all = append(all, update.Status)
		}
	}
	return all
}

// validate is the agent's validation of a call that has a type (contract 5.1). The texts are the agent's; none
// means valid.
func validate(call *executor.Call) string {
	switch {
	case call.Type == executor.Call_SUBSCRIBE && call.Subscribe == nil:
		return "Expecting 'subscribe' to be present"
	case call.Type == executor.Call_UPDATE && call.Update == nil:
		return "Expecting 'update' to be present"
	case call.Type == executor.Call_MESSAGE && call.Message == nil:
		return "Expecting 'message' to be present"
	case call.Type == executor.Call_UPDATE:
		return validateUpdate(call, &call.Update.Status)
	}
	return ""
}

func validateUpdate(call *executor.Call, status *mesos.TaskStatus) string {
	id, framework := call.ExecutorID.Value, call.FrameworkID.Value
	switch {
	case status.UUID == nil:
		return "Expecting 'uuid' to be present"
	case !validUUID(status.UUID):
		return "Not a valid UUID"
	case status.ExecutorID != nil && status.ExecutorID.Value != id:
		return fmt.Sprintf("ExecutorID in Call: %s does not match ExecutorID in TaskStatus: %s", id, status.ExecutorID.Value)
	case status.GetSource() != mesos.SOURCE_EXECUTOR:
		return fmt.Sprintf("Received Call from executor %s of framework %s with invalid source, expecting 'SOURCE_EXECUTOR'",
			id, framework)
	case status.GetState() == mesos.TASK_STAGING:
		return fmt.Sprintf("Received TASK_STAGING from executor %s of framework %s which is not allowed", id, framework)
	case status.CheckStatus != nil:
		return validateCheckStatus(status.CheckStatus)
	}
	return ""
}

func validateCheckStatus(status *mesos.CheckStatusInfo) string {
	if status.Type == nil {
		return "CheckStatusInfo must specify 'type'"
	}
	switch *status.Type {
	case mesos.CheckInfo_COMMAND:
		if status.Command == nil {
			return "Expecting 'command' to be set for COMMAND check's status"
		}
	case mesos.CheckInfo_HTTP:
		if status.HTTP == nil {
			return "Expecting 'http' to be set for HTTP check's status"
		}
	case mesos.CheckInfo_TCP:
		if status.TCP == nil {
			return "Expecting 'tcp' to be set for TCP check's status"
		}
	default:
		return fmt.Sprintf("'%s' is not a valid check's status type", *status.Type)
	}
	return ""
}
