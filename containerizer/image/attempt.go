package image

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/pkg/jsonmessage"
)

// errInactive cancels the context of a pull without progress.
var errInactive = errors.New("no progress")

// attempt makes one try of a pull. Its error is an *Error, unless ctx has ended.
func (p *Puller) attempt(ctx context.Context, w wanted, report func(Progress)) (Progress, error) {
	if w.source == "" {
		var err error
		if w.auth, w.source, err = p.operatorLogin(ctx, w.named); err != nil {
			return Progress{}, &Error{Kind: Credentials, Reference: w.ref, Source: w.source, Err: err}
		}
	}
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(p.inactivity, func() { cancel(errInactive) })
	defer watchdog.Stop()

	tally, rate := newTally(), meter{}
	progress := Progress{Status: Asking}
	quiet := newSilence(progress, report)
	err := p.engine.Pull(watched, w.ref, w.auth, w.platform, func(m jsonmessage.JSONMessage) {
		if tally.observe(m) {
			watchdog.Reset(p.inactivity)
			progress = tally.progress()
			progress.Rate = rate.observe(time.Now(), progress.BytesDone)
			quiet.end(progress)
		}
	})
	watchdog.Stop()
	quiet.stop()
	if err == nil {
		err = p.confirm(ctx, w)
	}
	if err == nil {
		return progress, nil
	}
	failed := &Error{Reference: w.ref, Source: w.source, Progress: progress, Err: err}
	switch {
	case context.Cause(watched) == errInactive:
		failed.Kind, failed.Err = TimedOut, fmt.Errorf("%w for %s", errInactive, p.inactivity)
		return progress, failed
	case errors.Is(err, errWrongPlatform):
		failed.Kind = WrongPlatform
		return progress, failed
	}
	return progress, p.explain(ctx, failed, w)
}

// errWrongPlatform says that a registry has an image for other platforms only.
var errWrongPlatform = errors.New("the registry does not have it for platform")

// confirm checks that the image is present after a pull without an error (contract 1.2, step 4). The stream can end cleanly
// without the image, and if the registry has one platform only, some Engines pull that one whatever the request says.
func (p *Puller) confirm(ctx context.Context, w wanted) error {
	_, err := p.engine.InspectImage(ctx, w.ref, w.platform)
	if errdefs.IsNotFound(err) && w.platform != nil {
		return fmt.Errorf("%w %s: %w", errWrongPlatform, w.platformName(), err)
	}
	if errdefs.IsNotFound(err) {
		return fmt.Errorf("the Engine ended the pull without an error, but does not have the image: %w", errdefs.ErrInternal)
	}
	return err
}

// retryAfterLimit bounds the request for the Retry-After of a registry.
const retryAfterLimit = 5 * time.Second

// askRetryAfter asks a registry that has answered 429 for its Retry-After, which the Engine does not pass on. The request has no
// credentials and only the number is used, so certificates are not verified. The result is 0 without a valid answer; the caller
// then uses its own back-off.
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
			continue // perhaps a registry without TLS
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusTooManyRequests {
			return 0
		}
		return parseRetryAfter(answer.Header.Get("Retry-After"), time.Now())
	}
	return 0
}

// manifestURL returns the URL of a reference's manifest.
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

// parseRetryAfter parses the header: seconds or a date (RFC 9110, section 10.2.3). The result is 0 for anything else.
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
