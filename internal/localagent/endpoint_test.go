package localagent

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mesos-docker-containerizer/internal/agentflag"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	mesostime "github.com/mesos/mesos-go/api/v1/lib/time"
	"pgregory.net/rapid"
)

// readProtobuf reads one record.
func readProtobuf(t *testing.T, stream io.Reader) executor.Event {
	t.Helper()
	reader := bufio.NewReaderSize(oneByte{stream}, 16)
	var size int
	if _, err := fmt.Fscanf(reader, "%d\n", &size); err != nil {
		t.Fatal(err)
	}
	record := make([]byte, size)
	if _, err := io.ReadFull(reader, record); err != nil {
		t.Fatal(err)
	}
	var event executor.Event
	if err := event.Unmarshal(record); err != nil {
		t.Fatal(err)
	}
	return event
}

// oneByte keeps a buffered reader from reading ahead.
type oneByte struct{ io.Reader }

func (r oneByte) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(1, len(p))]) }

func TestTokens(t *testing.T) {
	a := newAgent(t, Options{Tokens: true})
	finished := launch(t, a, finishing)
	await(t, finished, mesos.TASK_FINISHED) // with the token from its environment

	c := newClient(t, a)
	token := func(change func(*claims)) string {
		own := claims{FrameworkID: c.task.FrameworkID, ExecutorID: c.task.ExecutorID, ContainerID: c.task.ContainerID}
		if change != nil {
			change(&own)
		}
		return "Bearer " + a.issueToken(own)
	}
	good := token(nil)
	for _, tc := range []struct {
		name, header string
		code         int
		text         string // of the challenge or the body
	}{
		{"none", "", 401, `Bearer realm="mesos-agent-executor"`},
		{"malformed", "Bearer", 401, "Malformed"},
		{"too long", "Bearer a b", 401, "Malformed"},
		{"basic", "Basic YTpi", 401, "Scheme 'Basic' unsupported"},
		{"junk", "Bearer junk", 401, "Invalid JWT"},
		{"forged", good + "A", 401, "Invalid JWT"},
		{"other framework", token(func(c *claims) { c.FrameworkID = "x" }), 403, "'fid' claim"},
		{"other executor", token(func(c *claims) { c.ExecutorID = "x" }), 403, "'eid' claim"},
		{"other container", token(func(c *claims) { c.ContainerID = "x" }), 403, "'cid' claim"},
		{"good", good, 403, "Executor is not subscribed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body, err := c.update(mesos.TASK_RUNNING).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			request, err := http.NewRequest(http.MethodPost, c.base+executorRoute, bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/x-protobuf")
			if tc.header != "" {
				request.Header.Set("Authorization", tc.header)
			}
			response, err := c.http.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			text, _ := io.ReadAll(response.Body)
			said := response.Header.Get("Www-Authenticate") + string(text)
			if response.StatusCode != tc.code || !strings.Contains(said, tc.text) {
				t.Errorf("answered %d %q, want %d %q", response.StatusCode, said, tc.code, tc.text)
			}
		})
	}
}

func TestDomainSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	a := newAgent(t, Options{DomainSocket: path})
	task := launch(t, a, mute)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	c := &client{t: t, task: task, http: &http.Client{Transport: transport}, base: "http://agent"}
	t.Cleanup(transport.CloseIdleConnections)

	body, err := c.call(executor.Call_HEARTBEAT).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		path string
		code int
	}{
		{"/slave(1)/api/v1/executor", 202},
		{"/api/v1/executor", 403},
		{"/slave(1)/state", 403},
	} {
		response, err := c.http.Post(c.base+tc.path, "application/x-protobuf", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != tc.code {
			t.Errorf("%s answered %d, want %d", tc.path, response.StatusCode, tc.code)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != domainSocketMode {
		t.Errorf("socket: %v %v", info.Mode(), err)
	}
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the path did not outlive the agent: %v", err)
	}
	if _, err := net.Dial("unix", path); err == nil {
		t.Error("a stopped agent took a connection")
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("Close left the socket behind")
	}
	if _, err := New(Options{WorkDir: t.TempDir(), DomainSocket: "/" + strings.Repeat("x", 107)}); err == nil {
		t.Error("a path that does not fit into a socket address was accepted")
	}
}

func TestTLS(t *testing.T) {
	// httptest brings a certificate for 127.0.0.1.
	other := httptest.NewTLSServer(nil)
	certificate := other.TLS.Certificates[0]
	roots := x509.NewCertPool()
	roots.AddCert(other.Certificate())
	other.Close()

	a := newAgent(t, Options{TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}})
	c := clientOf(t, a, launch(t, a, mute))
	if code, _ := c.send(c.call(executor.Call_HEARTBEAT)); code == http.StatusAccepted {
		t.Error("an agent with TLS spoke without")
	}
	c.base = "https://" + a.Endpoint()
	c.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
	c.must(c.call(executor.Call_HEARTBEAT))
	c.subscribe().next(executor.Event_SUBSCRIBED)
}

func TestOptions(t *testing.T) {
	for name, options := range map[string]Options{
		"no work directory": {},
		"no address":        {WorkDir: t.TempDir(), IP: "localhost"},
		"agent id":          {WorkDir: t.TempDir(), AgentID: "a/b"},
	} {
		if a, err := New(options); err == nil {
			t.Errorf("%s: accepted", name)
			a.Close()
		}
	}
	first := newAgent(t, Options{})
	if a, err := New(Options{WorkDir: t.TempDir(), Port: int(first.info.GetPort())}); err == nil {
		t.Error("a port was taken twice")
		a.Close()
	}
}

func TestDurationsReadBack(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0ns", time.Nanosecond: "1ns", 1500 * time.Millisecond: "1500ms", 5 * time.Second: "5secs", 90 * time.Second: "90secs",
		15 * time.Minute: "15mins", 6 * time.Hour: "6hrs", 240 * time.Hour: "10days", 14 * 24 * time.Hour: "2weeks",
	} {
		if got := agentflag.FormatDuration(d); got != want {
			t.Errorf("%s is written %s, want %s", d, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		// Up to 2^53 ns the reader's floating-point arithmetic is exact.
		d := time.Duration(rapid.Int64Range(0, 1<<53).Draw(t, "ns"))
		if got, err := mesostime.ParseDuration(agentflag.FormatDuration(d)); err != nil || got != d {
			t.Fatalf("%d is written %s and read %d: %v", d, agentflag.FormatDuration(d), got, err)
		}
	})
}

func TestUUIDs(t *testing.T) {
	if !validUUID(newUUIDBytes()) || len(newUUID()) != 36 {
		t.Error("our own UUIDs are not valid")
	}
}
