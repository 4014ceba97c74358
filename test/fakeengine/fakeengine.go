// Package fakeengine is a Docker Engine that fails on demand: a proxy in front of a real one, so that containers are real and
// only the answers are not to be relied on.
//
//	p := fakeengine.New(t, environment.Socket(t))
//	p.Fault(fakeengine.LoseAnswer, http.MethodPost, `/containers/create`, 1)
//	engine.New(engine.Options{Socket: p.Socket})
//
// What the code under test sees is a real HTTP server on a Unix socket, so the client's streaming, errors and version
// negotiation are tested with it.
package fakeengine

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
)

// Kind is what goes wrong with a request.
type Kind int

// The faults.
const (
	// LoseAnswer has the real Engine do it and breaks the connection instead of answering.
	LoseAnswer Kind = iota
	// Break breaks the connection; the real Engine hears nothing of the request.
	Break
	// Hang answers nothing until Release is called; then the real Engine gets the request, whether the caller is still there or
	// has gone: an Engine that hangs has the request already.
	Hang
	// Late breaks the connection; the real Engine gets the request when Release is called.
	Late
	// Fail answers with an internal error; the real Engine hears nothing of the request.
	Fail
	// Forget answers that there is no such container; the real Engine hears nothing of the request.
	Forget
	// FailDone has the real Engine do it and answers with an internal error.
	FailDone
	// Silence answers the header of a stream, and nothing more until the caller gives up.
	Silence
	// Halve has the real Engine do it and breaks the connection in the middle of its answer. It is for answers that end.
	Halve
)

// Proxy is one failing Engine.
type Proxy struct {
	Socket string

	t       testing.TB
	reverse *httputil.ReverseProxy
	server  *http.Server
	serving sync.WaitGroup
	life    context.Context // of the streams

	mu       sync.Mutex // guards what follows
	faults   []*fault
	seen     []string // "METHOD path" of each request
	released chan struct{}
}

type fault struct {
	kind   Kind
	method string
	path   *regexp.Regexp
	left   int
}

// New starts a proxy in front of the Engine at a Unix socket. It ends with the test.
func New(t testing.TB, engine string) *Proxy {
	t.Helper()
	p := &Proxy{t: t, Socket: filepath.Join(t.TempDir(), "engine.sock"), released: make(chan struct{})}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", engine)
	}}
	p.reverse = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "engine"
		},
		Transport:     transport,
		FlushInterval: -1, // streams
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { abort(w) },
		ModifyResponse: func(r *http.Response) error {
			if answered, ok := r.Request.Context().Value(answeredKey{}).(func()); ok {
				answered()
			}
			return nil
		},
	}
	life, end := context.WithCancel(context.Background())
	p.life = life
	p.Back()
	t.Cleanup(func() {
		p.Release()
		p.Away()
		end() // the stream of a container that never ran does not end by itself
		transport.CloseIdleConnections()
	})
	return p
}

// Fault has the next n requests whose path matches (without the version in front) fail.
func (p *Proxy) Fault(kind Kind, method, path string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, &fault{kind: kind, method: method, path: regexp.MustCompile(`^(/v[0-9.]+)?` + path + `$`), left: n})
}

// Mend ends the faults of requests that are yet to come.
func (p *Proxy) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
}

// Release ends every Hang, present and future.
func (p *Proxy) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.released:
	default:
		close(p.released)
	}
}

// Heal forgets the faults that have not happened yet and ends every Hang so far. Faults that come later hang again.
func (p *Proxy) Heal() {
	p.Release()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults, p.released = nil, make(chan struct{})
}

// Count tells how many requests with a method and a path have come. One that hangs or is late has come when all of it has: it then
// takes effect once it is released.
func (p *Proxy) Count(method, path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	pattern := regexp.MustCompile(`^` + method + ` (/v[0-9.]+)?` + path + `$`)
	n := 0
	for _, s := range p.seen {
		if pattern.MatchString(s) {
			n++
		}
	}
	return n
}

// Away takes the Engine down: its socket is gone and every connection broken. Containers run on, as with live-restore.
func (p *Proxy) Away() {
	p.server.Close()
	p.serving.Wait()
	os.Remove(p.Socket)
}

// Back brings it up again.
func (p *Proxy) Back() {
	p.t.Helper()
	listener, err := net.Listen("unix", p.Socket)
	if err != nil {
		p.t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(p.serve), BaseContext: func(net.Listener) context.Context { return p.life }}
	p.server = server
	p.serving.Go(func() { server.Serve(listener) })
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	kind, failing, released := p.next(r)
	if failing && (kind == Hang || kind == Late) {
		// Nothing hangs, or is late, that has not come to its end; and its caller may be gone when it is needed.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			abort(w)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	p.saw(r)
	switch {
	case !failing:
		p.reverse.ServeHTTP(w, r)
	case kind == LoseAnswer:
		p.reverse.ServeHTTP(&discard{header: http.Header{}}, r)
		abort(w)
	case kind == Break:
		abort(w)
	case kind == Halve:
		p.halve(w, r)
	case kind == Hang:
		<-released
		ctx, cancel := untilAnswered(r.Context())
		defer cancel()
		p.reverse.ServeHTTP(w, r.WithContext(ctx))
	case kind == Late:
		late := r.Clone(context.Background())
		p.serving.Go(func() {
			<-released
			p.reverse.ServeHTTP(&discard{header: http.Header{}}, late)
		})
		abort(w)
	case kind == Fail, kind == FailDone:
		if kind == FailDone {
			p.reverse.ServeHTTP(&discard{header: http.Header{}}, r)
		}
		refuse(w, http.StatusInternalServerError, "made to fail")
	case kind == Forget:
		refuse(w, http.StatusNotFound, "No such container: made to be forgotten")
	case kind == Silence:
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
}

// refuse answers as an Engine that does not do what it was asked.
func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"message":%q}`, message)
}

// halve answers with half of the Engine's answer.
func (p *Proxy) halve(w http.ResponseWriter, r *http.Request) {
	whole := half{httptest.NewRecorder()}
	p.reverse.ServeHTTP(whole, r)
	conn, out, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	body := whole.Body.Bytes()
	fmt.Fprintf(out, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", whole.Code,
		http.StatusText(whole.Code), len(body), body[:len(body)/2])
	out.Flush()
}

// half takes an answer that will be cut. It takes no stream.
type half struct{ *httptest.ResponseRecorder }

func (half) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, http.ErrNotSupported }

// answeredKey is the key of a func() in the context of a request, to be called when the real Engine has answered.
type answeredKey struct{}

// untilAnswered returns a context for a request to the real Engine. The caller's end reaches it once the Engine has answered, so
// that the request takes effect in any case and a stream ends with its reader.
func untilAnswered(caller context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(caller))
	answered := func() { context.AfterFunc(caller, cancel) }
	return context.WithValue(ctx, answeredKey{}, answered), cancel
}

func (p *Proxy) next(r *http.Request) (Kind, bool, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.faults {
		if f.left > 0 && f.method == r.Method && f.path.MatchString(r.URL.Path) {
			f.left--
			return f.kind, true, p.released
		}
	}
	return 0, false, nil
}

func (p *Proxy) saw(r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, r.Method+" "+r.URL.Path)
}

// abort breaks the connection a request came on.
func abort(w http.ResponseWriter) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		conn.Close()
	}
}

// discard takes an answer that is to be lost.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Flush()                      {}

func (d *discard) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, http.ErrNotSupported
}
