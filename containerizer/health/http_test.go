package health

import (
	"bufio"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"pgregory.net/rapid"
)

func TestHTTP(t *testing.T) {
	target := serve(t, nil, TCPSpec{Port: 443}, "-http", ":80", "-https", ":443")
	awaitSuccess(t, target, get(80, "/status/200"))
	for _, c := range []struct {
		path    string
		status  int // 0 for none
		success bool
		says    string
	}{
		{"/seen?token=secret", 200, true, "HTTP GET http://127.0.0.1:80/seen answered 200"},
		{"/host/127.0.0.1", 200, true, "200"},
		{"/redirect?to=http://localhost/host/localhost", 200, true, "200"},
		{"", 404, false, "HTTP GET http://127.0.0.1:80/ answered 404"},
		{"/status/204", 204, true, "204"},
		{"/status/304", 304, true, "304"},
		{"/status/302", 302, true, "302"}, // leads nowhere
		{"/status/400", 400, false, "400"},
		{"/status/503", 503, false, "answered 503"},
		{"/redirect?to=/status/201", 201, true, "201"},
		{"/redirect?to=/status/500", 500, false, "500"},
		{"/redirect?to=http://127.0.0.1/status/202", 202, true, "202"},
		{"/redirect?to=http://LOCALHOST./status/202", 202, true, "202"},
		{"/redirect?to=https://localhost:443/status/203", 203, true, "203"},
		{"/redirect?to=http://user:secret@127.0.0.1:81/", 0, false, "connection refused"},
		{"/redirect?to=https://login.example/", 302, true, "302"},
		{"/redirect?to=http://192.0.2.1/", 302, true, "302"},
		{"/redirect?to=http://127.0.0.1.example/", 302, true, "302"},
		{"/redirect?to=//192.0.2.1/", 302, true, "302"},
		{"/redirect?to=file:///etc/passwd", 0, false, "neither http nor https"},
		{"/redirect?to=http://%5b::1%25lo%5d:80/", 0, false, "Location"},
		{"/hops/50", 200, true, "200"},
		{"/hops/51", 0, false, "more than 50 redirects"},
		{"/loop", 0, false, "more than 50 redirects"},
		{"/header/200000", 200, true, "200"},
		{"/header/1000000", 0, false, "header"},
		{"/early/3", 200, true, "200"},
		{"/early/20000", 0, false, "header of the answer is too long"},
		{"/late", 200, true, "200"},
		{"/endless", 200, true, "200"},
		{"/broken", 0, false, "was cut short"},
	} {
		got := newProber(get(80, c.path), target).probe(t.Context())
		status := 0
		if got.StatusCode != nil {
			status = *got.StatusCode
		}
		if status != c.status || got.Ran != (c.status != 0) || got.Succeeded != c.success || !strings.Contains(got.Message, c.says) {
			t.Errorf("%s: %+v, status %d", c.path, got, status)
		}
		if strings.Contains(got.Message, "secret") {
			t.Errorf("%s: a secret in the message %q", c.path, got.Message)
		}
	}
	secure := get(80, "/redirect?to=https://127.0.0.1/host/127.0.0.1")
	if got := newProber(secure, target).probe(t.Context()); !got.Succeeded || *got.StatusCode != 200 {
		t.Errorf("redirect to HTTPS: %+v", got)
	}
	secure = get(443, "/status/200")
	secure.HTTP.Scheme = schemeHTTPS
	if got := newProber(secure, target).probe(t.Context()); !got.Succeeded || got.Message != "HTTP GET https://127.0.0.1:443/status/200 answered 200" {
		t.Errorf("HTTPS: %+v", got)
	}
	secure.HTTP.Port = 80
	if got := newProber(secure, target).probe(t.Context()); got.Ran || got.Succeeded {
		t.Errorf("HTTPS where HTTP is spoken: %+v", got)
	}
	for _, port := range []uint32{0, 65536, 1<<32 - 1} {
		if got := newProber(get(port, "/"), target).probe(t.Context()); got.Ran || !strings.Contains(got.Message, "is not between 1 and 65535") {
			t.Errorf("port %d: %+v", port, got)
		}
	}
}

