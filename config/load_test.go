package config

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mesos-docker-containerizer/internal/agentflag"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/go-multierror"
	"go.uber.org/zap/zapcore"
)

// tree makes a root with the given files.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, content := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func mustLoad(t *testing.T, o Options) *Config {
	t.Helper()
	c, _, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// defaults is what a host without any configuration has.
var defaults = Config{
	Containerizers:              []string{"docker", "mesos"},
	DockerSocket:                "/var/run/docker.sock",
	DockerRemoveDelay:           6 * time.Hour,
	DockerKillOrphans:           true,
	ExecutorShutdownGracePeriod: 5 * time.Second,
	SandboxDirectory:            "/mnt/mesos/sandbox",
	Port:                        5051,
	Socket:                      "/run/mesos-docker-containerizer/executor.sock",
	RunDir:                      "/run/mesos-docker-containerizer",
	PrepareTimeout:              15 * time.Minute,
	PullInactivityTimeout:       5 * time.Minute,
	MaxConcurrentPulls:          5,
	PullPolicy:                  "task",
	DeferPull:                   true,
	PullFallback:                "none",
	PullProgressInterval:        10 * time.Second,
	CgroupParent:                "engine",
	OrphanGrace:                 30 * time.Second,
	LogDriver:                   "local",
	LogOpts:                     map[string]string{"max-size": "5m", "max-file": "2", "compress": "false"},
	LogLevel:                    zapcore.InfoLevel,
	LogFormat:                   "json",
	Policy: Policy{AllowPrivileged: true, Allowed: map[string][]string{
		"allowed_host_paths": {"*"}, "allowed_parameters": {"*"}, "allowed_networks": {"*"}, "allowed_images": {"*"}, "allowed_capabilities": {"*"},
		"allowed_devices": {"*"}, "allowed_namespaces": {"*"}, "allowed_volume_drivers": {"*"}, "allowed_runtimes": {"*"},
	}},
}

var configOptions = cmp.Options{cmpopts.IgnoreUnexported(Config{}), cmpopts.EquateComparable(netip.Addr{}), cmp.Transformer("bytes", func(s Secret) []byte { return s })}

func TestLoadDefaults(t *testing.T) {
	c := mustLoad(t, Options{Root: t.TempDir()})
	if diff := cmp.Diff(&defaults, c, configOptions); diff != "" {
		t.Error(diff)
	}
	if limit, flag := c.PrepareLimit(); limit != 15*time.Minute || flag != "prepare_timeout" {
		t.Errorf("a launch may take %v by %s", limit, flag)
	}
	if !c.DockerEnabled() {
		t.Error("DOCKER tasks are refused where nobody has said anything")
	}
}

// Our own docker_config does not take the agent's away, but one closer to the command does.
func TestTwoDockerConfigs(t *testing.T) {
	const agents, own = `{"agents":{}}`, `{"own":{}}`
	files := map[string]string{
		"/etc/default/mesos-slave":                      "MESOS_DOCKER_CONFIG='{}'",
		"/etc/mesos-slave/docker_config":                agents,
		"/etc/mesos-docker-containerizer/docker_config": own,
	}
	c := mustLoad(t, Options{Root: tree(t, files)})
	if string([]byte(c.AgentDockerConfig)) != agents || string([]byte(c.DockerConfig)) != own {
		t.Errorf("%s, %s", []byte(c.AgentDockerConfig), []byte(c.DockerConfig))
	}
	c = mustLoad(t, Options{Root: tree(t, files), Args: []string{"--docker_config=" + own}})
	if c.AgentDockerConfig != nil || string([]byte(c.DockerConfig)) != own {
		t.Errorf("%s, %s", []byte(c.AgentDockerConfig), []byte(c.DockerConfig))
	}
	files["/etc/mesos-docker-containerizer/docker_config"] = ""
	if c = mustLoad(t, Options{Root: tree(t, files)}); c.AgentDockerConfig != nil || c.DockerConfig != nil {
		t.Errorf("%s, %s, though nothing is to be set", []byte(c.AgentDockerConfig), []byte(c.DockerConfig))
	}
	files["/etc/mesos-docker-containerizer/docker_config"] = own
	files["/etc/mesos-slave/docker_config"] = "secret"
	_, _, err := Load(Options{Root: tree(t, files)})
	if err == nil || !strings.Contains(err.Error(), "/etc/mesos-slave/docker_config") || strings.Contains(err.Error(), "secret is") {
		t.Errorf("the agent's is broken: %v", err)
	}
}

