// Package liveagent asks a running Mesos agent what it is and with which flags it runs: GET /version and GET /flags, or
// /state.json of agents before 0.26; and, for its id and its master, GET /state. It sends nothing but these requests, and no credentials.
//
//	agent := liveagent.New("127.0.0.1:5051")
//	seen, err := agent.Look(ctx)   // errors.Is(err, liveagent.ErrDenied): it is there, but tells its flags to nobody
//	seen.Flags["launcher_dir"]
//
// Caveat: what it tells can hold secrets (docker_config). A caller that shows flags picks them one by one.
package liveagent

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ErrDenied says that the agent wants to know who asks before it tells its flags or state (--authenticate_http_readonly, --acls).
var ErrDenied = errors.New("the agent answers only those who authenticate")

// errAbsent says that the agent has no such endpoint.
var errAbsent = errors.New("there is no such endpoint")

// maxAnswer is far above what an agent with tens of thousands of completed tasks answers to /state.json.
const maxAnswer = 256 << 20

// Agent is where an agent listens.
type Agent struct {
	address string
	client  *http.Client
}

// New names the agent at HOST:PORT. Nothing is asked yet.
func New(address string) *Agent {
	return &Agent{address: address, client: &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		// The agent is asked on its own host and is sent nothing secret, so whose certificate it has does not matter.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec
	}}}
}

// Address is HOST:PORT.
func (a *Agent) Address() string { return a.address }

// Seen is what an agent told.
type Seen struct {
	// Version is the agent's, as "1.11.0".
	Version string
	// Flags are nil where they could not be seen. A flag that is not set and has no default is absent.
	Flags map[string]string
	// Date is the agent's clock, to the second; At is ours at the moment when its answer came.
	Date, At time.Time
}

// Look asks the agent. With an error that is ErrDenied the version has been seen.
func (a *Agent) Look(ctx context.Context) (Seen, error) {
	scheme, version, header, err := a.greet(ctx)
	if err != nil {
		return Seen{}, err
	}
	seen := Seen{Version: version, At: time.Now()}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		seen.Date = date
	}
	var told struct {
		Version string
		Flags   map[string]any
	}
	_, err = a.get(ctx, scheme, "/flags", &told)
	if errors.Is(err, errAbsent) {
		_, err = a.get(ctx, scheme, "/state.json", &told)
	}
	seen.Version = cmp.Or(seen.Version, told.Version)
	if err != nil {
		return seen, err
	}
	seen.Flags = make(map[string]string, len(told.Flags))
	for name, value := range told.Flags {
		seen.Flags[name] = text(value)
	}
	return seen, nil
}

// greet asks for the version, which is empty for agents before 0.26, and finds out which scheme the agent speaks.
func (a *Agent) greet(ctx context.Context) (scheme, version string, header http.Header, err error) {
	scheme = "http"
	var told struct{ Version string }
	header, err = a.get(ctx, scheme, "/version", &told)
	if err != nil && ctx.Err() == nil && !errors.Is(err, errAbsent) {
		// Agents with LIBPROCESS_SSL_ENABLED speak TLS alone, and close what is none.
		if h, errTLS := a.get(ctx, "https", "/version", &told); errTLS == nil {
			scheme, header, err = "https", h, nil
		}
	}
	if errors.Is(err, errAbsent) {
		err = nil
	}
	return scheme, told.Version, header, err
}

// text gives a flag's value in the syntax of flags; agents write all of them as strings.
func text(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(b)
}

func (a *Agent) get(ctx context.Context, scheme, path string, answer any) (http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+a.address+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return response.Header, ErrDenied
	case http.StatusNotFound:
		return response.Header, errAbsent
	default:
		return response.Header, fmt.Errorf("GET %s is answered %s", request.URL, response.Status)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(answer); err != nil {
		return response.Header, fmt.Errorf("GET %s is not answered as by a Mesos agent: %w", request.URL, err)
	}
	return response.Header, nil
}

// Version is a release of Mesos. The zero Version is one that is not known.
type Version struct{ Major, Minor, Patch int }

// ParseVersion reads "1.11.0", also with something behind it, as "1.12.0-dev".
func ParseVersion(text string) (Version, error) {
	numbers, _, _ := strings.Cut(strings.TrimSpace(text), "-")
	numbers, _, _ = strings.Cut(numbers, "+")
	parts := strings.Split(numbers, ".")
	if len(parts) < 2 || len(parts) > 3 {
		return Version{}, fmt.Errorf("%q is not a version of Mesos such as 1.11.0", text)
	}
	var found [3]int
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return Version{}, fmt.Errorf("%q is not a version of Mesos such as 1.11.0", text)
		}
		found[i] = int(n)
	}
	return Version{found[0], found[1], found[2]}, nil
}

// Before says that v is an older release than 1.11.0 for Before(1, 11, 0).
func (v Version) Before(major, minor, patch int) bool {
	return cmp.Or(cmp.Compare(v.Major, major), cmp.Compare(v.Minor, minor), cmp.Compare(v.Patch, patch)) < 0
}

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// firstByMark are the first versions of each line of Mesos 1 whose agents mark the executors that they make up for command tasks
// (MESOS-10084): minor version to patch version. 1.7.3 was released; of the others only the heads of the branches have the change,
// under the number of the release that did not come. Lines before 1.5 never got it, those from 1.10 on had it from the start
// (src/slave/paths.cpp at each tag and branch).
var firstByMark = map[int]int{5: 4, 6: 3, 7: 3, 8: 2, 9: 1}

// DetectsByLauncherDir says that agents of this version tell a command task's executor from a framework's own by comparing its
// command with the real path of mesos-executor in the launcher_dir of the day, recovered ones too.
func (v Version) DetectsByLauncherDir() bool {
	patch, some := firstByMark[v.Minor]
	return v.Before(1, 5, 0) || v.Major == 1 && some && v.Patch < patch
}
