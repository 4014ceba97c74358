package differential

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
	"mesos-docker-containerizer/internal/agentflag"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
)

const (
	engineTimeout = 2 * time.Minute
	removers      = 2
)

// bench is where both sides create their containers. It is safe for concurrent use.
type bench struct {
	engine    *client.Client
	command   string   // path of the docker command
	release   int      // its major version
	known     []string // options to be drawn: docker's own, and mistakes
	parser    *parameters.Subprocess
	image     string
	label     string // value of testimage.Label on everything here
	directory string
	serial    *atomic.Int64
	removals  chan string
	address   sync.Mutex // held by the run that uses a chosen address
}

func labelOf(b *bench) string { return testimage.Label + "=" + b.label }

// newBench prepares a user network, another container and the directories that generated tasks mention.
func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{
		engine:    environment.Engine(t),
		command:   dockerCommand(t),
		parser:    parameters.NewSubprocess(),
		image:     environment.Busybox(t),
		label:     fmt.Sprintf("differential-%d-%d", os.Getpid(), time.Now().UnixNano()%1e6),
		directory: t.TempDir(),
		serial:    new(atomic.Int64),
		removals:  make(chan string, 4096),
	}
	b.known = b.knownOptions(t)
	for _, name := range []string{"sandbox", "with:colon", "with blank ü", "h", "c:d", "home"} {
		if err := os.Mkdir(filepath.Join(b.directory, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { b.cleanUp(t) })
	labels := map[string]string{testimage.Label: b.label}
	_, err := b.engine.NetworkCreate(t.Context(), b.label+"-net", network.CreateOptions{Labels: labels,
		IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: "10.213.77.0/24"}}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.engine.ContainerCreate(t.Context(), &container.Config{Image: b.image, Labels: labels, Volumes: map[string]struct{}{"/from": {}}},
		nil, nil, nil, b.label+"-other")
	if err != nil {
		t.Fatal(err)
	}
	b.removeInBackground(t)
	return b
}

// dockerCommand finds the real docker command: Debian's, else the first of PATH.
func dockerCommand(t *testing.T) string {
	t.Helper()
	path := *dockerFlag
	if _, err := os.Stat(path); err != nil {
		if path, err = exec.LookPath("docker"); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal("NOT TESTED, no docker command: install Debian's docker.io or docker-cli")
			}
			t.Skip("NOT TESTED, no docker command: install Debian's docker.io or docker-cli")
		}
	}
	return path
}

// knownOptions are those that this docker command has, since it may be older than the parser in package parameters. Mistakes
// are known to all of them.
func (b *bench) knownOptions(t *testing.T) []string {
	t.Helper()
	help, err := b.docker(t, "/", "create", "--help")
	if err != nil {
		t.Fatal(err)
	}
	var known, missing []string
	for _, name := range slices.Sorted(maps.Keys(options)) {
		// These two are not in the help text.
		alias := name == "net" || name == "net-alias" || name == "dns-opt"
		rule := slices.IndexFunc(runspec.Rules, func(r runspec.Rule) bool { return r.Name == name })
		if alias || rule < 0 || strings.Contains(help, "--"+name+" ") {
			known = append(known, name)
		} else {
			missing = append(missing, name)
		}
	}
	version, err := b.docker(t, "/", "--version")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(version, "Docker version %d.", &b.release); err != nil {
		t.Fatalf("%q: %v", version, err)
	}
	t.Logf("%s, %s; NOT TESTED with it, for it has no such option: %s", b.command, strings.TrimSpace(version), strings.Join(missing, " "))
	return known
}

// removeInBackground removes containers as they come, so that the Engine does not fill up.
func (b *bench) removeInBackground(t *testing.T) {
	var group sync.WaitGroup
	for range removers {
		group.Go(func() {
			for id := range b.removals {
				b.remove(t, id)
			}
		})
	}
	t.Cleanup(func() {
		close(b.removals)
		group.Wait()
	})
}

func (b *bench) remove(t *testing.T, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), engineTimeout)
	defer cancel()
	if err := b.engine.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
		t.Errorf("removing a container: %v", err)
	}
}

// cleanUp removes everything with our label or name, however the test has ended.
func (b *bench) cleanUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), engineTimeout)
	defer cancel()
	ours := filters.NewArgs(filters.Arg("label", labelOf(b)))
	containers, err := b.engine.ContainerList(ctx, container.ListOptions{All: true, Filters: ours})
	if err != nil {
		t.Error(err)
	}
	for _, c := range containers {
		b.remove(t, c.ID)
	}
	if err := b.engine.NetworkRemove(ctx, b.label+"-net"); err != nil {
		t.Error(err)
	}
	b.removeVolumes(ctx, t)
}

// inspected is what a created container looks like: the parts that are compared.
type inspected map[string]any

// outcome is what became of one side.
type outcome struct {
	id        string
	container inspected
	refusal   error // nil when there is a container
	byEngine  bool  // it was the Engine that refused
	spec      *runspec.Spec
}

