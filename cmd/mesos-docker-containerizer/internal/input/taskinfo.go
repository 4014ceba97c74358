package input

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-multierror"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/config/marathon"
)

// Keys that tell a TaskInfo from a Marathon document: the first do not occur at the top of one, the others always do.
var (
	taskKeys     = []string{"task_id", "agent_id", "slave_id", "command", "resources", "kill_policy", "health_check", "discovery"}
	marathonKeys = []string{"id", "apps", "groups"}
)

// isTaskInfo tells what a document is meant to be. What is no JSON object is not for us to complain about.
func isTaskInfo(data []byte) bool {
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil {
		return false
	}
	has := func(key string) bool { return object[key] != nil }
	return slices.ContainsFunc(taskKeys, has) && !slices.ContainsFunc(marathonKeys, has)
}

// parseTaskInfo reads a TaskInfo in the JSON of the v1 API. Unknown fields, missing ones and values of a wrong type are all
// reported, each with its path; the decoder of mesos-go would pass over some and stop at the first of the others.
func parseTaskInfo(data []byte) (*mesos.TaskInfo, error) {
	c := &checker{}
	c.value(data, reflect.TypeFor[mesos.TaskInfo](), "")
	var info mesos.TaskInfo
	if c.mistakes == nil {
		if err := json.Unmarshal(data, &info); err != nil {
			return nil, fmt.Errorf("cannot be decoded as a TaskInfo: %w", err)
		}
		c.sense(&info)
	}
	if c.mistakes != nil {
		return nil, &multierror.Error{Errors: c.mistakes}
	}
	return &info, nil
}

// checker collects mistakes.
type checker struct{ mistakes []error }

func (c *checker) mistake(path, format string, args ...any) {
	c.mistakes = append(c.mistakes, &marathon.Mistake{Path: path, Message: fmt.Sprintf(format, args...)})
}

// value holds JSON against the type it is meant for.
func (c *checker) value(data json.RawMessage, t reflect.Type, path string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	bytes := t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
	switch {
	case string(data) == "null":
	case t.Kind() == reflect.Struct:
		c.object(data, t, path)
	case t.Kind() == reflect.Slice && !bytes:
		var elements []json.RawMessage
		if json.Unmarshal(data, &elements) != nil {
			c.mistake(path, "expected a list")
		}
		for i, element := range elements {
			c.value(element, t.Elem(), path+"/"+strconv.Itoa(i))
		}
	case t.Kind() == reflect.Map:
		var elements map[string]json.RawMessage
		if json.Unmarshal(data, &elements) != nil {
			c.mistake(path, "expected an object")
		}
		for _, key := range slices.Sorted(maps.Keys(elements)) {
			c.value(elements[key], t.Elem(), join(path, key))
		}
	case json.Unmarshal(data, reflect.New(t).Interface()) != nil:
		c.mistake(path, "expected %s", expectation(t, bytes))
	}
}

// expectation says in words what a scalar type takes.
func expectation(t reflect.Type, bytes bool) string {
	switch {
	case bytes:
		return "text in base64"
	case t.Implements(reflect.TypeFor[fmt.Stringer]()):
		return "a name of " + strings.ReplaceAll(t.Name(), "_", ".")
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float64, reflect.Float32:
		return "a number"
	case reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("a whole number of 0 or more that fits into %d bits", t.Bits())
	}
	return fmt.Sprintf("a whole number that fits into %d bits", t.Bits())
}

// object checks the fields of a message. What is required stands in the tags of the generated types.
func (c *checker) object(data json.RawMessage, t reflect.Type, path string) {
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil {
		c.mistake(path, "expected an object")
		return
	}
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		fields[name] = field.Type
		required := strings.Contains(field.Tag.Get("protobuf"), ",req,")
		if present := object[name] != nil && string(object[name]) != "null"; required && !present && !filledIn(path, name) {
			c.mistake(join(path, name), "is required")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if field, known := fields[key]; known {
			c.value(object[key], field, join(path, key))
		} else {
			c.mistake(join(path, key), "%s has no such field", strings.ReplaceAll(t.Name(), "_", "."))
		}
	}
}

// filledIn says that a required field is the run's to set.
func filledIn(path, name string) bool { return path == "" && name == "agent_id" }

// join appends a key to a JSON pointer (RFC 6901).
func join(path, key string) string {
	return path + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

// sense checks what a task must have to be run here.
func (c *checker) sense(info *mesos.TaskInfo) {
	if err := checkID(info.TaskID.Value); err != nil {
		c.mistake("/task_id/value", "%v", err)
	}
	if info.Container == nil {
		if info.Executor == nil && !named(info) {
			c.mistake("/container", "is required, with type DOCKER")
		}
		return
	}
	switch container := info.Container; {
	case container.GetType() != mesos.ContainerInfo_DOCKER:
		c.mistake("/container/type", "only DOCKER can be run")
	case container.Docker == nil:
		c.mistake("/container/docker", "is required")
	case container.Docker.Image == "":
		c.mistake("/container/docker/image", "is empty")
	}
}

// named says that the container stands in a label or variable, where frameworks put it that cannot name one (contract 2.2).
func named(info *mesos.TaskInfo) bool {
	const key = "DOCKER_CONTAINER"
	for _, label := range info.GetLabels().GetLabels() {
		if label.Key == key {
			return true
		}
	}
	for _, variable := range info.GetCommand().GetEnvironment().GetVariables() {
		if variable.Name == key {
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
