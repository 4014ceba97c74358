package compat

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api"
	"github.com/docker/docker/api/types/versions"

	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
)

// callLimit bounds one request, long enough for a loaded machine.
const callLimit = 2 * time.Minute

// object is a JSON object as it is sent.
type object map[string]any

// engine is an Engine that is asked in plain HTTP, so that a row sees what was answered and not what a client made of it.
type engine struct {
	socket string
	http   *http.Client
	image  string // a shell

	version string // of dockerd: "20.10.24+dfsg1"
	runc    string // its version: "1.1.5"
	api     string // what the product speaks with it: the newest that both know
	newest  string // what it knows
	oldest  string // what it still speaks
}

// connect asks an Engine for its versions.
func connect(t *testing.T, socket string) *engine {
	t.Helper()
	e := &engine{socket: socket, api: api.DefaultVersion}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}
	e.http = &http.Client{Transport: transport}
	t.Cleanup(transport.CloseIdleConnections)
	var said struct {
		Version       string
		APIVersion    string `json:"ApiVersion"`
		MinAPIVersion string
		Components    []struct{ Name, Version string }
	}
	e.at(t, "", "GET", "/version", nil).into(t, &said)
	e.version, e.newest, e.oldest = said.Version, said.APIVersion, said.MinAPIVersion
	for _, c := range said.Components {
		if c.Name == "runc" {
			e.runc = c.Version
		}
	}
	if versions.LessThan(e.newest, e.api) {
		e.api = e.newest
	}
	return e
}

// theEngine is the one that all tests use.
func theEngine(t *testing.T) *engine {
	t.Helper()
	e := connect(t, environment.Socket(t))
	e.image = environment.Busybox(t)
	return e
}

// answer is what an Engine has said to one request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask makes a request in the API version that the product speaks. A body that is not nil is sent as JSON.
func (e *engine) ask(t *testing.T, method, path string, body any) answer {
	t.Helper()
	return e.at(t, "/v"+e.api, method, path, body)
}

// at is ask in a version, "/v1.41", or in none.
func (e *engine) at(t *testing.T, version, method, path string, body any) answer {
	t.Helper()
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(encoded)
	}
	return e.send(t, version, method, path, "application/json", content)
}

// send is at with a body of any type.
func (e *engine) send(t *testing.T, version, method, path, contentType string, body io.Reader) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callLimit) // clean-up asks too, when the test's context has ended
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://engine"+version+path, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	response, err := e.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: content}
}

