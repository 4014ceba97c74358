package v1

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosclient "github.com/mesos/mesos-go/api/v1/lib/client"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/framing"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/mesos/mesos-go/api/v1/lib/executor/calls"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/executor/agent/secure"
)

const (
	// maxRefusalText bounds what is read and shown of the text with which the agent refuses a call.
	maxRefusalText = 1 << 10

	// maxIgnoredBody bounds what is read of an answer without meaning, to use its connection again.
	maxIgnoredBody = 64 << 10

	maxResponseHeader = 64 << 10
)

// client sends calls to the agent's executor API: mesos-go's client over an HTTP client of our own. mesos-go's HTTP client would use a
// proxy that the task's environment names, cannot be interrupted while it dials, supports neither the domain socket nor https nor
// the token, and ends the stream at an event of 4 MiB.
type client struct {
	env  agent.Environment
	http *http.Client
	api  *httpcli.Client
}

func newClient(env agent.Environment) (*client, error) {
	c := &client{env: env, http: &http.Client{
		// The API never redirects. A call, and the token with it, goes to the agent and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	var dialer net.Dialer
	if err := c.connectBy(dialer.DialContext); err != nil {
		return nil, err
	}
	c.api = httpcli.New(
		httpcli.Endpoint(c.endpoint()),
		httpcli.Codec(codecs.ByMediaType[codecs.MediaTypeProtobuf]),
		httpcli.Do(c.do),
		httpcli.HandleResponse(answer),
	)
	return c, nil
}

// connectBy chooses the transport; dial opens TCP connections.
func (c *client) connectBy(dial secure.DialFunc) error {
	var http1 http.Protocols
	http1.SetHTTP1(true)
	transport := &http.Transport{
		Proxy:                  nil, // never: the environment is the task's
		DialContext:            dial,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxResponseHeader,
		Protocols:              &http1,
	}
	switch {
	case c.env.DomainSocket != "":
		transport.DialContext = dialSocket(c.env.DomainSocket)
	case c.env.TLS.Enabled:
		secured, err := secure.New(c.env.TLS)
		if err != nil {
			return err
		}
		transport.DialTLSContext = secured.Dialer(dial)
	}
	c.http.Transport = transport
	return nil
}

// endpoint returns the URL of the executor API. A domain socket speaks plain HTTP, as to the stock library.
func (c *client) endpoint() string {
	u := url.URL{Scheme: "http", Host: c.env.AgentEndpoint, Path: "/api/v1/executor"}
	if c.env.TLS.Enabled && c.env.DomainSocket == "" {
		u.Scheme = "https"
	}
	if c.env.AgentProcess != "" {
		u.Path = "/" + c.env.AgentProcess + u.Path
		u.RawPath = u.Path // the parentheses of slave(1) as they are, as every Mesos client sends them
	}
	u.Host = cmp.Or(u.Host, "localhost")
	return u.String()
}

// do sends one request. Its errors are *unreachableError, unlike those of encoding a call.
func (c *client) do(req *http.Request) (*http.Response, error) {
	if c.env.AuthenticationToken != "" {
		req.Header.Set("Authorization", "Bearer "+string(c.env.AuthenticationToken))
	}
	// A response keeps its request for as long as it is read, which for SUBSCRIBE is the task's life.
	req.Body, req.GetBody = &releasedBody{content: req.Body}, nil
	res, err := c.http.Do(req)
	if err != nil {
		return nil, &unreachableError{err}
	}
	return res, nil
}

// subscribe sends SUBSCRIBE and returns the stream of events, which lasts until ctx ends or it is closed.
func (c *client) subscribe(ctx context.Context, tasks []mesos.TaskInfo, updates []mesos.TaskStatus) (*eventStream, error) {
	unacknowledged := make([]executor.Call_Update, len(updates))
	for i := range updates {
		unacknowledged[i].Status = updates[i]
	}
	res, err := c.send(ctx, calls.Subscribe(tasks, unacknowledged))
	if err != nil {
		if refused, ok := errors.AsType[*refusal](err); ok && refused.permanent() {
			return nil, &fatalError{err}
		}
		return nil, err
	}
	response, ok := res.(*httpcli.Response)
	if !ok {
		return nil, &fatalError{errors.New("the agent accepted SUBSCRIBE without an event stream: is MESOS_AGENT_ENDPOINT a Mesos agent?")}
	}
	if kind, want := response.Header.Get("Content-Type"), codecs.MediaTypeProtobuf.ContentType(); kind != want {
		response.Close()
		return nil, &fatalError{fmt.Errorf("the agent answered SUBSCRIBE with Content-Type %q, not %s: is MESOS_AGENT_ENDPOINT a Mesos agent?", kind, want)}
	}
	return &eventStream{Response: response}, nil
}

// update sends one UPDATE. Success means that the agent has received it. Only the acknowledgement means that it is stored.
func (c *client) update(ctx context.Context, status mesos.TaskStatus) error {
	ctx, cancel := context.WithTimeoutCause(ctx, updateTimeout, fmt.Errorf("the agent did not answer UPDATE within %s", updateTimeout))
	defer cancel()
	res, err := c.send(ctx, calls.Update(status))
	if res != nil {
		res.Close()
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// send fails with *refusal, *unreachableError, or *fatalError for a call that cannot be encoded.
func (c *client) send(ctx context.Context, call *executor.Call) (mesos.Response, error) {
	call.With(calls.Framework(c.env.FrameworkID), calls.Executor(c.env.ExecutorID))
	res, err := c.api.Send(mesosclient.RequestSingleton(call), mesosclient.ResponseClassAuto, httpcli.Context(ctx))
	if err == nil {
		agent.ReleaseAfter(call.Size())
		return res, nil
	}
	if refused, ok := errors.AsType[*refusal](err); ok {
		refused.call = call.Type.String()
		if token := string(c.env.AuthenticationToken); token != "" {
			refused.text = strings.ReplaceAll(refused.text, token, c.env.AuthenticationToken.String())
		}
		return nil, err
	}
	if _, unreachable := errors.AsType[*unreachableError](err); unreachable {
		return nil, err
	}
	return nil, &fatalError{fmt.Errorf("encode %s: %w", call.Type, err)}
}

// answer replaces mesos-go's handling of a response, with our own record reader and errors. mesos-go's has a fixed limit of 4 MiB,
// takes a response with a Content-Length for a value and not a stream, and drops the status of a refusal.
func answer(res *http.Response, _ mesosclient.ResponseClass, err error) (mesos.Response, error) {
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode == http.StatusOK:
		records := newRecordReader(res.Body, maxRecord)
		decoder := codecs.ByMediaType[codecs.MediaTypeProtobuf].NewDecoder(func() framing.Reader { return records })
		return &httpcli.Response{Closer: res.Body, Decoder: decoder, Header: res.Header}, nil
	}
	defer res.Body.Close()
	if res.StatusCode/100 == 2 {
		// An error here belongs to the connection's next user.
		_, _ = io.CopyN(io.Discard, res.Body, maxIgnoredBody)
		return nil, nil
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, maxRefusalText))
	return nil, &refusal{code: res.StatusCode, text: strings.ToValidUTF8(strings.TrimSpace(string(text)), "?")}
}

// maxSocketPath is the size of sun_path in sockaddr_un, which ends with a NUL.
const maxSocketPath = 108

// dialSocket returns a dial function that connects to the agent's domain socket, whatever the address.
func dialSocket(path string) secure.DialFunc {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		if len(path) < maxSocketPath {
			return dialer.DialContext(ctx, "unix", path)
		}
		// The directory's descriptor stands for a path that does not fit into a socket address.
		directory, err := os.Open(filepath.Dir(path))
		if err != nil {
			return nil, fmt.Errorf("open the directory of the agent's domain socket, whose path of %d bytes is too long to be dialled: %w", len(path), err)
		}
		defer directory.Close()
		short := filepath.Join("/proc/self/fd", strconv.FormatUint(uint64(directory.Fd()), 10), filepath.Base(path))
		if len(short) >= maxSocketPath {
			return nil, fmt.Errorf("the name of the agent's domain socket %s is too long to be dialled: MESOS_DOMAIN_SOCKET needs a shorter file name", path)
		}
		return dialer.DialContext(ctx, "unix", short)
	}
}

// releasedBody is a request's body that lets go of its content when it has been sent. A SUBSCRIBE carries whole tasks.
type releasedBody struct {
	mu      sync.Mutex    // the transport may close while it reads
	content io.ReadCloser // nil once closed
}

func (b *releasedBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.content == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.content.Read(p)
}

func (b *releasedBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.content == nil {
		return nil
	}
	err := b.content.Close()
	b.content = nil
	return err
}
