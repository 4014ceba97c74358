package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/containerd/errdefs"
)

// Error says which call on what failed, and why in the Engine's own words. Its kind is asked with the functions below or, for
// packages that do not know this one, with those of containerd/errdefs.
//
// Outcome unknown: an error for which IsUnavailable holds, or that is context.Canceled, leaves open whether the Engine did, or
// will do, what it was asked. Settle it by inspecting. After every other error the Engine has refused and nothing was changed,
// with one exception: a failed start may leave a container behind that had run for a moment, so what happened is in its inspect.
//
// What the Engine says only in words is passed on in words and never interpreted: a host port that is taken, for example, is an
// internal error of the Engine with a message that says so.
type Error struct {
	Op     string // the call, as a verb and its object: "create container"
	Object string // name, id or reference of the object; empty for calls on the Engine itself

	kind  error // one of the errdefs kinds
	image bool  // with kind ErrNotFound: it is the image that is missing
	text  string
	cause error // set where there was no answer: what the connection or the context said
}

// The calls, as the Op of an Error, whose time is not the Engine's: they end when a registry has answered, or a container has ended.
const (
	PullImage   = "pull image"
	AskRegistry = "ask the registry for image"
	AwaitExit   = "wait for container"
)

// Error returns one line: call, object and reason.
func (e *Error) Error() string {
	if e.Object == "" {
		return e.Op + ": " + e.text
	}
	return fmt.Sprintf("%s %q: %s", e.Op, e.Object, e.text)
}

// Reason is the reason alone. Where the Engine answered it is what docker prints: "Error response from daemon: " and the Engine's own
// words.
func (e *Error) Reason() string { return e.text }

// Is makes the errdefs kind of the error visible to errors.Is. errdefs.ErrUnavailable means exactly what IsUnavailable does.
func (e *Error) Is(target error) bool { return errors.Is(e.kind, target) }

// Unwrap returns what the connection or the context said, nil where the Engine itself answered.
func (e *Error) Unwrap() error { return e.cause }

// IsNotFound reports that there is no such container.
func IsNotFound(err error) bool { return isKind(err, errdefs.ErrNotFound) && !ofImage(err) }

// IsImageNotFound reports that the Engine does not have the image (for the platform asked for): pull it.
func IsImageNotFound(err error) bool { return isKind(err, errdefs.ErrNotFound) && ofImage(err) }

// IsConflict reports that the state of the object forbids the call: on create that the name is in use, on kill that the
// container is not running, on start that it is paused or being removed, on remove that another client is removing it.
func IsConflict(err error) bool { return isKind(err, errdefs.ErrConflict) }

// IsInvalid reports that what was asked for cannot be done on any day: a bad parameter, a command that is not in the image, a
// network or container that the new one refers to and that does not exist. It is the fault of who wrote the task.
func IsInvalid(err error) bool { return isKind(err, errdefs.ErrInvalidArgument) }

// IsInternal reports that the Engine has failed at what it was asked, for a reason that it gives only in words: a host port that is
// taken, a mount that fails, or a containerd that is away.
func IsInternal(err error) bool { return isKind(err, errdefs.ErrInternal) }

// IsUnavailable reports that the Engine gave no answer that could be understood: socket missing, connection refused, connection
// lost in the middle, an answer that is not the Engine API's, or a deadline (its limit or the caller's). The outcome is unknown.
func IsUnavailable(err error) bool { return isKind(err, errdefs.ErrUnavailable) }

func isKind(err, kind error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.kind == kind
}

func ofImage(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.image
}

// exchange is what the transport saw of one call. It tells errors of the docker client (which refuses some requests before
// sending them), of the connection and of the Engine apart without reading their texts.
type exchange struct {
	tried  bool  // the request was handed to the transport
	status int   // of the response, 0 if there was none
	err    error // of the transport
	libpod bool  // the response names a version of Podman's own API
}

type exchangeKey struct{}

func withExchange(ctx context.Context, x *exchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}

// recorder notes the course of a request in the exchange of its context.
type recorder struct{ next http.RoundTripper }

func (r recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	x, ok := req.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		return r.next.RoundTrip(req)
	}
	x.tried = true
	resp, err := r.next.RoundTrip(req)
	x.err = err
	if err == nil {
		x.status = resp.StatusCode
		x.libpod = resp.Header.Get("Libpod-Api-Version") != ""
	}
	return resp, err
}

// failure makes the Error of a call that ended with err. caller is the context the caller gave, started when the call began.
func (c *Client) failure(caller context.Context, op, object string, started time.Time, x *exchange, err error) error {
	e := &Error{Op: op, Object: object}
	var streamed *streamError
	switch {
	case errors.As(err, &streamed):
		e.kind, e.text = kindOf(streamed.code), streamed.message
	case x.status >= http.StatusBadRequest:
		e.kind, e.text = kindOf(x.status), err.Error()
	case errors.Is(err, context.Canceled), errors.Is(caller.Err(), context.Canceled):
		e.kind, e.cause = errdefs.ErrAborted, context.Canceled
		if cause := context.Cause(caller); cause != nil {
			e.cause = errors.Join(e.cause, cause)
		}
		e.text = "given up by the caller"
	case errors.Is(err, ErrPodman):
		e.kind, e.cause, e.text = errdefs.ErrNotImplemented, err, fmt.Sprintf("%s: %v", c.socket, err)
	case errors.Is(err, context.DeadlineExceeded):
		e.kind, e.cause = errdefs.ErrUnavailable, err
		e.text = fmt.Sprintf("no answer within %s: the Docker Engine at %s may be hung",
			time.Since(started).Round(time.Millisecond), c.socket)
	case x.tried:
		e.kind, e.cause = errdefs.ErrUnavailable, err
		if x.err != nil { // the docker client replaces some causes with advice
			e.cause = x.err
		}
		e.text = fmt.Sprintf("no answer from the Docker Engine at %s: %v", c.socket, e.cause)
	default:
		e.kind, e.text = errdefs.ErrInvalidArgument, err.Error()
	}
	e.text = strings.TrimSpace(e.text)
	return e
}

// kinds are the kinds of answers by their status; any other is ErrInternal. ErrUnavailable is reserved for "no answer".
var kinds = map[int]error{
	http.StatusBadRequest:      errdefs.ErrInvalidArgument,
	http.StatusUnauthorized:    errdefs.ErrUnauthenticated,
	http.StatusForbidden:       errdefs.ErrPermissionDenied,
	http.StatusNotFound:        errdefs.ErrNotFound,
	http.StatusConflict:        errdefs.ErrConflict,
	http.StatusTooManyRequests: errdefs.ErrResourceExhausted,
	http.StatusNotImplemented:  errdefs.ErrNotImplemented,
}

func kindOf(status int) error {
	if kind, known := kinds[status]; known {
		return kind
	}
	return errdefs.ErrInternal
}
