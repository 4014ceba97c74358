package localagent

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"go.uber.org/zap"
)

const (
	executorRoute = "/api/v1/executor"
	agentProcess  = "slave(1)"
	// maximumBody is far above any call an executor makes; it only keeps a mistake from filling the memory.
	maximumBody = 64 << 20
)

// refusal is an answer other than success.
type refusal struct {
	code   int
	text   string
	header http.Header
}

func refuse(code int, format string, args ...any) *refusal {
	return &refusal{code: code, text: fmt.Sprintf(format, args...)}
}

func (f *refusal) write(w http.ResponseWriter) {
	for name, values := range f.header {
		w.Header()[name] = values
	}
	if f.text != "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	w.WriteHeader(f.code)
	io.WriteString(w, f.text) // the client may have gone; there is nobody to tell
}

// handle answers one request. The order of the checks is the real agent's (contract 5.1): routing, authentication,
// recovery, method, body, validation, Accept, recovery again, lookup, claims, subscription.
func (a *Agent) handle(w http.ResponseWriter, r *http.Request) {
	call, caller, refused := a.receive(r)
	if refused == nil && call.Type == executor.Call_HEARTBEAT {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	var fault *Refusal
	var accepted *stream
	if refused == nil {
		codec, ok := codecs.ByMediaType[acceptable(r)]
		if call.Type == executor.Call_SUBSCRIBE && !ok {
			refused = refuse(http.StatusNotAcceptable, "Expecting 'Accept' to allow '%s' or '%s'",
				codecs.MediaTypeProtobuf, codecs.MediaTypeJSON)
		} else if fault = a.takeRefusal(call.Type); fault == nil || fault.AfterHandling {
			accepted, refused = a.dispatch(call, caller, newStream(codec))
		}
	}
	if fault != nil {
		a.mu.Lock()
		accepted.cut() // nobody reads it
		a.mu.Unlock()
	}
	switch {
	case fault != nil && fault.Code == 0:
		panic(http.ErrAbortHandler)
	case fault != nil:
		refuse(fault.Code, "%s", fault.Text).write(w)
	case refused != nil:
		a.log.Debug("call refused", zap.Int("code", refused.code), zap.String("text", refused.text))
		refused.write(w)
	case accepted != nil:
		a.stream(w, r, accepted)
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

// receive reads and validates a call and says who made it, as far as this is known without looking at executors.
func (a *Agent) receive(r *http.Request) (*executor.Call, *claims, *refusal) {
	a.mu.Lock()
	phase := a.phase
	a.mu.Unlock()

	if refused := route(r, phase); refused != nil {
		return nil, nil, refused
	}
	var caller *claims
	if a.options.Tokens {
		c, refused := a.bearer(r)
		if refused != nil {
			return nil, nil, refused
		}
		caller = &c
	}
	if phase == recovering {
		return nil, nil, unrecovered()
	}
	if r.Method != http.MethodPost {
		refused := refuse(http.StatusMethodNotAllowed,
			"405 Method Not Allowed. Expecting one of { 'POST' }, but received '%s'.", r.Method)
		refused.header = http.Header{"Allow": {http.MethodPost}}
		return nil, nil, refused
	}
	contentType, present := r.Header["Content-Type"]
	if !present {
		return nil, nil, refuse(http.StatusBadRequest, "Expecting 'Content-Type' to be present")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maximumBody+1))
	if err != nil {
		return nil, nil, refuse(http.StatusBadRequest, "Failed to read the body: %v", err)
	}
	if len(body) > maximumBody {
		return nil, nil, refuse(http.StatusRequestEntityTooLarge, "Expecting a body of at most %d bytes", maximumBody)
	}
	call, refused := parseCall(contentType[0], body)
	return call, caller, refused
}

// route says whether the path leads to the executor API. The domain socket opens only the paths that name the process.
func route(r *http.Request, phase phase) *refusal {
	named := "/" + agentProcess + executorRoute
	if over, _ := r.Context().Value(domainSocketKey{}).(bool); over && r.URL.Path != named {
		return refuse(http.StatusForbidden, "403 Forbidden.")
	}
	if phase == down || phase == starting || phase == closed || r.URL.Path != named && r.URL.Path != executorRoute {
		return refuse(http.StatusNotFound, "404 Not Found.")
	}
	return nil
}

func unrecovered() *refusal {
	return refuse(http.StatusServiceUnavailable, "Agent has not finished recovery")
}

// acceptable is the media type to answer SUBSCRIBE in, JSON if both will do; empty if none.
func acceptable(r *http.Request) encoding.MediaType {
	for _, candidate := range []encoding.MediaType{codecs.MediaTypeJSON, codecs.MediaTypeProtobuf} {
		if accepts(r.Header["Accept"], string(candidate)) {
			return candidate
		}
	}
	return ""
}

// accepts says whether an Accept header allows a media type; without the header all are. The most specific range that matches
// decides, and only a quality of zero excludes.
func accepts(header []string, media string) bool {
	if len(header) == 0 {
		return true
	}
	family, _, _ := strings.Cut(media, "/")
	for _, candidate := range []string{media, family + "/*", "*/*"} {
		for part := range strings.SplitSeq(strings.Join(header, ","), ",") {
			name, parameters, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(name), candidate) {
				return !zeroQuality(parameters)
			}
		}
	}
	return false
}

func zeroQuality(parameters string) bool {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			return strings.TrimRight(strings.TrimSpace(value), "0.") == ""
		}
	}
	return false
}

