package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ofEngine sets the kind of an error by the Engine's answer alone, Other if that does not determine it.
func ofEngine(ctx context.Context, e *Error) error {
	switch {
	case ctx.Err() != nil:
		return left(ctx, e.Reference, e.Progress)
	case errdefs.IsUnavailable(e.Err):
		e.Kind = NoEngine
	case errdefs.IsInvalidArgument(e.Err):
		e.Kind = Invalid
	default:
		e.Kind = Other
	}
	return e
}

// explain sets the kind of a failed pull. If the Engine's answer and its text do not determine it, the Engine is made to request
// the manifest from the registry; its answer to that has the registry's status.
func (p *Puller) explain(ctx context.Context, e *Error, w wanted) error {
	if err := ofEngine(ctx, e); err != error(e) || e.Kind != Other {
		return err
	}
	if !errdefs.IsNotFound(e.Err) {
		if e.Kind, e.temporary = classify(e.Err.Error()); e.Kind != 0 {
			return e
		}
	}
	has, err := p.engine.InspectDistribution(ctx, e.Reference, w.auth)
	switch {
	case errdefs.IsUnauthorized(err), errdefs.IsPermissionDenied(err):
		e.Kind = Denied
	case err == nil && p.lacksPlatform(ctx, e, w, has): // some Engines report "not found" for that
	case errdefs.IsNotFound(err), errdefs.IsNotFound(e.Err):
		e.Kind = NotFound
	case errdefs.IsResourceExhausted(err):
		e.Kind, e.temporary = RateLimited, true
	case err == nil:
		e.Kind = Other
	default:
		e.Kind, e.temporary = Unreachable, true // the registry gave no answer that says otherwise
		if kind, temporary := classify(err.Error()); kind != 0 {
			e.Kind, e.temporary = kind, temporary
		}
	}
	return e
}

// lacksPlatform sets the kind WrongPlatform if the registry has the image for other platforms only, and reports whether it did.
func (p *Puller) lacksPlatform(ctx context.Context, e *Error, w wanted, has []ocispec.Platform) bool {
	var want ocispec.Platform
	if w.platform != nil {
		want = *w.platform
	} else {
		var err error
		if want, err = p.engine.Platform(ctx); err != nil {
			return false
		}
	}
	match := platforms.Only(want)
	if len(has) == 0 || slices.ContainsFunc(has, match.Match) {
		return false
	}
	var names []string
	for _, platform := range has {
		names = append(names, platforms.Format(platform))
	}
	e.Kind = WrongPlatform
	e.Err = errors.Join(fmt.Errorf("%w %s but for %v", errWrongPlatform, platforms.Format(want), names), e.Err)
	return true
}

// The Engine reports the cause of a failed pull as text only: its answer is "500", or an error in a stream that began with "200".
// All phrases that are matched are in this file. Each is the text of an error of Go, of the system or of the registry protocol, so
// it is the same with every Engine. They determine the kind, whether to try again, and whether the image that is present may be
// used.
var phrases = []struct {
	text      string
	kind      Kind
	temporary bool
}{
	// A registry with basic authentication, and the Engine had no login. A request with invented credentials would confirm that,
	// but some registries lock out a host for it.
	{"no basic auth credentials", Denied, false},
	{": unauthorized: ", Denied, false}, // the protocol's code for 401, from registries or their token servers
	{": denied: ", Denied, false},       // the same for 403

	{syscall.ENOSPC.Error(), DiskFull, false},
	{syscall.EDQUOT.Error(), DiskFull, false},

	{"no such host", UnknownHost, false}, // net.DNSError, IsNotFound

	{"x509: ", TLS, false}, // crypto/x509
	{"tls: ", TLS, false},  // crypto/tls
	{"server gave HTTP response to HTTPS client", TLS, false}, // net/http

	{"toomanyrequests: ", RateLimited, true}, // the protocol's code for 429

	{"unavailable: ", Unreachable, true},             // the protocol's code for 503
	{io.ErrUnexpectedEOF.Error(), Unreachable, true}, // a truncated answer
	{": " + io.EOF.Error(), Unreachable, true},       // a connection closed without an answer
	{syscall.ECONNREFUSED.Error(), Unreachable, true},
	{syscall.ECONNRESET.Error(), Unreachable, true},
	{syscall.EPIPE.Error(), Unreachable, true},
	{syscall.EHOSTUNREACH.Error(), Unreachable, true},
	{syscall.ENETUNREACH.Error(), Unreachable, true},
	{syscall.ETIMEDOUT.Error(), Unreachable, true},
	{os.ErrDeadlineExceeded.Error(), Unreachable, true},
	{context.DeadlineExceeded.Error(), Unreachable, true},       // a limit of the Engine's own, for a registry that hangs
	{"TLS handshake timeout", Unreachable, true},                // net/http
	{"timeout awaiting response headers", Unreachable, true},    // net/http
	{"request canceled while waiting for", Unreachable, true},   // net/http, with the Engine's own limit
	{"Client.Timeout", Unreachable, true},                       // net/http
	{"server closed idle connection", Unreachable, true},        // net/http
	{"server misbehaving", Unreachable, true},                   // net.DNSError, IsTemporary
	{"Temporary failure in name resolution", Unreachable, true}, // the same from the C library
}

// unexpectedStatus matches the HTTP status of an answer without a code of the protocol; the answer to HEAD has no body. Engines
// with containerd's image store print the request too. Others report a status below 500 with the body they could not parse.
var unexpectedStatus = regexp.MustCompile(`(?:unexpected HTTP status: |unexpected status from [A-Z]+ request to \S+: |error parsing HTTP )([0-9]{3})`)

// classify returns the kind that the text of a failure determines, 0 for none.
func classify(text string) (kind Kind, temporary bool) {
	for _, w := range phrases {
		if strings.Contains(text, w.text) {
			return w.kind, w.temporary
		}
	}
	if found := unexpectedStatus.FindStringSubmatch(text); found != nil {
		switch status := found[1]; {
		case status == "429":
			return RateLimited, true
		case status[0] == '5':
			return Unreachable, true
		}
	}
	return 0, false
}
