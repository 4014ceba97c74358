package health

import (
	"bytes"
	"cmp"
	"context"
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
	// mostRedirects is curl's limit, which the stock executor has.
	mostRedirects = 50

	// longestHeader is near curl's limit (300 kB). It bounds the daemon's memory.
	longestHeader = 256 << 10

	// longestBody is how much of the body is read. An error within it fails the probe.
	longestBody = 64 << 10

	userAgent = "mesos-docker-containerizer"
)

// http sends a request to the container's server. It succeeds with a status of 200 to 399, after redirects (contract 4.3).
//
// Only redirects on the container's loopback are followed. Any other redirect is the result, and a success: a root process on the
// host must not resolve its name, and another server says nothing about the task.
func (p *prober) http(ctx context.Context) Result {
	if p.request == nil {
		target := p.spec.HTTP.url()
		p.what = "HTTP GET " + shown(target)
		request, err := p.spec.HTTP.request(target)
		if err != nil {
			return p.failed(ctx, p.what, err)
		}
		var text bytes.Buffer
		if err := request.Write(&text); err != nil {
			return p.failed(ctx, p.what, err)
		}
		p.request, p.text = request, text.Bytes()
	}
	what := p.what
	exchange := &exchange{ctx: ctx, network: &p.network, tick: p.spec.tick()}
	response, err := exchange.ask(p.request, p.text)
	if err == nil && response.StatusCode/100 == 3 { // most probes do without a client, which takes as long as the rest
		exchange.first = response
		client := &http.Client{Transport: exchange, CheckRedirect: p.redirect}
		response, err = client.Do(p.request)
	}
	if err != nil {
		return p.failed(ctx, what, withoutURL(err))
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, longestBody)); err != nil {
		return p.failed(ctx, what+": the answer was cut short", err)
	}
	status := response.StatusCode
	return Result{
		Ran:        true,
		Succeeded:  status >= 200 && status < 400,
		StatusCode: &status,
		Message:    what + " answered " + strconv.Itoa(status),
	}
}

// shown is a URL for messages, without the query, which may hold a token.
func shown(target *url.URL) string {
	u := url.URL{Scheme: target.Scheme, Host: target.Host, Path: target.Path, RawPath: target.RawPath}
	return bounded(u.String())
}

// request is the request of every probe, which probes send one after another.
func (h HTTPSpec) request(target *url.URL) (*http.Request, error) {
	if err := portError(h.Port); err != nil {
		return nil, err
	}
	request, err := http.NewRequest(http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Host = hostHeader(target)
	request.Header = http.Header{"User-Agent": {userAgent}, "Accept": {"*/*"}, "Connection": {"close"}}
	return request, nil
}

// redirect decides whether a redirect is followed. It replaces the name localhost by the address that the probe uses.
func (p *prober) redirect(next *http.Request, before []*http.Request) error {
	if len(before) > mostRedirects {
		return fmt.Errorf("more than %d redirects", mostRedirects)
	}
	if s := next.URL.Scheme; s != schemeHTTP && s != schemeHTTPS {
		return fmt.Errorf("redirected to the scheme %q, which is neither http nor https", bounded(s))
	}
	host := next.URL.Hostname()
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		next.Host = next.URL.Host // the Host header keeps the name
		next.URL.Host = net.JoinHostPort(loopback(p.spec.HTTP.IPv6).String(), portOf(next.URL))
		return nil
	}
	if address, err := netip.ParseAddr(host); err == nil && address.Zone() == "" && address.IsLoopback() {
		return nil
	}
	return http.ErrUseLastResponse
}

var defaultPorts = map[string]string{schemeHTTP: "80", schemeHTTPS: "443"}

// portOf is the port of a URL, or its scheme's.
func portOf(u *url.URL) string { return cmp.Or(u.Port(), defaultPorts[u.Scheme]) }

// hostHeader returns the Host header without the scheme's default port, as browsers and curl send it.
func hostHeader(u *url.URL) string {
	return strings.TrimSuffix(u.Host, ":"+defaultPorts[u.Scheme])
}

// withoutURL removes the URL from a client's error: the URL of a redirect is the container's.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// url returns the URL of the request. Characters that are not allowed in it are escaped; escaped characters stay.
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

// escapeQuery escapes bytes that are not allowed in a request line.
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