func TestLoadHost(t *testing.T) {
	c := mustLoad(t, Options{Root: "testdata/host"})
	want := defaults
	want.Containerizers = []string{"mesos", "docker"}
	want.ExecutorRegistrationTimeout = 10 * time.Minute
	want.DockerConfig = Secret(`{"auths": {"registry.example": {"auth": "bm90OnNlY3JldA=="}}}`)
	want.DockerRemoveDelay = 30 * time.Minute
	want.WorkDir = "/var/lib/mesos"
	want.IP = netip.MustParseAddr("192.0.2.17")
	want.Hostname = "agent-17.example"
	want.PrepareTimeout = 30 * time.Minute
	want.LogOpts = map[string]string{"max-size": "1m", "max-file": "2"}
	want.DefaultContainerDNS = &agentflag.ContainerDNS{Docker: []agentflag.NetworkDNS{
		{NetworkMode: "BRIDGE", DNS: agentflag.DNS{Nameservers: []string{"192.0.2.53"}, Search: []string{"example"}}},
		{NetworkMode: "USER", NetworkName: "apps", DNS: agentflag.DNS{Options: []string{"ndots:2"}}},
	}}
	if diff := cmp.Diff(&want, c, configOptions, cmpopts.IgnoreFields(agentflag.ContainerDNS{}, "Mesos")); diff != "" {
		t.Error(diff)
	}
	if n := len(c.DefaultContainerDNS.Mesos); n != 1 {
		t.Errorf("%d entries for the other containerizer are kept, want 1", n)
	}
	if limit, flag := c.PrepareLimit(); limit != 10*time.Minute || flag != "executor_registration_timeout" {
		t.Errorf("a launch may take %v by %s", limit, flag)
	}
	for flag, place := range map[string]string{
		"containerizers":      "testdata/host/etc/mesos-slave/containerizers",
		"docker_config":       "testdata/host/etc/mesos-slave/docker_config, which names testdata/host/etc/docker-auth/config.json",
		"docker_remove_delay": "testdata/host/etc/default/mesos-slave line 4, MESOS_DOCKER_REMOVE_DELAY",
		"ip":                  "testdata/host/etc/default/mesos-slave line 3, IP",
		"hostname":            "testdata/host/etc/mesos-docker-containerizer/hostname",
		"orphan_grace":        "built-in default",
	} {
		if got := c.Origin(flag).String(); got != place {
			t.Errorf("%s comes from %q, want %q", flag, got, place)
		}
	}
}

func TestContainerizers(t *testing.T) {
	for list, enabled := range map[string]bool{
		"docker": true, "mesos": false, "mesos,docker": true, "docker, mesos": true, "external": false, "mesos,docker,docker": true,
	} {
		root := tree(t, map[string]string{"/etc/mesos-slave/containerizers": list + "\n"})
		c := mustLoad(t, Options{Root: root})
		if c.DockerEnabled() != enabled {
			t.Errorf("with %q DOCKER tasks are launched: %t", list, c.DockerEnabled())
		}
		if got, want := c.Origin("containerizers").String(), root+"/etc/mesos-slave/containerizers"; got != want {
			t.Errorf("the origin is %q, want %q", got, want)
		}
	}
}

