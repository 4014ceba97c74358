package metrics

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/containerd/errdefs"

	"mesos-docker-containerizer/containerizer/engine"
)

// EngineCall counts a call to the Docker Engine. The op is a verb and its object ("create container"); the set of ops is fixed.
func (m *Metrics) EngineCall(op string, took time.Duration, err error) {
	call := strings.ReplaceAll(op, " ", "_")
	switch op {
	case engine.PullImage, engine.AskRegistry, engine.AwaitExit:
	default:
		m.engineTime.WithLabelValues(call).Observe(took.Seconds())
	}
	kind := kindOf(err)
	switch {
	case kind == cancelled: // says nothing about the Engine
	case op == engine.AskRegistry && errors.Is(err, context.DeadlineExceeded): // the registry did not answer
	case kind == unavailable:
		m.up.Store(false)
	default:
		m.up.Store(true)
	}
	if err != nil {
		m.engineErrors.WithLabelValues(call, kind).Inc()
	}
}

// Kinds of errors that affect engine_up.
const (
	unavailable = "unavailable"
	cancelled   = "cancelled"
)

// kindOf returns the label for an error.
func kindOf(err error) string {
	switch {
	case err == nil:
		return ""
	case errdefs.IsUnavailable(err):
		return unavailable
	case errdefs.IsAborted(err), errors.Is(err, context.Canceled):
		return cancelled
	case errdefs.IsNotFound(err):
		return "not_found"
	case errdefs.IsConflict(err):
		return "conflict"
	case errdefs.IsInvalidArgument(err):
		return "invalid"
	case errdefs.IsUnauthorized(err), errdefs.IsPermissionDenied(err):
		return "denied"
	case errdefs.IsResourceExhausted(err):
		return "rate_limited"
	case errdefs.IsNotImplemented(err):
		return "not_implemented"
	default:
		return "internal"
	}
}
