package statuspage

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"mesos-docker-containerizer/containerizer/cgroup"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/record"
)

// refreshInterval is the time after which a browser loads the page again.
const refreshInterval = 5 * time.Second

// maxViews bounds the views that are made at the same time.
const maxViews = 2

// Options of a page.
type Options struct {
	Facts    func() Facts     // is called for each view, and must not wait for anything
	Settings func() []Setting // those that differ from the default

	Version string // of the daemon
	Host    string // the name of this host
}

// Facts are what there is to show at the moment.
type Facts struct {
	Tasks    []Task
	Pulls    []image.Pull
	Failures []*record.Record // latest first
	Trouble  string           // why no task can start; empty if tasks can
	Behind   int              // containers that could not be removed yet

	// Of the file system with the Engine's data, in bytes. Both are zero where it is not known.
	DiskFree, DiskSize uint64
}

// Task is one task. State and Health are the words of `ps`.
type Task struct {
	Task, App, Image, State, Doing, Health string

	Ports   []string      // of the host
	Started time.Time     // zero before the start of the container
	Memory  cgroup.Memory // as far as it is known
	Steps   []record.Step // oldest first
}

// Setting is a setting of the daemon. The value of a secret is not in it.
type Setting struct{ Name, Value, Origin string }

var (
	//go:embed page.html
	markup string

	//go:embed page.css
	style string
)

// New returns a handler that answers GET / and HEAD / with the page. ?refresh=off keeps a browser from loading it again, and ?app=ID
// shows one app alone.
func New(o Options) http.Handler {
	page := template.Must(template.New("page").Parse(markup))
	sum := sha256.Sum256([]byte(style))
	policy := fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		base64.StdEncoding.EncodeToString(sum[:]))
	views := make(chan struct{}, maxViews)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		select {
		case views <- struct{}{}:
			defer func() { <-views }()
		default:
			w.Header().Set("Retry-After", "1")
			http.Error(w, "the page is being made for others; try again in a second", http.StatusServiceUnavailable)
			return
		}
		query := r.URL.Query()
		view := newView(&o, query.Get("app"), query.Get("refresh") != "off", time.Now())
		var text bytes.Buffer
		if err := page.Execute(&text, view); err != nil {
			http.Error(w, "the page cannot be made: "+err.Error(), http.StatusInternalServerError)
			return
		}
		if view.Refreshed {
			w.Header().Set("Refresh", strconv.Itoa(int(refreshInterval.Seconds())))
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = text.WriteTo(w) // who does not read it needs none
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			w.Header().Set(name, value)
		}
		if !isThisHost(r.Host) {
			http.Error(w, "the page is for this host alone: ask for localhost, 127.0.0.1 or [::1]", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// isThisHost reports whether a request was made for a name that no one can let point elsewhere. A site whose name is made to point to
// this host once its script is loaded (DNS rebinding) could otherwise read the page through the browser of a user on this host, or of
// one who has forwarded a port to its socket.
func isThisHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