// dispatch hands a valid call to the executor it is from. For SUBSCRIBE it returns the stream to write.
func (a *Agent) dispatch(call *executor.Call, caller *claims, s *stream) (*stream, *refusal) {
	a.mu.Lock()
	defer a.mu.Unlock()

	// The agent may have stopped while the body was read.
	switch {
	case a.phase == down || a.phase == starting || a.phase == recovering || a.phase == closed:
		return nil, unrecovered()
	case a.phase == reconnecting && call.Type != executor.Call_SUBSCRIBE:
		return nil, unrecovered()
	}
	f, ok := a.frameworks[call.FrameworkID.Value]
	if !ok {
		return nil, refuse(http.StatusBadRequest, "Framework cannot be found")
	}
	e, ok := f.executors[call.ExecutorID.Value]
	if !ok {
		return nil, refuse(http.StatusBadRequest, "Executor cannot be found")
	}
	if caller != nil {
		if refused := e.allow(*caller); refused != nil {
			return nil, refused
		}
	}
	if e.state == registering && call.Type != executor.Call_SUBSCRIBE {
		return nil, refuse(http.StatusForbidden, "Executor is not subscribed")
	}
	switch call.Type {
	case executor.Call_SUBSCRIBE:
		a.subscribe(e, call.Subscribe, s)
		return s, nil
	case executor.Call_UPDATE:
		a.update(e, call.Update.Status)
		return nil, nil
	case executor.Call_MESSAGE:
		a.log.Info("message from executor", append(e.fields(), zap.Int("bytes", len(call.Message.Data)))...)
		return nil, nil
	default:
		return nil, refuse(http.StatusNotImplemented, "501 Not Implemented.")
	}
}

// allow compares a token's claims with the executor the call names.
func (e *executorRun) allow(c claims) *refusal {
	switch {
	case c.FrameworkID != e.framework.info.ID.Value:
		return refuse(http.StatusForbidden, "Authenticated principal does not contain an 'fid' claim with the framework ID %s,"+
			" which is set in the call", e.framework.info.ID.Value)
	case c.ExecutorID != e.info.ExecutorID.Value:
		return refuse(http.StatusForbidden, "Authenticated principal does not contain an 'eid' claim with the executor ID %s,"+
			" which is set in the call", e.info.ExecutorID.Value)
	case c.ContainerID != e.containerID:
		return refuse(http.StatusForbidden,
			"Authenticated principal does not contain a 'cid' claim with the correct active ContainerID")
	}
	return nil
}