// TestDirectoryForms has the ways to set a flag by a file's name.
func TestDirectoryForms(t *testing.T) {
	for _, dir := range append(AgentDirectories(), ownDirectory) {
		for name, want := range map[string]bool{
			"?cgroups_enable_cfs": true, "?no-docker_kill_orphans": false, "no-docker_kill_orphans": false, "cgroups_enable_cfs": true,
		} {
			c := mustLoad(t, Options{Root: tree(t, map[string]string{dir + "/" + name: "\n"})})
			got := c.CgroupsEnableCFS
			if strings.Contains(name, "docker") {
				got = c.DockerKillOrphans
			}
			if got != want {
				t.Errorf("%s/%s sets %t", dir, name, got)
			}
		}
		for text, want := range map[string]bool{"true": true, "1\n": true, "false \t\n\n": false, "0": false} {
			c := mustLoad(t, Options{Root: tree(t, map[string]string{dir + "/docker_kill_orphans": text})})
			if c.DockerKillOrphans != want {
				t.Errorf("%q sets %t", text, c.DockerKillOrphans)
			}
		}
	}
}

func TestOptionalFlagsCanBeUnset(t *testing.T) {
	root := tree(t, map[string]string{
		"/etc/mesos-slave/executor_registration_timeout":                "10mins",
		"/etc/mesos-docker-containerizer/executor_registration_timeout": "\n",
		"/etc/mesos-slave/docker_mesos_image":                           "mesos:1.11",
		"/etc/mesos-docker-containerizer/docker_mesos_image":            "",
		"/etc/default/mesos":                                            "IP=\nMESOS_HOSTNAME=\nMESOS_WORK_DIR=/a\n",
		"/etc/default/mesos-slave":                                      "unset MESOS_WORK_DIR",
		"/etc/mesos-docker-containerizer/log_driver":                    "",
	})
	c := mustLoad(t, Options{Root: root})
	want := defaults
	want.LogDriver, want.LogOpts = "", nil
	if diff := cmp.Diff(&want, c, configOptions); diff != "" {
		t.Error(diff)
	}
	if got := c.Origin("executor_registration_timeout").Layer; got != OwnFiles {
		t.Errorf("executor_registration_timeout is unset by %v", got)
	}
}