// names returns a name for a container of each side.
func (b *bench) names() (ours, theirs string) {
	n := b.serial.Add(1)
	return fmt.Sprintf("%s-o%05d", b.label, n), fmt.Sprintf("%s-d%05d", b.label, n)
}

// ours creates what we make of a task.
func (b *bench) ours(ctx context.Context, t testing.TB, a assignment) outcome {
	t.Helper()
	spec, err := runspec.Translate(ctx, a.Task, runspec.Options{
		CgroupsEnableCFS: a.cfs, DefaultContainerDNS: parsedDNS(a.dns), HostMemory: a.hostMemory, LogDriver: "local", LogOpts: map[string]string{"max-size": "1m"},
		EngineAPI: a.api, HonorCommandUser: a.honorUser, CopiesFiles: true, Parameters: b.parser,
	})
	if err == nil {
		err = spec.PrepareHost(context.Background())
	}
	var fault *runspec.Error
	if err != nil && !errors.As(err, &fault) {
		t.Fatalf("translating: %v", err)
	}
	if err != nil {
		return outcome{refusal: fault}
	}
	spec.Config.Labels[testimage.Label] = b.label
	created, err := b.engine.ContainerCreate(ctx, spec.Config, spec.HostConfig, spec.Networking, spec.Platform, spec.Name)
	if err != nil {
		return outcome{refusal: errors.New(strings.ReplaceAll(err.Error(), a.Name, "NAME")), byEngine: true, spec: spec}
	}
	return outcome{id: created.ID, container: b.inspect(ctx, t, created.ID, a.Name), spec: spec}
}

// theirs creates what the docker command makes of stock's arguments.
func (b *bench) theirs(ctx context.Context, t testing.TB, a assignment) outcome {
	t.Helper()
	line, err := stock(a)
	if err != nil {
		return outcome{refusal: err}
	}
	id, err := b.docker(t, a.SandboxDirectory, slices.Concat(
		[]string{"create", "--pull=never", "--name=" + a.Name, "--label=" + labelOf(b)}, line)...)
	if err != nil {
		text := strings.ReplaceAll(err.Error(), a.Name, "NAME")
		return outcome{refusal: errors.New(text), byEngine: strings.HasPrefix(text, "Error response from daemon: ")}
	}
	if id = strings.TrimSpace(id); !random.MatchString(id) {
		return outcome{refusal: errors.New("there is no container, but a text")}
	}
	return outcome{id: id, container: b.inspect(ctx, t, id, a.Name)}
}

// docker calls the docker command, in the sandbox as stock does. The error is its complaint alone.
func (b *bench) docker(t testing.TB, directory string, arguments ...string) (string, error) {
	t.Helper()
	command := b.dockerCommand(t.Context(), directory, arguments...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		var exit *exec.ExitError
		if text := complaint(stderr.String()); errors.As(err, &exit) && text != "" {
			return "", errors.New(text)
		}
		return "", fmt.Errorf("call docker: %w", err)
	}
	return stdout.String(), nil
}

func (b *bench) dockerCommand(ctx context.Context, directory string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, b.command, arguments...)
	command.Dir = directory
	command.Env = []string{"DOCKER_HOST=" + environment.Host(), "HOME=" + filepath.Join(b.directory, "home"), "PATH=" + os.Getenv("PATH")}
	return command
}

// complaint is the error in docker's stderr, without warnings and advice.
func complaint(stderr string) string {
	var kept []string
	for line := range strings.Lines(stderr) {
		if !strings.HasPrefix(line, "WARNING: ") && !strings.HasPrefix(line, "time=") {
			kept = append(kept, line)
		}
	}
	text := strings.Join(kept, "")
	for _, advice := range []string{".\nSee 'docker ", "\nSee 'docker ", "\n\nUsage:  docker ", "\n\nRun 'docker "} {
		text, _, _ = strings.Cut(text, advice)
	}
	return strings.TrimSuffix(strings.TrimPrefix(text, "docker: "), "\n")
}

// random are ids of anonymous volumes, networks and endpoints.
var random = regexp.MustCompile(`[0-9a-f]{64}`)

// inspect returns what is compared of a container. Its name and id, and ids that the Engine invents, are replaced.
func (b *bench) inspect(ctx context.Context, t testing.TB, id, name string) inspected {
	t.Helper()
	_, raw, err := b.engine.ContainerInspectWithRaw(ctx, id, false)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(name, "NAME", id, "ID", id[:12], "ID").Replace(string(raw))
	var all inspected
	if err := json.Unmarshal([]byte(random.ReplaceAllString(text, "RANDOM")), &all); err != nil {
		t.Fatal(err)
	}
	kept := inspected{}
	for _, part := range []string{"Config", "HostConfig", "Mounts", "NetworkSettings", "Path", "Args"} {
		kept[part] = noEmpties(all[part])
	}
	// Docker's parser keeps these in sets or maps, and the Engine mounts in one, so their order is that of the day.
	kept.sort("Config", "Env")
	kept.sort("HostConfig", "Binds")
	kept.sort("HostConfig", "Links")
	kept.sort("HostConfig", "Ulimits")
	kept.sort("HostConfig", "Mounts")
	kept.sort("Mounts")
	return kept
}

