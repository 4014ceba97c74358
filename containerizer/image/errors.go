package image

import (
	"cmp"
	"errors"
	"fmt"
)

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

// kinds has for each kind its text form, who can remedy it, and the words of the failure: %[1]s is the
// reference, %[2]v the progress, %[3]s which credentials were used.
var kinds = map[Kind]struct {
	name  string
	fault Fault
	words string
}{
	Invalid:       {"invalid", User, "%[1]q cannot be pulled"},
	NotFound:      {"not_found", User, "%[1]s not found, check its name and tag"},
	Denied:        {"denied", User, "%[1]s: the registry denied access %[3]s, or has no such image"},
	WrongPlatform: {"wrong_platform", User, "%[1]s is not available for the platform"},
	UnknownHost:   {"unknown_host", User, "%[1]s: its registry's host name does not exist: check the name of the image, and the name servers of this host"},
	NotPulled:     {"not_pulled", User, "%[1]s is not present on this host and is not pulled"},
	TLS:           {"tls", Platform, "%[1]s: the registry's certificate is not accepted; install its CA for the Docker Engine of this host"},
	RateLimited:   {"rate_limited", Platform, "%[1]s: the registry allows no more pulls for now (at %[2]v)"},
	Unreachable:   {"unreachable", Platform, "%[1]s: its registry cannot be reached or does not answer properly (at %[2]v)"},
	TimedOut:      {"timed_out", Platform, "%[1]s: pull timed out at %[2]v"},
	DiskFull:      {"disk_full", Platform, "%[1]s: the disk of this host is full (pull at %[2]v)"},
	Credentials:   {"credentials", Platform, "%[1]s: this host's credentials for the registry cannot be read"},
	NoEngine:      {"no_engine", Platform, "%[1]s: the Docker Engine does not answer (pull at %[2]v)"},
	Other:         {"other", Platform, "%[1]s: pull failed at %[2]v"},
}

// String is one lower-case word, with underscores.
func (k Kind) String() string {
	if row, ok := kinds[k]; ok {
		return row.name
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
func (k Kind) Fault() Fault { return kinds[k].fault }

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

// Error says what failed, on what, and what to do.
func (e *Error) Error() string {
	with, tries := "without credentials", ""
	if e.Source != "" {
		with = "with the credentials in " + e.Source
	}
	if e.Tries > 1 {
		tries = fmt.Sprintf(", after %d tries", e.Tries)
	}
	words := cmp.Or(kinds[e.Kind].words, kinds[Other].words)
	return fmt.Sprintf("image "+words+"%[4]s: %[5]v", e.Reference, e.Progress, with, tries, e.Err)
}

// EngineAway reports whether a pull has failed because the Engine did not answer.
func EngineAway(err error) bool {
	failed, ok := errors.AsType[*Error](err)
	return ok && failed.Kind == NoEngine
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
