package image

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/distribution/reference"
)

// retryAfterLimit bounds the question how long a registry wants to be left alone.
const retryAfterLimit = 5 * time.Second

// askRetryAfter asks a registry that has answered 429 how long to wait, since the Engine does not pass its Retry-After on. It
// sends no credentials, and of the answer uses nothing but this number, so it need not know which certificates the Engine
// trusts. Without a proper answer the wait is 0, for the caller's own back-off.
func askRetryAfter(ctx context.Context, named reference.Named) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, retryAfterLimit)
	defer cancel()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true} //nolint:gosec // see above
	client := http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, scheme := range []string{"https", "http"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodHead, manifestURL(scheme, named), nil)
		if err != nil {
			return 0
		}
		answer, err := client.Do(request)
		if err != nil {
			continue // it may be one without TLS
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusTooManyRequests {
			return 0
		}
		return parseRetryAfter(answer.Header.Get("Retry-After"), time.Now())
	}
	return 0
}

// manifestURL is where a registry has the manifest of a reference.
func manifestURL(scheme string, named reference.Named) string {
	host := reference.Domain(named)
	if host == "docker.io" {
		host = "registry-1.docker.io"
	}
	version := "latest"
	switch v := named.(type) {
	case reference.Digested:
		version = v.Digest().String()
	case reference.Tagged:
		version = v.Tag()
	}
	u := url.URL{Scheme: scheme, Host: host, Path: "/v2/" + reference.Path(named) + "/manifests/" + version}
	return u.String()
}

// parseRetryAfter reads the header, which is a number of seconds or a date (RFC 9110, section 10.2.3). What it does not
// understand is 0.
func parseRetryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	date, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return max(0, date.Sub(now))
}
