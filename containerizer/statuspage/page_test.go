package statuspage

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mesos-docker-containerizer/containerizer/cgroup"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/record"
)

// factsOf has each text in every place that a task, a registry or an admin fills.
func factsOf(text string) Options {
	began := time.Now().Add(-time.Minute)
	steps := []record.Step{{State: record.Launched, Text: text, At: began}, {State: record.Pulling, Text: text, At: began.Add(time.Second)}}
	failed := &record.Record{
		Task: text, App: text, Framework: text, Route: text, Sandbox: text, Steps: append(steps, record.Step{State: record.Ended, At: time.Now()}),
		Asked: record.Asked{Image: text, Network: text, Health: text}, Pull: &record.Pull{Try: 1, Of: 2, Error: text},
		Probes: []record.Probe{{At: began, Output: text}}, Refusal: &record.Refusal{Rule: text, Source: text},
		End: &record.End{Outcome: "failed", Message: "it failed: " + text},
	}
	return Options{
		Host: text, Version: text,
		Settings: func() []Setting { return []Setting{{text, text, text}} },
		Facts: func() Facts {
			return Facts{
				Tasks: []Task{{Task: text, App: "a" + text, Image: text, State: "pulling", Doing: text, Ports: []string{text}, Steps: steps,
					Memory: cgroup.Memory{Limit: 100, Usage: 50, Peak: 70}}},
				Pulls:    []image.Pull{{Reference: text, Tasks: []string{text}, Progress: image.Progress{Status: image.Waiting, Trouble: text}}},
				Failures: []*record.Record{failed}, Trouble: "x" + text,
			}
		},
	}
}

func get(t testing.TB, o Options, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "http://localhost/", nil)
	if change != nil {
		change(request)
	}
	answer := httptest.NewRecorder()
	New(o).ServeHTTP(answer, request)
	return answer
}

// Whatever a task's text is, it adds no tag and no attribute, and nothing turns the text around it.
func TestTextStaysText(t *testing.T) {
	structure := func(text string) string {
		page := get(t, factsOf(text), nil).Body.String()
		return fmt.Sprint(strings.Count(page, "<"), strings.Count(page, ">"), strings.Count(page, `"`))
	}
	plain := structure("plain")
	for _, text := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</title></style><b>`, `' onmouseover='x`, "{{.Style}}", "javascript:alert(1)"} {
		if got := structure(text); got != plain {
			t.Errorf("%q: opened and closed tags and quotes are %s, not %s", text, got, plain)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(1, 40, -1).Draw(t, "text")
		if got := structure(text); got != plain {
			t.Errorf("%q: opened and closed tags and quotes are %s, not %s", text, got, plain)
		}
	})
	if page := get(t, factsOf("a\u202eb\x1b[31m\x00c"), nil).Body.String(); strings.ContainsAny(page, "\u202e\x1b\x00") || !strings.Contains(page, "a�b�[31m�c") {
		t.Error("signs that are not printable are on the page")
	}
}

func TestAnswers(t *testing.T) {
	o := factsOf("text")
	for _, tt := range []struct {
		method, host, target string
		status               int
		refresh              string
	}{
		{"GET", "localhost:9406", "/", 200, "5"},
		{"HEAD", "127.0.0.1:9406", "/", 200, "5"},
		{"GET", "[::1]:9406", "/?refresh=off", 200, ""},
		{"GET", "[::1]", "/?app=%2Fshop", 200, "5"},
		{"GET", "127.0.0.1", "/other", 404, ""},
		{"POST", "localhost", "/", 405, ""},
		{"DELETE", "localhost", "/", 405, ""},
		{"GET", "rebound.example:9406", "/", 403, ""},
		{"GET", "127.0.0.1.rebound.example", "/", 403, ""},
		{"GET", "localhost.rebound.example", "/", 403, ""},
		{"GET", "192.0.2.1:9406", "/", 403, ""},
		{"GET", "", "/", 403, ""},
	} {
		answer := get(t, o, func(r *http.Request) {
			*r = *httptest.NewRequest(tt.method, tt.target, nil)
			r.Host = tt.host
		})
		h := answer.Header()
		if answer.Code != tt.status || h.Get("Refresh") != tt.refresh {
			t.Errorf("%s %s of %q: status %d, refresh %q", tt.method, tt.target, tt.host, answer.Code, h.Get("Refresh"))
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'; ") {
			t.Errorf("%s %s of %q: headers %v", tt.method, tt.target, tt.host, h)
		}
	}
}

// A browser takes the style only if it has the hash that the policy names.
func TestPolicyNamesTheStyle(t *testing.T) {
	answer := get(t, factsOf("text"), nil)
	_, rest, _ := strings.Cut(answer.Body.String(), "<style>")
	inPage, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(inPage))
	if want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"; inPage == "" || !strings.Contains(answer.Header().Get("Content-Security-Policy"), want) {
		t.Errorf("the policy lacks %s", want)
	}
	if page := answer.Body.String(); strings.Contains(page, "<script") || strings.Contains(page, "style=") || strings.Contains(page, "src=") {
		t.Error("the page needs more than its style")
	}
}

// While as many views as may be made at a time are made, another is refused, and none waits.
func TestViewsAreBounded(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	o := factsOf("text")
	facts := o.Facts
	o.Facts = func() Facts {
		entered <- struct{}{}
		<-leave
		return facts()
	}
	page, ended := New(o), make(chan int)
	ask := func() int {
		answer := httptest.NewRecorder()
		page.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://localhost/", nil))
		return answer.Code
	}
	for range maxViews {
		go func() { ended <- ask() }()
		<-entered
	}
	if status := ask(); status != http.StatusServiceUnavailable {
		t.Errorf("one too many: status %d", status)
	}
	close(leave)
	for range maxViews {
		if status := <-ended; status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
}
