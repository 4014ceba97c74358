package image

import (
	"errors"

	"github.com/containerd/errdefs"
)

// Policy says when a registry is asked for an image. The empty Policy is PolicyTask.
type Policy string

// The policies. Only with the first does the task decide.
const (
	PolicyTask         Policy = "task"           // for an absent image, and if the task forces a pull
	PolicyAlways       Policy = "always"         // before every launch
	PolicyIfNotPresent Policy = "if_not_present" // for an absent image only
	PolicyNever        Policy = "never"          // never: operators load the images
)

// Fallback says what happens when a registry that must be asked has an outage. The empty Fallback is FallbackNone.
type Fallback string

// The fallbacks.
const (
	FallbackNone   Fallback = "none"   // the task fails
	FallbackCached Fallback = "cached" // the task gets the image that is present, if any, with a note
)

// Forces reports whether the registry must be asked although the image is present, given whether the task forces a pull.
func (p *Puller) Forces(task bool) bool {
	switch p.policy {
	case PolicyAlways:
		return true
	case PolicyIfNotPresent, PolicyNever:
		return false
	default:
		return task
	}
}

// errNeverPulled is the cause of NotPulled.
var errNeverPulled = errors.New("pull_policy=never: the operators of this host load its images")

// outage reports whether the registry cannot serve requests at present. A registry that refuses has no outage.
func outage(e *Error) bool {
	switch e.Kind {
	case Unreachable, UnknownHost, RateLimited:
		return true
	case TimedOut:
		return errors.Is(e.Err, errInactive)
	default:
		return false
	}
}

// absent reports whether the error of an inspect means that the Engine does not have the image.
func absent(err error) bool { return errdefs.IsNotFound(err) }
