package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap/zapcore"

	"mesos-docker-containerizer/executor/wire"
)

// asExecutor makes the test program behave as the executor up to the point where its environment is clean, and report.
const asExecutor = "--report-environment"

func TestMain(m *testing.M) {
	if slices.Contains(os.Args, asExecutor) {
		if err := isolate(os.Environ(), os.Args); err != nil {
			panic(err)
		}
		flags, _, err := parseFlags(os.Args[1:])
		if err != nil {
			panic(err)
		}
		for name, value := range flags.taskEnvironment {
			fmt.Fprintf(os.Stderr, "%s of %d bytes\n", name, len(value))
		}
		commandLine, err := os.ReadFile("/proc/self/cmdline")
		if err != nil {
			panic(err)
		}
		os.Stderr.Write(commandLine)
		getenv, err := environment()
		if err != nil {
			panic(err)
		}
		os.Stdout.WriteString("token=" + getenv(tokenVariable) + "\n")
		environ := os.Environ()
		slices.Sort(environ)
		os.Stdout.WriteString(strings.Join(environ, "\n"))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestParseFlags(t *testing.T) {
	// A real agent's command line, contract 1.4, and what agents to come may add.
	got, ignored, err := parseFlags([]string{
		"--cgroups_enable_cfs=false", "--container=mesos-1", "--docker=/usr/bin/docker", "--docker_socket=/var/run/docker.sock",
		"--help=false", "--initialize_driver_logging=true", "--launcher_dir=/usr/libexec/mesos", "--logbufsecs=0",
		"--logging_level=INFO", "--mapped_directory=/mnt/mesos/sandbox", "--quiet=false", "--sandbox_directory=/sandbox",
		"--stop_timeout=10secs", `--task_environment={"A":"secret"}`, "--no-such", "stray",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := flags{
		container: "mesos-1", sandbox: "/sandbox", mappedDirectory: "/mnt/mesos/sandbox", stopTimeout: 10 * time.Second,
		level: zapcore.InfoLevel, route: wire.RouteDropIn, protocol: protocolV0, taskEnvironment: map[string]string{"A": "secret"},
		agentFlags: wire.AgentFlags{CgroupsEnableCFS: new(false), DockerSocket: "/var/run/docker.sock"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(flags{})); diff != "" {
		t.Errorf("flags (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"no-such", "stray"}, ignored); diff != "" {
		t.Errorf("ignored (-want +got):\n%s", diff)
	}
	if got, _, err := parseFlags([]string{"--container=mesos-1", "--protocol=v1", "--no-quiet"}); err != nil || got.protocol != protocolV1 || got.route != wire.RouteDropIn {
		t.Errorf("%+v, %v", got, err)
	}
	if got, _, err := parseFlags([]string{"--protocol=v0"}); err != nil || got.protocol != protocolV0 || got.route != wire.RouteCustom {
		t.Errorf("%+v, %v", got, err)
	}

	if got, _, err := parseFlags(nil); err != nil || got.route != wire.RouteCustom || got.protocol != protocolV1 || got.level != zapcore.WarnLevel {
		t.Errorf("no flags: %+v, %v", got, err)
	}
	if got, _, err := parseFlags([]string{"--route=local", "--socket=/s", "--version"}); err != nil || got.route != wire.RouteLocal || got.socket != "/s" || !got.version {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{`--task_environment={"A":"secret"`, `--task_environment={"A":["secret"]}`, `--task_environment={"A":null}`,
		`--task_environment={"":"secret"}`, `--task_environment={"A":"secret"}{}`, "--task_environment=null", "--task_environment="} {
		if _, _, err := parseFlags([]string{bad}); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "task_environment") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if got, _, err := parseFlags([]string{`--task_environment={"A=B":"x\ny","É":""}`}); err != nil || !maps.Equal(got.taskEnvironment, map[string]string{"A=B": "x\ny", "É": ""}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"--stop_timeout=soon", "--logging_level=LOUD", "--route=drop-in", "--protocol=v2",
		"--container=", "--container", "--sandbox_directory=", "--sandbox_directory=here", "--mapped_directory=there"} {
		if _, _, err := parseFlags([]string{bad}); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

// What the agent says of itself is passed on; what it does not say is not made up.
func TestParseAgentFlags(t *testing.T) {
	for arg, want := range map[string]flags{
		"--cgroups_enable_cfs=true":                       {agentFlags: wire.AgentFlags{CgroupsEnableCFS: new(true)}},
		"--cgroups_enable_cfs=1":                          {agentFlags: wire.AgentFlags{CgroupsEnableCFS: new(true)}},
		"--cgroups_enable_cfs":                            {agentFlags: wire.AgentFlags{CgroupsEnableCFS: new(true)}},
		"--cgroups_enable_cfs=0":                          {agentFlags: wire.AgentFlags{CgroupsEnableCFS: new(false)}},
		"--no-cgroups_enable_cfs":                         {agentFlags: wire.AgentFlags{CgroupsEnableCFS: new(false)}},
		`--default_container_dns={"docker":[]}`:           {agentFlags: wire.AgentFlags{DefaultContainerDNS: json.RawMessage(`{"docker":[]}`)}},
		"--docker_socket=/run/docker.sock":                {agentFlags: wire.AgentFlags{DockerSocket: "/run/docker.sock"}},
		"--network_cni_config_dir=/etc/cni/net.d::/other": {agentFlags: wire.AgentFlags{CNIConfigurations: "/etc/cni/net.d::/other"}},
		"--network_cni_config_dir=":                       {},
		"--network_cni_plugins_dir=/opt/cni/bin":          {agentFlags: wire.AgentFlags{CNIPlugins: "/opt/cni/bin"}},
	} {
		want.level, want.route, want.protocol = zapcore.WarnLevel, wire.RouteCustom, protocolV1
		got, ignored, err := parseFlags([]string{arg})
		if err != nil || len(ignored) > 0 {
			t.Errorf("%s: %v, ignored %v", arg, err, ignored)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(flags{})); diff != "" {
			t.Errorf("%s, want (-), got (+):\n%s", arg, diff)
		}
	}
	for _, bad := range []string{"--cgroups_enable_cfs=maybe", "--no-cgroups_enable_cfs=true",
		"--default_container_dns=", "--default_container_dns=null", "--default_container_dns=[]", `--default_container_dns={"docker":`} {
		if _, _, err := parseFlags([]string{bad}); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

// Every flag of contract 1.4 and of ClusterD is known: either it is read or it stands among those that are not, and why.
func TestEveryStockFlagIsKnown(t *testing.T) {
	stock := map[string]string{
		"cgroups_enable_cfs": "true", "container": "mesos-1", "default_container_dns": "{}", "docker": "docker",
		"docker_socket": "/var/run/docker.sock", "help": "false", "initialize_driver_logging": "true", "launcher_dir": "/usr/libexec/mesos",
		"logbufsecs": "0", "logging_level": "INFO", "mapped_directory": "/mnt/mesos/sandbox", "quiet": "false", "sandbox_directory": "/sandbox",
		"stop_timeout": "0ns", "task_environment": "{}", "network_cni_plugins_dir": "/opt/cni/bin", "network_cni_config_dir": "/etc/cni/net.d",
	}
	for name, value := range stock {
		read, err := new(flags).set(name, value)
		if reason, unused := unusedFlags[name]; err != nil || read == unused || unused && reason == "" {
			t.Errorf("--%s is read %v, unused %v (%s), error %v", name, read, unused, reason, err)
		}
	}
}

// Whatever the command line is, it is read or refused, and a refusal shows no variable's value.
func FuzzParseFlags(f *testing.F) {
	f.Add("--container=mesos-1", `--task_environment={"A":"b"}`)
	f.Add("--stop_timeout=1.5mins", "--route=local")
	f.Add("--", "--no-such")
	f.Add("--task_environment_fd=1", "--task_environment_fd=x")
	f.Add(`--task_environment={"A":1}`, "--logging_level=")
	f.Fuzz(func(t *testing.T, first, second string) {
		if strings.Contains(first+second, "--"+environmentFileFlag+"=") && strings.ContainsAny(first+second, "3456789") {
			t.Skip("would close a descriptor of the fuzzer's")
		}
		got, _, err := parseFlags([]string{first, second})
		switch {
		case err != nil && strings.HasPrefix(err.Error(), "flag --task_environment=") && !strings.HasPrefix(err.Error(), "flag --task_environment=...: "):
			t.Errorf("the value is shown: %v", err)
		case err == nil && got.route == "":
			t.Error("no route")
		}
		for name := range got.taskEnvironment {
			if name == "" {
				t.Error("a variable has no name")
			}
		}
	})
}

// What a task puts into its executor's environment reaches neither a second process image nor, therefore, its Go runtime; the
// token reaches it, but stands in no environment.
func TestIsolation(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", asExecutor)
	cmd.Env = []string{
		"MESOS_FRAMEWORK_ID=f", "MESOS_DIRECTORY=/sandbox", "LIBPROCESS_SSL_ENABLED=1", "LIBPROCESS_IP=127.0.0.1", "LIBPROCESS_PORT=31000",
		tokenVariable + "=very.secret.token", tokenFileVariable + "=0",
		"GOMAXPROCS=64", "GODEBUG=gctrace=1", "HTTP_PROXY=http://evil", "SSL_CERT_FILE=/evil", "PATH=/evil", "DOCKER_HOST=tcp://evil",
		"MESOS_FRAMEWORK_ID=last",
	}
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	token, environ, _ := bytes.Cut(output, []byte("\n"))
	if string(token) != "token=very.secret.token" {
		t.Errorf("token: %q", token)
	}
	var names []string
	for line := range strings.SplitSeq(string(environ), "\n") {
		name, value, _ := strings.Cut(line, "=")
		names = append(names, name)
		if strings.Contains(value, "secret") || strings.Contains(value, "evil") || name == procsVariable && value != "1" ||
			name == "MESOS_FRAMEWORK_ID" && value != "last" {
			t.Errorf("%s survived", line)
		}
	}
	want := []string{"GOMAXPROCS", "LIBPROCESS_IP", "LIBPROCESS_PORT", "LIBPROCESS_SSL_ENABLED", "MESOS_DIRECTORY", tokenFileVariable, "MESOS_FRAMEWORK_ID"}
	slices.Sort(names)
	slices.Sort(want)
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

// A clean environment is recognised as such, or the program would start itself for ever.
func TestIsolatedIsAFixedPoint(t *testing.T) {
	remaining, token, already := isolated([]string{"MESOS_SLAVE_ID=a", "HOME=/root", tokenVariable + "=t"})
	if already || token != "t" {
		t.Fatalf("token %q, already %v", token, already)
	}
	again, token, already := isolated(append(remaining, tokenFileVariable+"=3"))
	if !already || token != "" {
		t.Errorf("token %q, already %v", token, already)
	}
	if diff := cmp.Diff(remaining, again); diff != "" {
		t.Error(diff)
	}
}

// The agent's command line shows what hooks add to the task's environment for a moment only.
func TestTaskEnvironmentIsHidden(t *testing.T) {
	for name, size := range map[string]int{"small": 10, "as large as an argument can be": 127 << 10} {
		t.Run(name, func(t *testing.T) {
			secret := strings.Repeat("s", size)
			cmd := exec.Command("/proc/self/exe", "--container=c", `--task_environment={"HOOK":"`+secret+`"}`, asExecutor)
			for _, environ := range [][]string{{"PATH=/"}, {"GOMAXPROCS=1"}} { // the second needs no clean-up but for this
				again := exec.Command(cmd.Path, cmd.Args[1:]...)
				again.Env = environ
				var said bytes.Buffer
				again.Stderr = &said
				if err := again.Run(); err != nil {
					t.Fatalf("%v: %.300s", err, said.String())
				}
				if want := fmt.Sprintf("HOOK of %d bytes\n", size); !strings.HasPrefix(said.String(), want) {
					t.Errorf("it says %.300q, want %q", said.String(), want)
				}
				if strings.Contains(said.String(), "ssssss") || !strings.Contains(said.String(), "--container=c\x00--task_environment_fd=") {
					t.Errorf("the command line is %.300q", said.String())
				}
			}
		})
	}
}

func TestForgedTokenFile(t *testing.T) {
	for _, value := range []string{"0", "-1", "x", "999999"} {
		t.Setenv(tokenFileVariable, value)
		if _, err := environment(); err == nil {
			t.Errorf("%s=%s was accepted", tokenFileVariable, value)
		}
	}
}
