package image

import "fmt"

// Kind is the cause of a failed pull. Its text form is fixed; it is the label of a metric.
type Kind int

// The kinds of failure.
const (
	Invalid       Kind = iota + 1 // not a valid name, or the task's credentials cannot be read
	NotFound                      // the registry has no such image
	Denied                        // the registry denies access; it may also hide that there is no such image
	WrongPlatform                 // the registry has the image, but not for this platform
	UnknownHost                   // the registry's host name does not exist
	NotPulled                     // the image is absent, and the operator's policy forbids pulls
	TLS                           // the registry's certificate is not trusted, or it does not speak TLS
	RateLimited                   // the registry allows no more requests for a time
	Unreachable                   // no proper answer from the registry
	TimedOut                      // no progress for too long, or the task's time is over
	DiskFull                      // no space for the image on the host
	Credentials                   // the operator's credentials cannot be read
	NoEngine                      // no proper answer from the Docker Engine
	Other                         // the registry has the image, but the Engine could not get or keep it

	endOfKinds // stays the last
)

// Kinds returns all kinds.
func Kinds() (all []Kind) {
	for k := Kind(1); k < endOfKinds; k++ {
		all = append(all, k)
	}
	return all
}

var kindNames = map[Kind]string{
	Invalid: "invalid", NotFound: "not_found", Denied: "denied", WrongPlatform: "wrong_platform", UnknownHost: "unknown_host",
	NotPulled: "not_pulled", TLS: "tls", RateLimited: "rate_limited", Unreachable: "unreachable", TimedOut: "timed_out",
	DiskFull: "disk_full", Credentials: "credentials", NoEngine: "no_engine", Other: "other",
}

// String is one lower-case word, with underscores.
func (k Kind) String() string {
	if name, ok := kindNames[k]; ok {
		return name
	}
	return fmt.Sprintf("kind_%d", int(k))
}

// Fault says who can remedy a failure.
type Fault int

// User is the owner of the task, Platform the operator of the host, the network or the registry.
const (
	User Fault = iota + 1
	Platform
)

// Fault returns who can remedy a failure of this kind.
func (k Kind) Fault() Fault {
	switch k {
	case Invalid, NotFound, Denied, WrongPlatform, UnknownHost, NotPulled:
		return User
	default:
		return Platform
	}
}

// Error is a failed pull, in words for the owner of the task.
type Error struct {
	Kind      Kind
	Reference string   // as docker prints it, or as in the task if it is invalid
	Source    string   // of the credentials, such as "docker_config"; empty for none
	Progress  Progress // of the last try
	Tries     int      // number of tries; 0 if none was made
	Err       error    // the Engine's error, or another cause

	temporary bool // another try may succeed
}

// Fault returns who can remedy it.
func (e *Error) Fault() Fault { return e.Kind.Fault() }

// Error says what failed, on what, and what to do.
func (e *Error) Error() string {
	tries := ""
	if e.Tries > 1 {
		tries = fmt.Sprintf(", after %d tries", e.Tries)
	}
	return fmt.Sprintf("image %s%s: %v", e.what(), tries, e.Err)
}

// what names the image and the failure.
func (e *Error) what() string {
	switch e.Kind {
	case Invalid:
		return fmt.Sprintf("%q cannot be pulled", e.Reference)
	case NotFound:
		return e.Reference + " not found, check its name and tag"
	case Denied:
		with := "without credentials"
		if e.Source != "" {
			with = "with the credentials in " + e.Source
		}
		return fmt.Sprintf("%s: the registry denied access %s, or has no such image", e.Reference, with)
	case WrongPlatform:
		return e.Reference + " is not available for the platform"
	case UnknownHost:
		return e.Reference + ": its registry's host name does not exist: check the name of the image, and the name servers of this host"
	case NotPulled:
		return e.Reference + " is not present on this host and is not pulled"
	case TLS:
		return e.Reference + ": the registry's certificate is not accepted; install its CA for the Docker Engine of this host"
	case RateLimited:
		return fmt.Sprintf("%s: the registry allows no more pulls for now (at %v)", e.Reference, e.Progress)
	case Unreachable:
		return fmt.Sprintf("%s: its registry cannot be reached or does not answer properly (at %v)", e.Reference, e.Progress)
	case TimedOut:
		return fmt.Sprintf("%s: pull timed out at %v", e.Reference, e.Progress)
	case DiskFull:
		return fmt.Sprintf("%s: the disk of this host is full (pull at %v)", e.Reference, e.Progress)
	case Credentials:
		return e.Reference + ": this host's credentials for the registry cannot be read"
	case NoEngine:
		return fmt.Sprintf("%s: the Docker Engine does not answer (pull at %v)", e.Reference, e.Progress)
	default:
		return fmt.Sprintf("%s: pull failed at %v", e.Reference, e.Progress)
	}
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