// into decodes the body of a success.
func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if a.status >= 300 {
		t.Fatalf("the Engine answered %v", a)
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

// message is the text of an error.
func (a answer) message() string {
	var said struct{ Message string }
	if json.Unmarshal(a.body, &said) != nil {
		return string(a.body)
	}
	return said.Message
}

// String is the status.
func (a answer) String() string { return strconv.Itoa(a.status) }

// said is the status, and the text of an error.
func (a answer) said() string {
	if a.status < 400 {
		return a.String()
	}
	return fmt.Sprintf("%d %s", a.status, a.message())
}

// at returns a member of the body as JSON, by its path: "State.ExitCode". One that is not there is "absent".
func (a answer) at(path string) string {
	value := json.RawMessage(a.body)
	for name := range strings.SplitSeq(path, ".") {
		var members map[string]json.RawMessage
		if json.Unmarshal(value, &members) != nil {
			return "absent"
		}
		member, found := members[name]
		if !found {
			return "absent"
		}
		value = member
	}
	var sorted any // the order of members means nothing, and differs
	if err := json.Unmarshal(value, &sorted); err != nil {
		return err.Error()
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(sorted); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(text.String())
}

// create creates a container of the test, which is removed with it.
func (e *engine) create(t *testing.T, config object) (id string, a answer) {
	t.Helper()
	return e.createAt(t, "/v"+e.api, "", config)
}

// createAt is create in an API version and with a query: "?name=x".
func (e *engine) createAt(t *testing.T, version, query string, config object) (id string, a answer) {
	t.Helper()
	whole := object{"Image": e.image, "Labels": object{testimage.Label: t.Name()}}
	for name, value := range config {
		whole[name] = value
	}
	a = e.at(t, version, "POST", "/containers/create"+query, whole)
	if a.status >= 300 {
		return "", a
	}
	var created struct{ ID string }
	a.into(t, &created)
	t.Cleanup(func() { e.ask(t, "DELETE", "/containers/"+created.ID+"?force=1&v=1", nil) })
	return created.ID, a
}

// must is create for a request that every Engine takes.
func (e *engine) must(t *testing.T, config object) (id string) {
	t.Helper()
	id, a := e.create(t, config)
	if a.status != http.StatusCreated {
		t.Fatalf("create: %v", a)
	}
	return id
}

// start starts a container of a row that is about something later.
func (e *engine) start(t *testing.T, id string) {
	t.Helper()
	if a := e.ask(t, "POST", "/containers/"+id+"/start", nil); a.status != http.StatusNoContent {
		t.Fatalf("start: %v", a)
	}
}

// started creates and starts a container.
func (e *engine) started(t *testing.T, config object) (id string) {
	t.Helper()
	id = e.must(t, config)
	e.start(t, id)
	return id
}

// inspect asks for a container.
func (e *engine) inspect(t *testing.T, id string) answer {
	t.Helper()
	return e.ask(t, "GET", "/containers/"+id+"/json", nil)
}

// wait waits for the end of a container.
func (e *engine) wait(t *testing.T, id string) {
	t.Helper()
	if a := e.ask(t, "POST", "/containers/"+id+"/wait", nil); a.status != http.StatusOK {
		t.Fatalf("wait: %v", a)
	}
}

// ran starts a container, waits for its end and returns it as inspected.
func (e *engine) ran(t *testing.T, config object) (id string, inspected answer) {
	t.Helper()
	id = e.started(t, config)
	e.wait(t, id)
	return id, e.inspect(t, id)
}

// prints is what a shell command writes in a container with such a HostConfig.
func (e *engine) prints(t *testing.T, host object, command string) string {
	t.Helper()
	id, _ := e.ran(t, object{"Cmd": []string{"sh", "-c", command}, "HostConfig": host})
	return e.output(t, id)
}

// printsAs is prints as a user.
func (e *engine) printsAs(t *testing.T, user, command string) string {
	t.Helper()
	id, _ := e.ran(t, object{"User": user, "Cmd": []string{"sh", "-c", command}})
	return e.output(t, id)
}

// creates tells what the Engine says to a create with each HostConfig, and to the start where it takes that.
func (e *engine) creates(t *testing.T, hosts ...object) string {
	t.Helper()
	var all []string
	for _, host := range hosts {
		id, a := e.create(t, object{"Cmd": []string{"true"}, "HostConfig": host})
		text := a.String()
		if id != "" {
			text += ", " + e.ask(t, "POST", "/containers/"+id+"/start", nil).String()
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// output is what a container has written so far, in one line.
func (e *engine) output(t *testing.T, id string) string {
	t.Helper()
	a := e.ask(t, "GET", "/containers/"+id+"/logs?stdout=1&stderr=1", nil)
	if a.status != http.StatusOK {
		t.Fatalf("logs: %v", a)
	}
	return strings.ReplaceAll(strings.TrimSpace(unframe(a.body)), "\n", " ")
}

// unframe takes the headers out of a multiplexed stream.
func unframe(stream []byte) string {
	var text strings.Builder
	for len(stream) >= 8 {
		end := 8 + int(binary.BigEndian.Uint32(stream[4:8]))
		text.Write(stream[8:min(end, len(stream))])
		stream = stream[min(end, len(stream)):]
	}
	return text.String()
}
