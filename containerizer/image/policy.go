package image

import (
	"errors"

	"github.com/containerd/errdefs"
)

// Policy says when a registry is asked for an image. The empty Policy is PolicyTask.
type Policy string

// The policies. Only the first leaves the choice to the task.
const (
	PolicyTask         Policy = "task"           // for an image that is absent, and for one that the task forces to be pulled
	PolicyAlways       Policy = "always"         // before every launch
	PolicyIfNotPresent Policy = "if_not_present" // for an image that is absent, whatever the task says
	PolicyNever        Policy = "never"          // not at all: operators bring the images to the host
)

// Fallback says what is done when a registry that has to be asked has an outage. The empty Fallback is FallbackNone.
type Fallback string

// The fallbacks.
const (
	FallbackNone   Fallback = "none"   // the task fails
	FallbackCached Fallback = "cached" // the task gets the image that is present, if there is one, and is told so
)

// Forces says whether an image has to be asked for at its registry even if it is present, for a task that forces a pull or not.
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

// errNeverPulled is why an image is not pulled under PolicyNever.
var errNeverPulled = errors.New("pull_policy=never: images are brought to this host by its operators")

// outage says whether a failure means that the registry cannot do its work at present. One that refuses works.
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

// absent says whether an inspect found that the Engine does not have the image.
func absent(err error) bool { return errdefs.IsNotFound(err) }
