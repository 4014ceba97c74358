package image

import (
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
)

// Of a pull that has failed the Engine says why in words alone: its answer is "500" or an error in a stream that began with
// "200". The words that are judged are all in this file, and each is how an error of Go, of the system or of the registry
// protocol prints itself, so that no Engine can word it otherwise. What they decide is how the failure is called, and whether
// another try is worth it or the image that is present will do.
var words = []struct {
	text      string
	kind      Kind
	temporary bool
}{
	// A registry with basic authentication asked for a login and the Engine had none to send. To learn it from the registry would
	// take a login with made-up credentials, which some registries answer by locking out the host.
	{"no basic auth credentials", Denied, false},
	{": unauthorized: ", Denied, false}, // the protocol's code for 401, from registries or their token servers
	{": denied: ", Denied, false},       // the same for 403

	{syscall.ENOSPC.Error(), DiskFull, false},
	{syscall.EDQUOT.Error(), DiskFull, false},

	{"no such host", UnknownHost, false}, // net.DNSError that is certain: there is no such name

	{"x509: ", TLS, false}, // crypto/x509
	{"tls: ", TLS, false},  // crypto/tls
	{"server gave HTTP response to HTTPS client", TLS, false}, // net/http

	{"toomanyrequests: ", RateLimited, true}, // the protocol's code for 429

	{"unavailable: ", Unreachable, true},             // the protocol's code for 503
	{io.ErrUnexpectedEOF.Error(), Unreachable, true}, // an answer that was cut short
	{": " + io.EOF.Error(), Unreachable, true},       // a connection that was closed without an answer
	{syscall.ECONNREFUSED.Error(), Unreachable, true},
	{syscall.ECONNRESET.Error(), Unreachable, true},
	{syscall.EPIPE.Error(), Unreachable, true},
	{syscall.EHOSTUNREACH.Error(), Unreachable, true},
	{syscall.ENETUNREACH.Error(), Unreachable, true},
	{syscall.ETIMEDOUT.Error(), Unreachable, true},
	{os.ErrDeadlineExceeded.Error(), Unreachable, true},
	{"TLS handshake timeout", Unreachable, true},                // net/http
	{"timeout awaiting response headers", Unreachable, true},    // net/http
	{"request canceled while waiting for", Unreachable, true},   // net/http, with the Engine's own limit
	{"Client.Timeout", Unreachable, true},                       // net/http
	{"server closed idle connection", Unreachable, true},        // net/http
	{"server misbehaving", Unreachable, true},                   // net.DNSError that is not certain
	{"Temporary failure in name resolution", Unreachable, true}, // the same from the C library
}

// unexpectedStatus is the HTTP status of a registry that sent no code of the protocol with it, or could not, as the answer to
// HEAD has no body. Engines whose images are in containerd's store print the request as well, others name a status below 500 by
// the body that they could not read.
var unexpectedStatus = regexp.MustCompile(`(?:unexpected HTTP status: |unexpected status from [A-Z]+ request to \S+: |error parsing HTTP )([0-9]{3})`)

// judge finds the kind that the words of a failure have, 0 if they say nothing.
func judge(text string) (kind Kind, temporary bool) {
	for _, w := range words {
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