// noEmpties makes empty lists and maps null: they mean the same to the Engine, and which of them a docker command sends depends
// on its release.
func noEmpties(value any) any {
	switch v := value.(type) {
	case []any:
		if len(v) == 0 {
			return nil
		}
		for i := range v {
			v[i] = noEmpties(v[i])
		}
	case map[string]any:
		if len(v) == 0 {
			return nil
		}
		for key := range v {
			v[key] = noEmpties(v[key])
		}
	}
	return value
}

// sort orders a list, of mounts by their place in the container.
func (i inspected) sort(path ...string) {
	key := func(element any) string {
		mount, _ := element.(map[string]any)
		return fmt.Sprint(mount["Target"], mount["Destination"], element)
	}
	if list, ok := i.at(path...).([]any); ok {
		slices.SortFunc(list, func(a, b any) int { return strings.Compare(key(a), key(b)) })
	}
}

// at returns what is at a path of fields.
func (i inspected) at(path ...string) any {
	current := any(map[string]any(i))
	for _, name := range path {
		object, _ := current.(map[string]any)
		current = object[name]
	}
	return current
}

// set changes what is at a path of fields and says whether that made a difference.
func (i inspected) set(value any, path ...string) bool {
	parent, _ := i.at(path[:len(path)-1]...).(map[string]any)
	last := path[len(path)-1]
	if parent == nil || fmt.Sprint(parent[last]) == fmt.Sprint(value) {
		return false
	}
	parent[last] = value
	return true
}

// setOfMount sets the bind options of the mount at a path of the container.
func (i inspected) setOfMount(target string, options map[string]any) bool {
	mounts, _ := i.at("HostConfig", "Mounts").([]any)
	for _, m := range mounts {
		if m, ok := m.(map[string]any); ok && m["Type"] == "bind" && m["Target"] == target {
			own, _ := m["BindOptions"].(map[string]any)
			if propagation, ok := own["Propagation"]; ok {
				options = maps.Clone(options)
				options["Propagation"] = propagation
			}
			before := fmt.Sprint(m)
			m["BindOptions"] = noEmpties(options)
			return before != fmt.Sprint(m)
		}
	}
	return false
}

// place puts the names of this bench into a task's texts.
func (b *bench) place(a assignment) assignment {
	a = clone(a)
	names := strings.NewReplacer("{directory}", b.directory, "{volume}", b.label+"-", "{net}", b.label+"-net", "{other}", b.label+"-other", "{image}", b.image)
	put := func(text *string) {
		if text != nil {
			*text = names.Replace(*text)
		}
	}
	put(&a.SandboxDirectory)
	if container := a.Info.Container; container != nil {
		for i := range container.Volumes {
			put(container.Volumes[i].HostPath)
			if source := container.Volumes[i].Source; source != nil && source.DockerVolume != nil {
				put(&source.DockerVolume.Name)
			}
			if source := container.Volumes[i].Source; source != nil && source.HostPath != nil {
				put(&source.HostPath.Path)
			}
		}
		for i := range container.NetworkInfos {
			put(container.NetworkInfos[i].Name)
		}
		if container.Docker != nil {
			put(&container.Docker.Image)
			for i := range container.Docker.Parameters {
				put(&container.Docker.Parameters[i].Value)
			}
		}
	}
	if a.dns != nil {
		dns := &agentflag.ContainerDNS{Docker: slices.Clone(a.dns.Docker)}
		for i := range dns.Docker {
			put(&dns.Docker[i].NetworkName)
		}
		a.dns = dns
	}
	return a
}

// clone returns a copy that shares nothing that rows of the table change.
func clone(a assignment) assignment {
	data, err := a.Info.Marshal()
	if err != nil {
		panic(fmt.Sprintf("marshalling a generated TaskInfo: %v", err))
	}
	a.Info = mesos.TaskInfo{}
	if err := a.Info.Unmarshal(data); err != nil {
		panic(fmt.Sprintf("unmarshalling a generated TaskInfo: %v", err))
	}
	a.extra, a.mounted = slices.Clone(a.extra), maps.Clone(a.mounted)
	if a.mounted == nil {
		a.mounted = map[int]bool{}
	}
	return a
}

// optionNames are all options of docker run.
func optionNames() (names []string) {
	for _, rule := range runspec.Rules {
		names = append(names, rule.Name)
	}
	return names
}

// removeVolumes removes the named volumes of tasks.
func (b *bench) removeVolumes(ctx context.Context, t *testing.T) {
	volumes, err := b.engine.VolumeList(ctx, volume.ListOptions{Filters: filters.NewArgs(filters.Arg("name", b.label+"-"))})
	if err != nil {
		t.Error(err)
		return
	}
	for _, v := range volumes.Volumes {
		if err := b.engine.VolumeRemove(ctx, v.Name, true); err != nil {
			t.Error(err)
		}
	}
}
