package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/liveagent"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

func TestAllIsWell(t *testing.T) {
	h := newHost(t)
	h.serve()
	report, all := h.look()
	for _, c := range all {
		// The disk of the host that runs the tests may be full.
		if c.Status != OK && !strings.HasPrefix(c.Name, "disk_") || c.Status == OK && c.Advice != "" || c.Seen == "" {
			t.Errorf("%+v", c)
		}
	}
	if report.Version != "v1" {
		t.Errorf("report of version %q", report.Version)
	}
}

// What a doctor finds where one thing is not as it should be: the status of a check, and a word of what it says or advises.
func TestFindings(t *testing.T) {
	gone := engine.Labels{Instance: "i", Name: "mesos-1", Task: "web", Route: "custom", ExecutorPID: 1 << 21, BootID: "none"}
	for name, c := range map[string]struct {
		spoil  func(h *host)
		check  string
		status Status
		want   string
	}{
		"agent is away": {func(h *host) { h.Agent = liveagent.New("127.0.0.1:1") }, "agent", Failed, "no agent answers at 127.0.0.1:1"},
		"no agent is installed": {func(h *host) {
			h.Agent, h.AgentInstalled = liveagent.New("127.0.0.1:1"), false
		}, "agent", Skipped, "only the run subcommand"},
		"agent's address unknown":   {func(h *host) { h.Agent, h.AgentProblem = nil, net.ErrClosed }, "agent", Failed, "--agent=HOST:PORT"},
		"agent without executors":   {func(h *host) { h.answer("/version", `{"version":"0.22.1"}`) }, "agent", Warning, "no drop-in"},
		"agent of no version":       {func(h *host) { h.answer("/version", `{"version":"x"}`) }, "agent", Warning, "not a version"},
		"flags are denied":          {func(h *host) { h.deny() }, "agent_flags", Warning, "not seen were containerizers, launcher_dir"},
		"nothing follows from that": {func(h *host) { h.deny() }, "agreement", Skipped, "cannot be seen"},
		"flags of a strange kind":   {func(h *host) { h.answer("/flags", "<html>") }, "agent_flags", Warning, "by hand"},

		"a file changed since": {func(h *host) {
			h.settings = `{"differences":[{"name":"log_level","value":"info","other":"debug","other_origin":"/etc/x/log_level"}]}`
		}, "settings", Warning, "log_level=info, and since then /etc/x/log_level says debug"},
		"a mistake in a file":       {func(h *host) { h.etc["mesos-docker-containerizer/log_level"] = "loud" }, "settings", Failed, "would not start again"},
		"a daemon without settings": {func(h *host) { h.settings = "" }, "settings", Skipped, "does not tell"},

		"daemon closed for docker":  {func(h *host) { h.etc["mesos-docker-containerizer/containerizers"] = "mesos" }, "containerizers", Failed, "refuses DOCKER tasks"},
		"agent without docker":      {func(h *host) { h.agentFlags["containerizers"] = "mesos" }, "containerizers", Failed, "only the agent's restart is missing"},
		"custom executors only":     {func(h *host) { h.agentFlags["containerizers"] = "mesos"; delete(h.etc, "mesos-slave/launcher_dir") }, "containerizers", OK, "custom executors"},
		"no launcher then":          {func(h *host) { h.agentFlags["containerizers"] = "mesos" }, "launcher_dir", Skipped, "no docker containerizer"},
		"drop-in only":              {func(h *host) { h.agentFlags["containerizers"] = "docker" }, "containerizers", OK, "need mesos"},
		"an odd containerizer":      {func(h *host) { h.agentFlags["containerizers"] = "external" }, "containerizers", Failed, "neither"},
		"executors in containers":   {func(h *host) { h.agentFlags["docker_mesos_image"] = "mesos" }, "containerizers", Failed, "docker_mesos_image"},
		"not restarted since setup": {func(h *host) { h.agentFlags["launcher_dir"] = h0(h.root, "stock") }, "launcher_dir", Failed, "only the agent's restart is missing"},
		"no setup": {func(h *host) {
			h.agentFlags["launcher_dir"] = "/usr/libexec/mesos"
			delete(h.etc, "mesos-slave/launcher_dir")
		}, "launcher_dir", Warning, "setup --mesos-libexec=/usr/libexec/mesos"},
		"docker's own command":         {func(h *host) { h.agentFlags["docker"] = "/usr/bin/docker" }, "docker_command", Warning, "pulls by itself"},
		"that on Engine 26":            {func(h *host) { h.agentFlags["docker"] = "docker"; h.version = `{"Version":"26.1","ApiVersion":"1.45"}` }, "docker_command", Failed, "every task fails"},
		"it has to pull in a minute":   {func(h *host) { h.agentFlags["docker"] = "docker" }, "registration_timeout", Warning, "15mins"},
		"a bound on launches":          {func(h *host) { h.etc["mesos-slave/executor_registration_timeout"] = "10mins" }, "registration_timeout", OK, "may take 10mins"},
		"agent elsewhere configured":   {func(h *host) { h.agentFlags["cgroups_enable_cfs"] = "true" }, "agreement", Warning, "/etc/mesos-docker-containerizer/cgroups_enable_cfs"},
		"agent not restarted":          {func(h *host) { h.etc["mesos-slave/docker_remove_delay"] = "1hrs" }, "agreement", Warning, "restart the agent"},
		"the daemon's own way":         {func(h *host) { h.etc["mesos-docker-containerizer/docker_remove_delay"] = "1hrs" }, "agreement", Warning, "fine if it is meant"},
		"another sandbox directory":    {func(h *host) { h.agentFlags["sandbox_directory"] = "/sandbox" }, "agreement", Warning, "sandbox_directory is /sandbox"},
		"a flag the agent lacks":       {func(h *host) { delete(h.agentFlags, "cgroups_enable_cfs") }, "agreement", OK, "agree"},
		"a path with a slash too many": {func(h *host) { h.agentFlags["work_dir"] += "/" }, "agreement", OK, "agree"},

		"Mesos has a new helper": {func(h *host) { h.script("stock/mesos-new", "exit 0") }, "overlay", Failed, "mesos-new is missing"},
		"a link leads elsewhere": {func(h *host) { h.Executor = h.script("ours2/mesos-docker-executor", "echo mesos-docker-executor v1") }, "overlay", Failed, "instead of"},
		"Mesos is gone":          {func(h *host) { must(h.t, os.RemoveAll(h0(h.root, "stock"))) }, "overlay", Failed, "install Mesos"},
		"the record is gone":     {func(h *host) { must(h.t, os.RemoveAll(h.Overlay)) }, "overlay", Failed, "no record of a setup"},
		"the record is damaged": {func(h *host) {
			must(h.t, os.WriteFile(h0(h.Overlay, ".mesos-docker-containerizer.json"), []byte("{"), 0o600))
		}, "overlay", Failed, "record of the setup"},
		"no overlay at all":       {func(h *host) { must(h.t, os.RemoveAll(h.Overlay)); h.agentFlags["launcher_dir"] = "/usr/libexec/mesos" }, "overlay", Skipped, "no setup has been made"},
		"an old executor":         {func(h *host) { h.script("ours/mesos-docker-executor", "echo mesos-docker-executor v0") }, "programs", Warning, "of version v0"},
		"a broken docker command": {func(h *host) { h.script("ours/docker", "exit 3") }, "programs", Failed, "does not tell its version"},
		"no programs":             {func(h *host) { h.ProgramsProblem = os.ErrNotExist }, "programs", Failed, "make install"},

		"daemon not restarted":       {func(h *host) { h.metrics = strings.ReplaceAll(h.metrics, "v1", "v0") }, "daemon", Warning, "no task notices"},
		"daemon is away":             {func(h *host) { h.tasks = "<html>" }, "daemon", Failed, "systemctl start"},
		"daemon without a figure":    {func(h *host) { h.metrics = "" }, "daemon", Warning, "cannot be told"},
		"a socket is missing":        {func(h *host) { h.etc["mesos-docker-containerizer/socket"] += "-none" }, "sockets", Failed, "is missing"},
		"a socket is a file":         {func(h *host) { h.etc["mesos-docker-containerizer/socket"] = h.script("file.sock", "") }, "sockets", Failed, "not a socket"},
		"a group that is not let in": {func(h *host) { h.etc["mesos-docker-containerizer/socket_group"] = "root" }, "sockets", Warning, "instead of 0660"},

		"Engine is away": {func(h *host) { h.etc["mesos-slave/docker_socket"] += "-none" }, "engine", Failed, "no Docker Engine answers"},
		"Podman": {func(h *host) {
			h.version = `{"Version":"5.4.2","ApiVersion":"1.41","MinAPIVersion":"1.24","Components":[{"Name":"Podman Engine","Version":"5.4.2"},{"Name":"Conmon"}]}`
		}, "engine", Failed, "set docker_socket"},
		"Engine is too old":          {func(h *host) { h.version = `{"Version":"18.09","ApiVersion":"1.39"}` }, "engine", Failed, "20.10 or newer"},
		"Engine is too new":          {func(h *host) { h.version = `{"Version":"40","ApiVersion":"1.99","MinAPIVersion":"1.60"}` }, "engine", Failed, "speaks up to 1.51"},
		"Engine 27":                  {func(h *host) { h.version = `{"Version":"27","ApiVersion":"1.47"}` }, "engine", OK, "with ours they do"},
		"Engine 29":                  {func(h *host) { h.version = `{"Version":"29","ApiVersion":"1.52","MinAPIVersion":"1.44"}` }, "engine", OK, "do not recover"},
		"mounts below volumes":       {func(h *host) {}, "engine", OK, "below a read-only volume"},
		"no memory limits":           {func(h *host) { h.info = strings.Replace(h.info, `"MemoryLimit":true`, `"MemoryLimit":false`, 1) }, "engine_limits", Failed, "cgroup_enable=memory"},
		"cgroup v2":                  {func(h *host) { h.v2(); h.agentFlags["containerizers"] = "mesos" }, "cgroups", OK, "custom executors"},
		"cgroup v2, a ClusterD":      {func(h *host) { h.v2() }, "cgroups", OK, "all routes"},
		"cgroup v2, the agent ended": {func(h *host) { h.v2(); h.Agent = liveagent.New("127.0.0.1:1") }, "cgroups", Warning, "end at their start"},
		"a slow storage driver":      {func(h *host) { h.info = strings.Replace(h.info, "overlay2", "vfs", 1) }, "storage_driver", Warning, "overlay2"},
		"containerd's image store": {func(h *host) {
			h.info = strings.Replace(h.info, `"overlay2"`, `"overlayfs","DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]]`, 1)
		}, "storage_driver", OK, "older than 29 forgets"},
		"no live-restore": {func(h *host) {
			h.info = strings.Replace(h.info, `"LiveRestoreEnabled":true`, `"LiveRestoreEnabled":false`, 1)
		}, "live_restore", Warning, "ends all tasks"},
		"GPUs of several names": {func(h *host) {
			h.gpus(`{"name":"0","containerEdits":{"deviceNodes":[{"path":"/dev/x0"}]}},{"name":"GPU-a","containerEdits":{"deviceNodes":[{"path":"/dev/x0"}]}}`)
		}, "gpus", OK, "1: test.example/gpu=GPU-a (also test.example/gpu=0)"},
		"a CDI file with a mistake": {func(h *host) { h.gpus(`{"name":"0","containerEdits":{"env":["NOVALUE"]}}`) }, "gpus", Warning, "none that tasks could be given; CDI specification"},
		"no GPUs":                   {func(*host) {}, "gpus", OK, "none that tasks could be given"},
		"remapped users":            {func(h *host) { h.remap() }, "userns", Warning, "cannot write their sandboxes"},
		"remapped users, one flag": {func(h *host) {
			h.remap()
			h.etc["mesos-docker-containerizer/userns_sandbox"] = "true"
		}, "userns", Warning, "set userns_host"},
		"remapped users, both flags": {func(h *host) {
			h.remap()
			h.etc["mesos-docker-containerizer/userns_sandbox"], h.etc["mesos-docker-containerizer/userns_host"] = "true", "true"
		}, "userns", OK, "user 300000, group 300000 of the host"},
		"users that are not told": {func(h *host) {
			h.info = `{"SecurityOptions":["name=userns"],"DockerRootDir":"/"}`
			h.etc["mesos-docker-containerizer/userns_sandbox"] = "true"
		}, "userns", Warning, "cannot write their sandboxes"},
		"root remapped to root": {func(h *host) { h.info = `{"DockerRootDir":"/var/lib/docker/0.0"}` }, "userns", Warning, "set userns_host"},
		"below the executor, the driver systemd": {func(h *host) {
			h.info = `{"CgroupVersion":"1","CgroupDriver":"systemd"}`
			h.etc["mesos-docker-containerizer/cgroup_parent"] = "executor"
		}, "cgroups", Failed, "native.cgroupdriver=cgroupfs"},
		"a swarm":      {func(h *host) { h.info = `{"Swarm":{"LocalNodeState":"active"}}` }, "live_restore", Warning, "swarm"},
		"another time": {func(h *host) { h.info = `{"SystemTime":"2020-01-01T00:00:00Z"}` }, "clock", Warning, "clock of the Docker Engine"},

		"running without executor": {func(h *host) { h.Containers = containers{one(gone, "running", time.Now())} }, "containers", Warning, "mesos-1"},
		"stopped long ago":         {func(h *host) { h.Containers = containers{one(gone, "exited", time.Now().Add(-time.Hour))} }, "containers", Warning, "overdue"},
		"stopped just now":         {func(h *host) { h.Containers = containers{one(gone, "exited", time.Now())} }, "containers", OK, "none left over"},
		"kept by docker_remove_delay": {func(h *host) {
			kept := gone
			kept.Route = "drop-in"
			h.Containers = containers{one(kept, "exited", time.Now().Add(-time.Hour))}
		}, "containers", OK, "none left over"},
		"its executor lives": {func(h *host) {
			p, err := wire.FindProcess(os.Getpid())
			must(h.t, err)
			mine := gone
			mine.ExecutorPID, mine.ExecutorStartTime, mine.BootID = p.PID, p.StartTime, p.BootID
			h.Containers = containers{one(mine, "running", time.Now())}
		}, "containers", OK, "none left over"},
		"its executor is stopped": {func(h *host) {
			p, err := wire.FindProcess(environment.StoppedProcess(h.t))
			must(h.t, err)
			halted := gone
			halted.ExecutorPID, halted.ExecutorStartTime, halted.BootID = p.PID, p.StartTime, p.BootID
			h.Containers = containers{one(halted, "running", time.Now())}
		}, "containers", Warning, "stopped (SIGSTOP), so that Mesos hears of no end and no kill arrives: mesos-1"},
		"committed from one of ours": {func(h *host) {
			c := one(gone, "running", time.Now())
			c.Name = "/else"
			h.Containers = containers{c}
		}, "containers", OK, "none left over"},

		"rules are set":               {func(h *host) { h.etc["mesos-docker-containerizer/allowed_networks"] = "bridge" }, "policy", OK, "allowed_networks"},
		"private credentials":         {func(h *host) { h.etc["mesos-docker-containerizer/docker_config"] = `{"auths":{}}` }, "credentials", OK, "private"},
		"credentials in view":         {func(h *host) { h.credentials(0o644) }, "credentials", Warning, "chmod 600"},
		"credentials elsewhere":       {func(h *host) { h.credentials(0o600) }, "credentials", OK, "private"},
		"credentials in the defaults": {func(h *host) { h.etc["default/mesos-agent"] = `MESOS_DOCKER_CONFIG='{"auths":{}}'` }, "credentials", OK, "private"},
		"credentials for ClusterD":    {func(h *host) { h.credentials(0o644); h.etc["mesos-agent/docker_config"] = "/auth.json" }, "credentials", Warning, "chmod 600"},
		"credentials in ps":           {func(h *host) { h.args = []string{`--docker_config={"auths":{}}`} }, "credentials", Warning, "where others can read it"},
		"the agent tells them":        {func(h *host) { h.agentFlags["docker_config"] = `{"auths":{"r":{"auth":"c2VjcmV0"}}}` }, "credentials", Warning, "to all who ask"},
		"the agent alone has them":    {func(h *host) { h.agentFlags["docker_config"] = "/auth.json" }, "credentials", Warning, "has no credentials"},
		"the daemon has some, too": {func(h *host) {
			h.agentFlags["docker_config"] = "/auth.json"
			h.etc["mesos-docker-containerizer/docker_config"] = `{"auths":{}}`
		}, "credentials", OK, "private"},
		"no disk":               {func(h *host) { h.agentFlags["work_dir"] = h0(h.root, "none") }, "disk_work_dir", Failed, "no such file"},
		"nobody knows work_dir": {func(h *host) { delete(h.agentFlags, "work_dir"); delete(h.etc, "mesos-slave/work_dir") }, "disk_work_dir", Skipped, "not known"},
		"a unit is not enabled": {func(h *host) {
			h.script("systemctl", `case $1 in is-enabled) echo disabled; exit 1;; *) echo active;; esac`)
		}, "systemd", Warning, "systemctl enable"},
		"a unit has failed": {func(h *host) {
			h.script("systemctl", `case $1 in is-active) echo failed; exit 3;; *) echo enabled;; esac`)
		}, "systemd", Failed, "is failed"},
		"a crash loop": {func(h *host) {
			h.script("systemctl", `case $1 in is-active) echo activating; exit 3;; show) echo 7;; *) echo enabled;; esac`)
		}, "systemd", Failed, "started it again 7 times"},
		"it starts for the first time": {func(h *host) {
			h.script("systemctl", `case $1 in is-active) echo activating; exit 3;; show) echo 0;; *) echo enabled;; esac`)
		}, "systemd", Failed, "is activating"},
		"it has crashed": {func(h *host) {
			h.script("systemctl", `case $1 in is-active) echo active;; show) echo 2;; *) echo enabled;; esac`)
		}, "systemd", Warning, "has ended 2 times by itself"},
		"no systemd":            {func(h *host) { h.Systemctl = "" }, "systemd", Skipped, "does not run"},
		"executors in the unit": {func(h *host) { h.agentFlags["systemd_enable_support"] = "false" }, "systemd", Warning, "KillMode"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.Agent, h.AgentProblem = &liveagent.Agent{}, nil // which serve replaces
			h.t = t
			later := h.Agent
			c.spoil(h)
			chosen, problem := h.Agent, h.AgentProblem
			h.serve()
			if chosen != later {
				h.Agent, h.AgentProblem = chosen, problem
			}
			report, all := h.look()
			got := all[c.check]
			if got.Status != c.status || !strings.Contains(got.Seen+" "+got.Advice, c.want) {
				t.Errorf("%+v, want %s with %q", got, c.status, c.want)
			}
			if (got.Status == Warning || got.Status == Failed) && got.Advice == "" {
				t.Error("it does not say what to do")
			}
			if rank[report.Status] < rank[got.Status] {
				t.Errorf("the report's status is %s", report.Status)
			}
			var shown bytes.Buffer
			must(t, report.PrintJSON(&shown), report.Print(&shown))
			if strings.Contains(shown.String(), "c2VjcmV0") {
				t.Error("a secret is shown")
			}
		})
	}
}

