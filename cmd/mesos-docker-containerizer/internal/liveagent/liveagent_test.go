package liveagent

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func answers(pages map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, ok := pages[r.URL.Path]
		switch {
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		case page == "denied":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			w.Write([]byte(page))
		}
	})
}

func TestLook(t *testing.T) {
	for name, c := range map[string]struct {
		pages   map[string]string
		tls     bool
		version string
		dir     string
		err     string
	}{
		"an agent":          {map[string]string{"/version": `{"version":"1.11.0"}`, "/flags": `{"flags":{"launcher_dir":"/l","quiet":"false"}}`}, false, "1.11.0", "/l", ""},
		"one with TLS":      {map[string]string{"/version": `{"version":"1.9.0"}`, "/flags": `{"flags":{"launcher_dir":"/l"}}`}, true, "1.9.0", "/l", ""},
		"an old one":        {map[string]string{"/state.json": `{"version":"0.23.1","flags":{"launcher_dir":"/old","port":5051}}`}, false, "0.23.1", "/old", ""},
		"one that is shy":   {map[string]string{"/version": `{"version":"1.8.1"}`, "/flags": "denied"}, false, "1.8.1", "", ErrDenied.Error()},
		"something else":    {map[string]string{"/version": `<html>`}, false, "", "", "not answered as by a Mesos agent"},
		"nothing like that": {map[string]string{}, false, "", "", errAbsent.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			start := httptest.NewServer
			if c.tls {
				start = httptest.NewTLSServer
			}
			server := start(answers(c.pages))
			defer server.Close()
			seen, err := New(server.Listener.Addr().String()).Look(t.Context())
			if got := errorText(err); (c.err == "") != (got == "") || !strings.Contains(got, c.err) {
				t.Fatalf("error %q, want %q", got, c.err)
			}
			if seen.Version != c.version || seen.Flags["launcher_dir"] != c.dir {
				t.Errorf("seen %+v", seen)
			}
			if c.err == "" && c.pages["/version"] != "" && time.Since(seen.Date) > time.Minute {
				t.Errorf("its clock is %v", seen.Date)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestLookIsBounded(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := New(server.Listener.Addr().String()).Look(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestVersions(t *testing.T) {
	for text, c := range map[string]struct {
		want     string
		misleads bool
	}{
		"0.23.0": {"0.23.0", true}, "1.7.2": {"1.7.2", true}, "1.7.3": {"1.7.3", false}, "1.8.1": {"1.8.1", true}, "1.9.0": {"1.9.0", true},
		"1.4.4": {"1.4.4", true}, "1.5.3": {"1.5.3", true}, "1.5.4": {"1.5.4", false}, "1.6.2": {"1.6.2", true}, "1.6.3": {"1.6.3", false},
		"1.8.2": {"1.8.2", false}, "1.9.1": {"1.9.1", false}, "1.10.0": {"1.10.0", false}, "1.12.0-dev": {"1.12.0", false}, "1.11": {"1.11.0", false}, "2.0.0": {"2.0.0", false},
	} {
		v, err := ParseVersion(text)
		if err != nil || v.String() != c.want || v.DetectsByLauncherDir() != c.misleads {
			t.Errorf("%s: %v %v, misleads %v", text, v, err, v.DetectsByLauncherDir())
		}
	}
	for _, text := range []string{"", "1", "x.y.z", "1.2.3.4", "-1.2", "1.99999999"} {
		if v, err := ParseVersion(text); err == nil {
			t.Errorf("%q is %v", text, v)
		}
	}
}

func FuzzParseVersion(f *testing.F) {
	for _, seed := range []string{"1.11.0", "1.12.0-dev", "1.11", "", "1..2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseVersion(text)
		if err != nil {
			return
		}
		if again, err := ParseVersion(v.String()); err != nil || again != v {
			t.Errorf("%q is %v, and that %v %v", text, v, again, err)
		}
	})
}