func TestLogOptsDefaultIsForLocalOnly(t *testing.T) {
	c := mustLoad(t, Options{Root: t.TempDir(), Args: []string{"--log_driver=journald"}})
	if c.LogOpts != nil {
		t.Errorf("journald has the options %v", c.LogOpts)
	}
	c = mustLoad(t, Options{Root: t.TempDir(), Args: []string{"--log_driver=journald", "--log_opts=tag=x"}})
	if diff := cmp.Diff(map[string]string{"tag": "x"}, c.LogOpts); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsIgnored(t *testing.T) {
	root := tree(t, map[string]string{
		"/etc/mesos-slave/attributes/rack":                    "1",
		"/etc/mesos-slave/docker_config/config.json":          "a directory, which the agent passes over",
		"/etc/mesos-slave/resources":                          "ports:[1-2]",
		"/etc/mesos-slave/log_level":                          "ours, not the agent's",
		"/etc/mesos-slave/?strict":                            "",
		"/etc/mesos-slave/?docker_kill_orphans":               "false, which the agent never reads",
		"/etc/mesos-slave/unknown":                            "\x00",
		"/etc/mesos-docker-containerizer/.log_level.swp":      "x",
		"/etc/mesos-docker-containerizer/log_level~":          "x",
		"/etc/mesos-docker-containerizer/#log_level#":         "x",
		"/etc/mesos-docker-containerizer/log_level.dpkg-dist": "x",
		"/etc/mesos-docker-containerizer/log_level.bak":       "x",
		"/etc/mesos-docker-containerizer/README.md":           "x",
		"/etc/default/mesos":                                  "MESOS_SOCKET=$(x)\nMESOS_UNKNOWN=`x`\nMESOS_MASTER=$ZK\nfoo --bar\nport=1\nPORT=1",
		"/etc/default/mesos-slave":                            "MESOS_HOSTNAME=$(hostname -f)\nMESOS_PORT=x",
		"/etc/mesos-docker-containerizer/hostname":            "h",
	})
	environ := []string{"MESOS_PORT=1", "MESOS_DOCKER_SOCKET=1", "ODD", "=C:=\\", "MESOS_DOCKER_CONTAINERIZER_PORT=1", "MESOS_DOCKER_CONTAINERIZER_PORT=2"}
	c := mustLoad(t, Options{Root: root, Environ: environ})
	want := defaults
	want.Hostname, want.Port = "h", 2
	if diff := cmp.Diff(&want, c, configOptions); diff != "" {
		t.Error(diff)
	}
}

func TestArguments(t *testing.T) {
	c, rest, err := Load(Options{
		Root:    t.TempDir(),
		Args:    []string{"run", "--log_level=debug", "--ports=1-2", "-h", "--cgroups_enable_cfs", "a.json", "-", "--no-docker_kill_orphans", "--", "--port=1"},
		Foreign: []string{"ports", "h"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := defaults
	want.LogLevel, want.CgroupsEnableCFS, want.DockerKillOrphans = zapcore.DebugLevel, true, false
	if diff := cmp.Diff(&want, c, configOptions); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"run", "--ports=1-2", "-h", "a.json", "-", "--", "--port=1"}, rest); diff != "" {
		t.Error(diff)
	}
	if got := c.Origin("log_level").String(); got != "command line, --log_level" {
		t.Errorf("the origin is %q", got)
	}
}

// mistakenFiles are a host on which next to everything is wrong.
var mistakenFiles = map[string]string{
	"/etc/default/mesos":                                      "MESOS_WORK_DIR=$HOME\nMESOS_DOCKER_STOP_TIMEOUT=5\n",
	"/etc/default/mesos-slave":                                "A='\n",
	"/etc/mesos-slave/containerizers":                         "docker,rocket\n",
	"/etc/mesos-slave/docker_mesos_image":                     "mesos:1.11",
	"/etc/mesos-slave/docker_config":                          "{hunter2",
	"/etc/mesos-slave/default_container_dns":                  "/dns.json",
	"/etc/mesos-slave/?docker_remove_delay":                   "",
	"/etc/mesos-slave/sandbox_directory":                      "mnt",
	"/etc/mesos-docker-containerizer/orphan_grase":            "30secs",
	"/etc/mesos-docker-containerizer/prepare_timeout":         "-1mins",
	"/etc/mesos-docker-containerizer/log_driver":              "a\x00b",
	"/etc/mesos-docker-containerizer/log_opts":                strings.Repeat("x", MaxFile+1),
	"/etc/mesos-docker-containerizer/?no-port":                "",
	"/etc/mesos-docker-containerizer/run_dir/x":               "",
	"/etc/mesos-docker-containerizer/?cgroups_enable_cfs":     "x",
	"/etc/mesos-docker-containerizer/docker_kill_orphans":     "true",
	"/etc/mesos-docker-containerizer/?no-docker_kill_orphans": "",
	"/dns.json": `{"docker":[{"network_mode":"HOST"}]}`,
}

// TestMistakes wants each to be reported, all in one go, and no Config.
func TestMistakes(t *testing.T) {
	root := tree(t, mistakenFiles)
	if err := syscall.Mkfifo(root+"/etc/mesos-docker-containerizer/launcher_dir", 0o600); err != nil {
		t.Fatal(err)
	}
	c, rest, err := Load(Options{
		Root:    root,
		Environ: []string{ownPrefix + "SOKET=/a", ownPrefix + "log_level=info", ownPrefix + "DOCKER_CONFIG=[1]", ownPrefix + "HOSTNAME=a b"},
		Args:    []string{"--sockt=/a", "--log_level", "--no-port", "-port=1", "--no-cgroups_enable_cfs=1", "--zzzzzz=hunter2", "--socket=file://a", "--hostname=fine", "--docker_socket=\xff/"},
	})
	if c != nil || rest != nil {
		t.Error("there is a configuration in spite of mistakes")
	}
	var all *multierror.Error
	if !errors.As(err, &all) {
		t.Fatalf("the error is %T: %v", err, err)
	}
	want := mistakesOf(root)
	for _, part := range want {
		if !strings.Contains(err.Error(), "\n  * "+part) {
			t.Errorf("not reported: %s", part)
		}
	}
	if len(all.Errors) != len(want) {
		t.Errorf("%d mistakes are reported, want %d:\n%v", len(all.Errors), len(want), err)
	}
	for _, e := range all.Errors {
		if m := (*Mistake)(nil); !errors.As(e, &m) {
			t.Errorf("%v is no Mistake", e)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a secret is in the message: %v", err)
	}
}

// mistakesOf are the beginnings of what TestMistakes wants to be told.
func mistakesOf(root string) []string {
	own := root + "/etc/mesos-docker-containerizer/"
	return []string{
		root + "/etc/default/mesos line 1, MESOS_WORK_DIR: $HOME stands for another variable: only a shell could tell the value; write the value itself here, or into " + own + "work_dir, which wins",
		root + `/etc/default/mesos line 2, MESOS_DOCKER_STOP_TIMEOUT: "5" is refused: the unit is missing; accepted is a Mesos duration such as`,
		root + "/etc/default/mesos-slave: the file cannot be used: line 1: the ' has no second one",
		root + `/etc/mesos-slave/containerizers: "docker,rocket" is refused: there is no containerizer "rocket"; accepted is a comma-separated list of docker, mesos, external`,
		root + `/etc/mesos-slave/docker_mesos_image: "mesos:1.11" is refused: executors inside containers`,
		root + `/etc/mesos-slave/default_container_dns, which names ` + root + `/dns.json: "{\"docker\":[{\"network_mode\":\"HOST\"}]}" is refused: /docker/0/network_mode is "HOST" and not BRIDGE or USER`,
		root + "/etc/mesos-slave/?docker_remove_delay: the flag is not a boolean: put its value into a file named docker_remove_delay",
		root + `/etc/mesos-slave/sandbox_directory: "mnt" is refused: it is not an absolute path`,
		own + "orphan_grase: unknown file name; did you mean orphan_grace?",
		own + `prepare_timeout: "-1mins" is refused: it must not be negative; accepted is`,
		own + "log_driver: it contains a NUL byte",
		own + "log_opts: it is larger than 1 MiB",
		own + "?no-port: the flag is not a boolean",
		own + "run_dir: it is a directory",
		own + "launcher_dir: it is not a regular file",
		own + "?cgroups_enable_cfs: the name alone sets the flag: empty the file",
		own + "docker_kill_orphans: the flag is set a second time, next to " + own + "?no-docker_kill_orphans",
		"environment variable " + ownPrefix + "SOKET: unknown variable; did you mean " + ownPrefix + "SOCKET?",
		"environment variable " + ownPrefix + "log_level: unknown variable; did you mean " + ownPrefix + "LOG_LEVEL?",
		"environment variable " + ownPrefix + "DOCKER_CONFIG: it is JSON but not an object",
		"environment variable " + ownPrefix + `HOSTNAME: "a b" is refused: it is not a host name`,
		"command line, --sockt: unknown flag; did you mean --socket?",
		"command line, --log_level: it needs a value: --log_level=VALUE",
		"command line, --no-port: only a boolean can be negated",
		"command line, -port: unknown flag; did you mean --port?",
		"command line, --no-cgroups_enable_cfs: no- takes no value",
		"command line, --zzzzzz: unknown flag; `mesos-docker-containerizer help SUBCOMMAND` lists those of the subcommand",
		"command line, --socket: file:// must be followed by an absolute path",
		`command line, --docker_socket: "\xff/" is refused: it is not UTF-8 text`,
	}
}

func TestUnreadable(t *testing.T) {
	root := tree(t, map[string]string{
		"/etc/mesos-slave":                       "a file in place of the directory",
		"/etc/default/mesos/x":                   "",
		"/etc/mesos-docker-containerizer/README": "",
	})
	own := root + ownDirectory
	for link, target := range map[string]string{"/hostname": "/nowhere", "/ip": own + "/ip"} {
		if err := os.Symlink(target, own+link); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := Load(Options{Root: root, Args: []string{"--docker_config=/../nowhere/at/all", "--port=file:///nowhere"}})
	for _, want := range []string{
		root + "/etc/mesos-slave: the directory cannot be read: not a directory",
		root + "/etc/default/mesos: the file cannot be used: it is a directory",
		own + "/hostname: no such file",
		own + "/ip: too many levels of symbolic links",
		"--docker_config, which names " + root + "/nowhere/at/all: the file cannot be used: no such file",
		"--port, which names " + root + "/nowhere: the file cannot be used: no such file",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not reported: %s\n%v", want, err)
		}
	}
}

func TestOneMistake(t *testing.T) {
	_, _, err := Load(Options{Root: t.TempDir(), Args: []string{"--port=x"}})
	const want = `the command line has a mistake: --port: "x" is refused: it is not a port; accepted is a port number from 0 to 65535`
	if err == nil || err.Error() != want {
		t.Errorf("the error is %q, want %q", err, want)
	}
}

func TestPermissionDenied(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	root := tree(t, map[string]string{ownDirectory + "/port": "1"})
	if err := os.Chmod(root+ownDirectory+"/port", 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(Options{Root: root}); !errors.Is(err, os.ErrPermission) {
		t.Errorf("the error is %v", err)
	}
}

// TestTolerant: mistakes in files cost their own flags alone, and those of who calls the program are none to pass over.
func TestTolerant(t *testing.T) {
	root := tree(t, map[string]string{
		"/etc/mesos-docker-containerizer/log_level":     "loud",
		"/etc/mesos-docker-containerizer/nosuch":        "1",
		"/etc/mesos-docker-containerizer/docker_socket": "/run/other.sock",
		"/etc/mesos-slave/work_dir":                     "relative",
		"/etc/mesos-agent/work_dir":                     "/srv/mesos",
	})
	c, rest, err := Load(Options{Root: root, Tolerant: true, Args: []string{"x", "--run_dir=/r"}})
	if err != nil || len(rest) != 1 {
		t.Fatal(rest, err)
	}
	if c.LogLevel.String() != "info" || c.Origin("log_level").Layer != BuiltIn || c.DockerSocket != "/run/other.sock" || c.RunDir != "/r" || c.WorkDir != "" {
		t.Errorf("log_level %v (%v), docker_socket %s, run_dir %s, work_dir %q", c.LogLevel, c.Origin("log_level"), c.DockerSocket, c.RunDir, c.WorkDir)
	}
	var said []string
	for _, m := range c.Mistakes() {
		said = append(said, m.Error())
	}
	for _, flag := range []string{"log_level: ", "nosuch: ", "work_dir"} {
		if !strings.Contains(strings.Join(said, "\n"), flag) {
			t.Errorf("%q is not among %q", flag, said)
		}
	}
	if len(said) != 3 {
		t.Errorf("%d mistakes: %q", len(said), said)
	}
	for _, wrong := range []Options{{Args: []string{"--log_level=loud"}}, {Environ: []string{ownPrefix + "LOG_LEVEL=loud"}}} {
		wrong.Root, wrong.Tolerant = root, true
		var all *multierror.Error
		if _, _, err := Load(wrong); !errors.As(err, &all) || len(all.Errors) != 1 {
			t.Errorf("%v: %v", wrong, err)
		}
	}
}