func (h *host) answer(path, page string) {
	if h.agentPages == nil {
		h.agentPages = map[string]http.HandlerFunc{}
	}
	h.agentPages[path] = text(&page)
}

func (h *host) deny() {
	h.agentPages = map[string]http.HandlerFunc{"/flags": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }}
}

func (h *host) v2() {
	h.info = strings.Replace(h.info, `"CgroupVersion":"1"`, `"CgroupVersion":"2"`, 1)
}

func (h *host) credentials(mode os.FileMode) {
	path := filepath.Join(h.root, "auth.json") // below the root that config.Load is given
	must(h.t, os.WriteFile(path, []byte(`{"auths":{"r":{"auth":"c2VjcmV0"}}}`), 0o600), os.Chmod(path, mode))
	h.etc["mesos-slave/docker_config"] = "/auth.json"
}

func one(labels engine.Labels, state string, ended time.Time) engine.Container {
	return engine.Container{InspectResponse: container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{ID: "id-" + labels.Name, Name: "/" + labels.Name, State: &container.State{Status: state, FinishedAt: ended.Format(time.RFC3339Nano)}},
		Config:            &container.Config{Labels: labels.Map()},
	}}
}

// The schema is an interface: monitoring goes by it.
func TestJSON(t *testing.T) {
	h := newHost(t)
	h.serve()
	report, _ := h.look()
	var shown bytes.Buffer
	must(t, report.PrintJSON(&shown))
	var got struct {
		Version *string
		Status  *string
		Checks  []map[string]string
	}
	decoder := json.NewDecoder(&shown)
	decoder.DisallowUnknownFields()
	must(t, decoder.Decode(&got))
	if got.Version == nil || got.Status == nil {
		t.Error("version or status is missing")
	}
	want := strings.Fields("kernel systemd engine engine_limits cgroups storage_driver live_restore gpus userns programs daemon settings sockets agent agent_flags containerizers launcher_dir " +
		"docker_command overlay registration_timeout agreement policy credentials containers clock disk_work_dir disk_docker")
	var names []string
	for _, c := range got.Checks {
		names = append(names, c["name"])
		_, seen := c["seen"]
		_, advice := c["advice"]
		if len(c) != 4 || !seen || !advice || rank[Status(c["status"])] == 0 && c["status"] != "ok" && c["status"] != "skipped" {
			t.Errorf("check %v", c)
		}
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

// TestDocument holds the table of checks in the document and the program together.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/drop-in.md")
	must(t, err)
	_, table, found := strings.Cut(string(text), "| check | about |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var documented []string
	for line := range strings.Lines(table) {
		cell, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		for name := range strings.SplitSeq(cell, ",") {
			documented = append(documented, strings.Trim(name, " `"))
		}
	}
	var names []string
	for _, c := range checks {
		names = append(names, c.name)
	}
	slices.Sort(documented)
	slices.Sort(names)
	if diff := cmp.Diff(names, documented); diff != "" || !found {
		t.Error(diff)
	}
}

// Where everything hangs the report still comes, with all checks.
func TestEverythingHangs(t *testing.T) {
	h := newHost(t)
	h.Limit = 3 * time.Second // of which a quarter is for what waits for the rest
	release := make(chan struct{})
	hang := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })
	for _, path := range []string{h0(h.root, "docker.sock"), h.AdminSocket, h0(h.root, "executor.sock")} {
		h.listen(path, hang)
	}
	server := httptest.NewServer(hang)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) }) // before the servers close, which wait for it
	h.Agent = liveagent.New(server.Listener.Addr().String())
	h.script("systemctl", "exec sleep 100")
	h.script("ours/docker", "exec sleep 100")
	began := time.Now()
	report, all := h.look()
	if took := time.Since(began); took > 3*h.Limit {
		t.Errorf("it took %v", took)
	}
	if report.Status != Failed || len(report.Checks) != len(checks) {
		t.Errorf("status %s, %d checks", report.Status, len(report.Checks))
	}
	for name, want := range map[string]Status{"engine": Failed, "agent": Failed, "daemon": Failed, "programs": Failed, "systemd": Failed, "cgroups": Skipped, "sockets": OK} {
		if c := all[name]; c.Status != want || c.Seen == "" {
			t.Errorf("%+v, want %s", c, want)
		}
	}
}

// A check that no deadline reaches, as in a dead file system.
func TestACheckThatCannotBeEnded(t *testing.T) {
	release := make(chan struct{})
	ended := make(chan struct{})
	d := &doctor{Options: Options{Limit: time.Millisecond}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	f := d.bounded(ctx, hangs(release, ended))
	if f.Status != Failed || !strings.Contains(f.Seen, "no answer within 1ms") {
		t.Errorf("%+v", f)
	}
	close(release)
	<-ended
}

func hangs(release, ended chan struct{}) func(*doctor, context.Context) finding {
	return func(*doctor, context.Context) finding {
		defer close(ended)
		<-release
		return ok("late")
	}
}
