package image

import "fmt"

// Kind says why an image could not be had.
type Kind int

// The kinds of failure. The first three are for who wrote the task to mend.
const (
	Invalid     Kind = iota + 1 // no image can have this name, or the task's own credentials cannot be read
	NotFound                    // the registry has no such image
	Denied                      // the registry lets nobody, or not with these credentials; it may hide that there is none
	Unreachable                 // no proper answer from the registry
	TimedOut                    // no progress for too long, or the time of the task is up
	NoEngine                    // no proper answer from the Docker Engine
	Other                       // the registry has the image, but the Engine could not get or keep it
)

// Fault says who can do something about a failure.
type Fault int

// User is who wrote the task, Platform who runs the host, the network or the registry.
const (
	User Fault = iota + 1
	Platform
)

// Error is why a pull failed, in words for the person whose task it was.
type Error struct {
	Kind        Kind
	Reference   string   // as docker shows it, or as the task has it if it is not a reference
	Credentials string   // where they came from: "docker_config", say; empty if there were none
	Progress    Progress // how far the pull had come
	Err         error    // what the Engine said, or another cause
}

// Fault says whose fault it was.
func (e *Error) Fault() Fault {
	switch e.Kind {
	case Invalid, NotFound, Denied:
		return User
	default:
		return Platform
	}
}

// Error says what failed, on what, and what to do.
func (e *Error) Error() string {
	switch e.Kind {
	case Invalid:
		return fmt.Sprintf("image %q cannot be pulled: %v", e.Reference, e.Err)
	case NotFound:
		return fmt.Sprintf("image %s not found, check its name and tag: %v", e.Reference, e.Err)
	case Denied:
		with := "without credentials"
		if e.Credentials != "" {
			with = "with the credentials in " + e.Credentials
		}
		return fmt.Sprintf("image %s: the registry denied access %s, or has no such image: %v", e.Reference, with, e.Err)
	case Unreachable:
		return fmt.Sprintf("image %s: its registry cannot be reached or does not answer properly (at %v): %v", e.Reference, e.Progress, e.Err)
	case TimedOut:
		return fmt.Sprintf("image %s: pull timed out at %v: %v", e.Reference, e.Progress, e.Err)
	case NoEngine:
		return fmt.Sprintf("image %s: the Docker Engine does not answer (pull at %v): %v", e.Reference, e.Progress, e.Err)
	default:
		return fmt.Sprintf("image %s: pull failed at %v: %v", e.Reference, e.Progress, e.Err)
	}
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
