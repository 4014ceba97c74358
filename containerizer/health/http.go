package health

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

const (
	// mostRedirects is curl's own limit, which the stock executor lives by.
	mostRedirects = 50

	// longestHeader is near curl's limit (300 kB). A server that sends more has no say in how much memory the daemon needs.
	longestHeader = 256 << 10

	// longestBody is how much of an answer must arrive whole. Whatever comes behind it is not read.
	longestBody = 64 << 10

	userAgent = "mesos-docker-containerizer"
)

// http asks the container's own server. An answer succeeds with a status of 200 to 399, after redirects (contract 4.3).
//
// Redirects are followed on the container's loopback alone. One that leads elsewhere is the answer, and a success: to look up its
// name, or to judge the task by another's server, is not for a root process on the host.
func (p *prober) http(ctx context.Context) Result {
	target := p.spec.HTTP.url()
	shown := url.URL{Scheme: target.Scheme, Host: target.Host, Path: target.Path, RawPath: target.RawPath} // a query may hold a token
	what := "HTTP GET " + bounded(shown.String())
	if err := portError(p.spec.HTTP.Port); err != nil {
		return p.failed(ctx, what, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return p.failed(ctx, what, err)
	}
	request.Host = hostHeader(target)
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set("Accept", "*/*")
	client := p.httpClient(ctx)
	response, err := client.Do(request)
	if err != nil {
		return p.failed(ctx, what, withoutURL(err))
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, longestBody)); err != nil {
		return p.failed(ctx, what+": the answer broke off", err)
	}
	status := response.StatusCode
	return Result{
		Ran:        true,
		Succeeded:  status >= 200 && status < 400,
		StatusCode: &status,
		Message:    what + " answered " + strconv.Itoa(status),
	}
}

// httpClient returns a client for one probe: it keeps no connection, asks no proxy and believes every certificate. Its connections
// end with the probe's ctx, which must end. A transport's own context for dialling goes on when the request is cancelled, and
// with it a handshake that nobody answers.
func (p *prober) httpClient(ctx context.Context) *http.Client {
	transport := &http.Transport{
		DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
			to, err := netip.ParseAddrPort(address)
			if err != nil || !to.Addr().IsLoopback() {
				return nil, fmt.Errorf("%s is not on the container's loopback", address)
			}
			conn, err := p.target.dial(ctx, to)
			if err != nil {
				return nil, err
			}
			context.AfterFunc(ctx, func() { conn.Close() })
			return conn, nil
		},
		// As curl -k: the probe asks whether the server answers, and says nothing that needs protection. Old servers count, too.
		TLSClientConfig:        &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}, //nolint:gosec // see above
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: longestHeader,
	}
	return &http.Client{Transport: transport, CheckRedirect: p.redirect}
}

// redirect decides whether a redirect is followed, and has a name for loopback stand for the address that the probe uses.
func (p *prober) redirect(next *http.Request, before []*http.Request) error {
	if len(before) > mostRedirects {
		return fmt.Errorf("more than %d redirects", mostRedirects)
	}
	if s := next.URL.Scheme; s != schemeHTTP && s != schemeHTTPS {
		return fmt.Errorf("redirected to the scheme %q, which is neither http nor https", bounded(s))
	}
	host := next.URL.Hostname()
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		next.Host = next.URL.Host // what the server is told stays as it said
		port := next.URL.Port()
		if port == "" {
			port = defaultPorts[next.URL.Scheme]
		}
		next.URL.Host = net.JoinHostPort(loopback(p.spec.HTTP.IPv6).String(), port)
		return nil
	}
	if address, err := netip.ParseAddr(host); err == nil && address.Zone() == "" && address.IsLoopback() {
		return nil
	}
	return http.ErrUseLastResponse
}

var defaultPorts = map[string]string{schemeHTTP: "80", schemeHTTPS: "443"}

// hostHeader names the server without a port that its scheme implies, as browsers and curl do: a server may compare it.
func hostHeader(u *url.URL) string {
	return strings.TrimSuffix(u.Host, ":"+defaultPorts[u.Scheme])
}

// withoutURL strips the URL that the client puts in front: of a redirect it may hold anything.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// url is what is asked for. What of the path cannot stand in a request is escaped, what is escaped already stays.
func (h HTTPSpec) url() *url.URL {
	path, _, _ := strings.Cut(h.Path, "#")
	path, query, asked := strings.Cut(path, "?")
	u := &url.URL{Scheme: h.Scheme, Host: hostPort(h.Port, h.IPv6), RawPath: path, RawQuery: escapeQuery(query), ForceQuery: asked && query == ""}
	var err error
	if u.Path, err = url.PathUnescape(path); err != nil {
		u.Path = path
	}
	if u.Path == "" {
		u.Path, u.RawPath = "/", ""
	}
	return u
}

// escapeQuery escapes what would end a request line or is not ASCII.
func escapeQuery(query string) string {
	var b strings.Builder
	for i := range len(query) {
		if c := query[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