func TestHTTPTimeouts(t *testing.T) {
	target := serve(t, nil, TCPSpec{Port: 80}, "-http", ":80")
	for _, path := range []string{"/hang", "/stuck"} {
		spec := get(80, path)
		spec.Timeout = 300 * time.Millisecond
		began := time.Now()
		got := newProber(spec, target).probe(t.Context())
		if got.Ran || got.Succeeded || !strings.HasSuffix(got.Message, "timed out after 300ms") || time.Since(began) > patience/2 {
			t.Errorf("%s after %v: %+v", path, time.Since(began), got)
		}
	}
	kept := newProber(get(80, "/status/200"), target)
	if got := kept.probe(t.Context()); !got.Succeeded {
		t.Errorf("%+v", got)
	}
	if got := newProber(get(80, "/die"), target).probe(t.Context()); got.Ran || got.Succeeded || got.Message == "" {
		t.Errorf("container that dies in mid-probe: %+v", got)
	}
	await(t, "the end of the process", kept.network.process.Ended)
	for what, p := range map[string]*prober{"new": newProber(get(80, "/"), target), "with an open network": kept} {
		if got := p.probe(t.Context()); got.Ran || !strings.Contains(got.Message, "is gone") {
			t.Errorf("%s, after the end of the container: %+v", what, got)
		}
	}
}

// A request is well-formed whatever the path holds.
func TestURL(t *testing.T) {
	for path, want := range map[string]string{
		"":              "/",
		"/a b?c d#e":    "/a%20b?c%20d",
		"/%41%2f?x=%zz": "/%41%2f?x=%zz",
		"/%zz":          "/%25zz",
		"//host/x":      "//host/x",
		"/?":            "/?",
		"/ä?ä":          "/%C3%A4?%C3%A4",
	} {
		if got := requestURI(t, path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		path := "/" + rapid.StringOf(rapid.Rune()).Draw(t, "path")
		if got := requestURI(t, path); !strings.HasPrefix(got, "/") {
			t.Fatalf("%q became %q", path, got)
		}
	})
}

// requestURI sends a request and returns what a server reads.
func requestURI(t interface{ Fatalf(string, ...any) }, path string) string {
	spec := HTTPSpec{Scheme: schemeHTTP, Port: 80, Path: path}
	request, err := http.NewRequest(http.MethodGet, spec.url().String(), nil)
	if err != nil {
		t.Fatalf("%q: %v", path, err)
	}
	var sent strings.Builder
	if err := request.Write(&sent); err != nil {
		t.Fatalf("%q: %v", path, err)
	}
	read, err := http.ReadRequest(bufio.NewReader(strings.NewReader(sent.String())))
	if err != nil || read.Host != "127.0.0.1:80" || len(read.Header) != 1 {
		t.Fatalf("%q: %v, %q", path, err, sent.String())
	}
	return read.RequestURI
}

func TestNetworks(t *testing.T) {
	t.Run("none", func(t *testing.T) {
		target := serve(t, &container.HostConfig{NetworkMode: "none"}, TCPSpec{Port: 80}, "-http", ":80")
		awaitSuccess(t, target, get(80, "/seen"))
	})
	t.Run("host", func(t *testing.T) {
		port := freePort(t)
		target := serve(t, &container.HostConfig{NetworkMode: "host"}, TCPSpec{Port: uint32(port.Port())}, "-http", port.String())
		awaitSuccess(t, target, get(uint32(port.Port()), "/host/"+port.String()))
	})
	t.Run("user network", func(t *testing.T) {
		name := userNetwork(t)
		target := serve(t, &container.HostConfig{NetworkMode: container.NetworkMode(name)}, TCPSpec{Port: 80}, "-http", ":80")
		awaitSuccess(t, target, get(80, "/seen"))
	})
	t.Run("only outside", func(t *testing.T) {
		target := run(t, nil, "server", "-http", "eth0:80", "-https", "127.0.0.1:443")
		awaitSuccess(t, target, Spec{Kind: TCP, TCP: TCPSpec{Port: 443}})
		if got := newProber(get(80, "/seen"), target).probe(t.Context()); got.Succeeded || !strings.HasSuffix(got.Message, ": connection refused") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("IPv6", func(t *testing.T) {
		sysctls := map[string]string{"net.ipv6.conf.all.disable_ipv6": "0", "net.ipv6.conf.lo.disable_ipv6": "0"}
		target := serve(t, &container.HostConfig{Sysctls: sysctls}, TCPSpec{Port: 80, IPv6: true}, "-http", "[::1]:80")
		spec := get(80, "/redirect?to=http://localhost/status/201")
		spec.HTTP.IPv6 = true
		if got := newProber(spec, target).probe(t.Context()); !got.Succeeded || *got.StatusCode != 201 {
			t.Errorf("%+v", got)
		}
		if got := newProber(get(80, "/status/200"), target).probe(t.Context()); got.Succeeded || !strings.HasSuffix(got.Message, ": connection refused") {
			t.Errorf("IPv4: %+v", got)
		}
	})
}

func TestLoopbackIsLoopback(t *testing.T) {
	for _, a := range []netip.Addr{loopback(false), loopback(true)} {
		if !a.IsLoopback() {
			t.Error(a)
		}
	}
}
