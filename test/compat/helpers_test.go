package compat

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long something may take that is on its way.
const patience = time.Minute

// plain replaces what differs between runs.
func plain(text, what, by string) string { return strings.ReplaceAll(text, what, by) }

// keys are the names of an object's members, sorted.
func keys(t *testing.T, a answer, path string) string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(a.at(path)), &members); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return strings.Join(slices.Sorted(maps.Keys(members)), " ")
}

// count is the number of elements of a list.
func count(t *testing.T, a answer, path string) string {
	t.Helper()
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(a.at(path)), &list); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return fmt.Sprint(len(list))
}

// sorted is a list of strings in JSON in one order, for Engines that give it in any.
func sorted(t *testing.T, a answer, path string) string {
	t.Helper()
	var list []string
	if err := json.Unmarshal([]byte(a.at(path)), &list); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return fmt.Sprintf("%q", slices.Sorted(slices.Values(list)))
}

// shared is a directory that the Engine sees too.
func shared(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("/var/tmp", "mesos-docker-compat.")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(directory, 0o755); err != nil { // not root's alone, for Engines with user namespaces
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	return directory
}

// mountTmpfs mounts a file system for the length of the test.
func mountTmpfs(t *testing.T, directory string) {
	t.Helper()
	if err := os.Mkdir(directory, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", directory, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(directory, unix.MNT_DETACH) })
}

// ownNamespace is a namespace of this process, which is the Engine's where the Engine is a private one.
func ownNamespace(t *testing.T, name string) string {
	t.Helper()
	link, err := os.Readlink("/proc/self/ns/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// put copies an archive with one file into a container.
func (e *engine) put(t *testing.T, id, path, name string) answer {
	t.Helper()
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return e.send(t, "/v"+e.api, "PUT", "/containers/"+id+"/archive?path="+path, "application/x-tar", &packed)
}

// network creates a network of the test.
func (e *engine) network(t *testing.T) (name string) {
	t.Helper()
	name = fmt.Sprintf("compat-%d-%d", os.Getpid(), time.Now().UnixNano())
	if a := e.ask(t, "POST", "/networks/create", object{"Name": name}); a.status != 201 {
		t.Fatalf("create network: %v", a)
	}
	t.Cleanup(func() { e.ask(t, "DELETE", "/networks/"+name, nil) })
	return name
}

// volume creates a volume of the test.
func (e *engine) volume(t *testing.T) (name string) {
	t.Helper()
	name = fmt.Sprintf("compat-%d-%d", os.Getpid(), time.Now().UnixNano())
	if a := e.ask(t, "POST", "/volumes/create", object{"Name": name}); a.status != 201 {
		t.Fatalf("create volume: %v", a)
	}
	t.Cleanup(func() { e.ask(t, "DELETE", "/volumes/"+name, nil) })
	return name
}

// imageStore tells how an Engine keeps images.
func (e *engine) imageStore(t *testing.T) string {
	t.Helper()
	info, image := e.ask(t, "GET", "/info", nil), e.ask(t, "GET", "/images/"+e.image+"/json", nil)
	kind := "of the Engine's own"
	if strings.Contains(info.at("DriverStatus"), "io.containerd.snapshotter") {
		kind = "containerd's"
	}
	_, tag, _ := strings.Cut(e.image, ":")
	return fmt.Sprintf("%s, %s; %t, Descriptor is there %t", info.at("Driver"), kind, strings.HasPrefix(image.at("Id"), `"sha256:`+tag), image.at("Descriptor") != "absent")
}

// message is an event.
type message struct {
	Action   string
	Actor    struct{ Attributes map[string]string }
	TimeNano int64 `json:"timeNano"`
}

// eventPath asks for the events of a container from a time until now.
func (e *engine) eventPath(id string, since time.Time) string {
	filters, _ := json.Marshal(map[string][]string{"type": {"container"}, "container": {id}})
	return fmt.Sprintf("/events?since=%d.%09d&until=%d.999999999&filters=%s", since.Unix(), since.Nanosecond(), time.Now().Unix(), url.QueryEscape(string(filters)))
}

// eventList are the events of a container since a time, as the newest version of the API has them.
func (e *engine) eventList(t *testing.T, id string, since time.Time) []message {
	t.Helper()
	a := e.at(t, "/v"+e.newest, "GET", e.eventPath(id, since), nil)
	var list []message
	for decoder := json.NewDecoder(bytes.NewReader(a.body)); decoder.More(); {
		var m message
		if err := decoder.Decode(&m); err != nil {
			t.Fatalf("%v in %s", err, a.body)
		}
		list = append(list, m)
	}
	return list
}

// events are the actions since a time, in the order in which the Engine tells of them, without what the test itself copied.
func (e *engine) events(t *testing.T, id string, since time.Time) string {
	t.Helper()
	var actions []string
	for _, m := range e.eventList(t, id, since) {
		action := m.Action
		if action == "extract-to-dir" {
			continue
		}
		if code := m.Actor.Attributes["exitCode"]; action == "die" && code != "" {
			action += " " + code
		}
		actions = append(actions, action)
	}
	if len(actions) == 0 {
		return "none"
	}
	return strings.Join(actions, ", ")
}

// eventsUntil is events once the last of them is there: the Engine may answer a call before it tells of what the call did.
func (e *engine) eventsUntil(t *testing.T, last, id string, since time.Time) (actions string) {
	t.Helper()
	e.until(t, func() bool {
		actions = e.events(t, id, since)
		return strings.Contains(actions, last)
	})
	return actions
}

// saysUp waits until a container has written "up".
func (e *engine) saysUp(t *testing.T, id string) {
	t.Helper()
	e.until(t, func() bool { return strings.Contains(e.output(t, id), "up") })
}

// settled waits until a container is not started again.
func (e *engine) settled(t *testing.T, id string) {
	t.Helper()
	e.until(t, func() bool {
		a := e.inspect(t, id)
		return a.at("State.Status") == `"exited"` && a.at("RestartCount") == "1"
	})
}

// until asks until something holds.
func (e *engine) until(t *testing.T, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); {
		if time.Now().After(end) {
			t.Fatal("it has not come about in time")
		}
		<-time.After(20 * time.Millisecond)
	}
}

// failedStart starts what cannot be started and tells what the Engine says of it.
func (e *engine) failedStart(t *testing.T, id string) string {
	t.Helper()
	since := time.Now()
	a := e.ask(t, "POST", "/containers/"+id+"/start", nil)
	state := e.inspect(t, id)
	started := "set"
	if strings.Contains(state.at("State.StartedAt"), "0001-01-01") {
		started = "zero"
	}
	return fmt.Sprintf("%v; Status %s, ExitCode %s, StartedAt %s; events %s", a, state.at("State.Status"), state.at("State.ExitCode"), started, e.events(t, id, since))
}
