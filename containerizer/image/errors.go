package image

import "fmt"

// Kind says why an image could not be had. Its text form is short and fixed, for the label of a metric.
type Kind int

// The kinds of failure.
const (
	Invalid       Kind = iota + 1 // no image can have this name, or the task's own credentials cannot be read
	NotFound                      // the registry has no such image
	Denied                        // the registry lets nobody, or not with these credentials; it may hide that there is none
	WrongPlatform                 // the registry has the image, but not for this platform
	UnknownHost                   // there is no host of the registry's name
	NotPulled                     // the image is not on the host, and the operator's policy forbids to pull it
	TLS                           // the registry's certificate is not trusted, or it does not speak TLS
	RateLimited                   // the registry wants to be left alone for a time
	Unreachable                   // no proper answer from the registry
	TimedOut                      // no progress for too long, or the time of the task is up
	DiskFull                      // there is no room for the image on the host
	Credentials                   // the operator's credentials cannot be had
	NoEngine                      // no proper answer from the Docker Engine
	Other                         // the registry has the image, but the Engine could not get or keep it

	endOfKinds // stays the last
)

// Kinds returns all there are.
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

// Fault says who can do something about a failure.
type Fault int

// User is who wrote the task, Platform who runs the host, the network or the registry.
const (
	User Fault = iota + 1
	Platform
)

// Fault says whose fault it is.
func (k Kind) Fault() Fault {
	switch k {
	case Invalid, NotFound, Denied, WrongPlatform, UnknownHost, NotPulled:
		return User
	default:
		return Platform
	}
}

// Error is why a pull failed, in words for the person whose task it was.
type Error struct {
	Kind      Kind
	Reference string   // as docker shows it, or as the task has it if it is not a reference
	Source    string   // of the credentials: "docker_config", say; empty if there were none
	Progress  Progress // how far the last try had come
	Tries     int      // how many there were; 0 if there was nothing to try
	Err       error    // what the Engine said, or another cause

	temporary bool // another try may succeed
}

// Fault says whose fault it was.
func (e *Error) Fault() Fault { return e.Kind.Fault() }

// Error says what failed, on what, and what to do.
func (e *Error) Error() string {
	tries := ""
	if e.Tries > 1 {
		tries = fmt.Sprintf(", after %d tries", e.Tries)
	}
	return fmt.Sprintf("image %s%s: %v", e.what(), tries, e.Err)
}

// what names the image and says what is wrong with it.
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
		return e.Reference + " is not there for the platform that is wanted"
	case UnknownHost:
		return e.Reference + ": there is no host of its registry's name: check the name of the image, and the name servers of this host"
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
		return e.Reference + ": this host's credentials for the registry cannot be had"
	case NoEngine:
		return fmt.Sprintf("%s: the Docker Engine does not answer (pull at %v)", e.Reference, e.Progress)
	default:
		return fmt.Sprintf("%s: pull failed at %v", e.Reference, e.Progress)
	}
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
