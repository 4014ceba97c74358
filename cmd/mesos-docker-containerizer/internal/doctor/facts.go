package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/liveagent"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/overlay"
)

// facts are what several checks look at. Each is asked for once, when the first check wants it.
type facts struct {
	agent  func() (liveagent.Seen, error)
	docker func() (dockerHost, error)
}

// ask prepares the inquiries. They end with ctx.
func (f *facts) ask(ctx context.Context, o Options) {
	f.agent = sync.OnceValues(func() (liveagent.Seen, error) {
		if o.Agent == nil {
			return liveagent.Seen{}, o.AgentProblem
		}
		return o.Agent.Look(ctx)
	})
	f.docker = sync.OnceValues(func() (dockerHost, error) { return askEngine(ctx, o.Config.DockerSocket) })
}

// dockerHost is what the Engine says of itself. The daemon's own client of it is not used here: it refuses Engines that are too
// old or too new for it, and a doctor has to say what they are.
type dockerHost struct {
	version struct {
		Version       string
		APIVersion    string `json:"ApiVersion"`
		MinAPIVersion string
		Components    []struct{ Name string }
	}
	info struct {
		Driver             string
		DriverStatus       [][]string
		DockerRootDir      string
		SecurityOptions    []string
		CgroupVersion      string
		CgroupDriver       string
		SystemTime         time.Time
		LiveRestoreEnabled bool
		MemoryLimit        *bool
		CPUCfsQuota        *bool `json:"CpuCfsQuota"`
		Swarm              struct{ LocalNodeState string }
		Runtimes           map[string]json.RawMessage
		CDISpecDirs        []string
		DiscoveredDevices  []struct{ Source, ID string }
	}
	at time.Time // ours, when it said its time
}

// podman says that it is Podman that answers, which speaks the Docker API as well.
func (h dockerHost) podman() bool {
	return slices.ContainsFunc(h.version.Components, func(c struct{ Name string }) bool { return c.Name == "Podman Engine" })
}

func askEngine(ctx context.Context, socket string) (dockerHost, error) {
	client := overSocket(socket)
	var h dockerHost
	if err := get(ctx, client, "/version", &h.version); err != nil {
		return h, err
	}
	err := get(ctx, client, "/info", &h.info)
	h.at = time.Now()
	return h, err
}

// overSocket speaks HTTP over a Unix socket.
func overSocket(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}
}

// maxAnswer is far above any answer.
const maxAnswer = 64 << 20

func get(ctx context.Context, client *http.Client, path string, answer any) error {
	body, err := open(ctx, client, path)
	if err != nil {
		return err
	}
	defer body.Close()
	return plain(json.NewDecoder(io.LimitReader(body, maxAnswer)).Decode(answer))
}

// open returns the answer to a request that went well. The caller closes it.
func open(ctx context.Context, client *http.Client, path string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://host"+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, plain(err)
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("GET %s is answered %s", path, response.Status)
	}
	return response.Body, nil
}

// plain takes the made-up address out of an error, and says in words that nobody waited longer.
func plain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer came in time")
	}
	if wrapper, ok := errors.AsType[*url.Error](err); ok {
		return wrapper.Err
	}
	return err
}

// flags are the running agent's; nil where they cannot be seen.
func (d *doctor) flags() map[string]string {
	seen, _ := d.agent()
	return seen.Flags
}

// hasDocker says whether the agent, as far as can be known, runs its docker containerizer.
func (d *doctor) hasDocker() bool {
	if flags := d.flags(); flags != nil {
		return lists(flags["containerizers"], "docker")
	}
	return d.Config.DockerEnabled()
}

// lists says that a list with commas has an item.
func lists(list, item string) bool {
	for each := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(each) == item {
			return true
		}
	}
	return false
}

// folder is the overlay in use: the agent's launcher_dir if that is one, else where setup makes it.
func (d *doctor) folder() string {
	for _, path := range []string{d.flags()["launcher_dir"], d.Config.LauncherDir} {
		if path != "" {
			if _, err := overlay.ReadRecord(path); err == nil {
				return filepath.Clean(path)
			}
		}
	}
	return d.Overlay
}

// dropIn says whether the running agent starts our executor in the stock one's place.
func (d *doctor) dropIn() bool {
	launcher := d.flags()["launcher_dir"]
	if launcher == "" || !d.hasDocker() {
		return false
	}
	return filepath.Clean(launcher) == d.folder() || overlay.IsOurs(filepath.Join(launcher, overlay.ExecutorName))
}
