package parameters

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/runspec"
)

// taskWith is a bridge task with docker parameters, each "key=value" split at the first "=".
func taskWith(parameters ...string) runspec.Task {
	info := mesos.TaskInfo{
		Command: &mesos.CommandInfo{Value: pointer("true")},
		Container: &mesos.ContainerInfo{
			Type: mesos.ContainerInfo_DOCKER.Enum(),
			Docker: &mesos.ContainerInfo_DockerInfo{
				Image:   "busybox",
				Network: mesos.ContainerInfo_DockerInfo_BRIDGE.Enum(),
			},
		},
		Resources: []mesos.Resource{
			{Name: "cpus", Scalar: &mesos.Value_Scalar{Value: 1}},
			{Name: "mem", Scalar: &mesos.Value_Scalar{Value: 64}},
		},
	}
	for _, p := range parameters {
		key, value, _ := strings.Cut(p, "=")
		info.Container.Docker.Parameters = append(info.Container.Docker.Parameters, mesos.Parameter{Key: key, Value: value})
	}
	return runspec.Task{Info: info, Name: "mesos-1", SandboxDirectory: "/sandbox", MappedDirectory: "/mnt/mesos/sandbox"}
}

// at follows a path of keys through a spec's JSON and returns what is there as JSON.
func at(t *testing.T, spec *runspec.Spec, path string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(asJSON(t, spec)), &value); err != nil {
		t.Fatal(err)
	}
	for key := range strings.SplitSeq(path, "/") {
		object, ok := value.(map[string]any)
		if !ok {
			t.Fatalf("%s: nothing below %v", path, value)
		}
		value = object[key]
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// meanings are parameters, a place in the spec, and what is there as JSON.
var meanings = []struct {
	parameters []string
	path       string
	want       string
}{
	{[]string{"add-host=a:1.2.3.4", "add-host=b:5.6.7.8"}, "HostConfig/ExtraHosts", `["a:1.2.3.4","b:5.6.7.8"]`},
	{[]string{"blkio-weight=300"}, "HostConfig/BlkioWeight", `300`},
	{[]string{"cap-add=NET_ADMIN"}, "HostConfig/CapAdd", `["NET_ADMIN"]`},
	{[]string{"cpu-shares=7"}, "HostConfig/CpuShares", `7`},
	{[]string{"cpus=1.5"}, "HostConfig/NanoCpus", `1500000000`},
	{[]string{"device=/dev/fuse"}, "HostConfig/Devices", `[{"CgroupPermissions":"rwm","PathInContainer":"/dev/fuse","PathOnHost":"/dev/fuse"}]`},
	{[]string{"device-read-bps=/dev/sda:1mb"}, "HostConfig/BlkioDeviceReadBps", `[{"Path":"/dev/sda","Rate":1048576}]`},
	{[]string{"dns=1.1.1.1"}, "HostConfig/Dns", `["1.1.1.1"]`},
	{[]string{"entrypoint=/bin/echo"}, "Config/Entrypoint", `["/bin/echo"]`},
	{[]string{"entrypoint=/bin/echo"}, "Config/Cmd", `["-c","true"]`},
	{[]string{"env=B=2", "env=A=1", "env=B=3"}, "Config/Env",
		`["A=1","B=3","MESOS_ALLOCATION_ROLE=","MESOS_CONTAINER_NAME=mesos-1","MESOS_SANDBOX=/mnt/mesos/sandbox"]`},
	{[]string{"env=MESOS_SANDBOX=/x"}, "Config/Env", `["MESOS_ALLOCATION_ROLE=","MESOS_CONTAINER_NAME=mesos-1","MESOS_SANDBOX=/x"]`},
	{[]string{"env=A=two\nlines=1"}, "Config/Env",
		`["A=two\nlines=1","MESOS_ALLOCATION_ROLE=","MESOS_CONTAINER_NAME=mesos-1","MESOS_SANDBOX=/mnt/mesos/sandbox"]`},
	{[]string{"expose=80-81"}, "Config/ExposedPorts", `{"80/tcp":{},"81/tcp":{}}`},
	{[]string{"gpus=all"}, "HostConfig/DeviceRequests", `[{"Capabilities":[["gpu"]],"Count":-1,"DeviceIDs":null,"Driver":"","Options":{}}]`},
	{[]string{"health-cmd=true", "health-interval=5s"}, "Config/Healthcheck", `{"Interval":5000000000,"Test":["CMD-SHELL","true"]}`},
	{[]string{"hostname=one", "hostname=two"}, "Config/Hostname", `"two"`},
	{[]string{"init=true"}, "HostConfig/Init", `true`},
	{[]string{"interactive=true"}, "Config/OpenStdin", `false`},
	{[]string{"ipc=host"}, "HostConfig/IpcMode", `"host"`},
	{[]string{"label=a=1", "label=b", "hostname=h"}, "Config/Labels", `{"a":"1","b":""}`},
	{[]string{"log-driver=syslog", "log-opt=tag=x"}, "HostConfig/LogConfig", `{"Config":{"tag":"x"},"Type":"syslog"}`},
	{[]string{"log-opt=tag=x"}, "HostConfig/LogConfig", `{"Config":{"tag":"x"},"Type":""}`},
	{[]string{"hostname=h"}, "HostConfig/LogConfig", `{"Config":{"max-size":"1m"},"Type":"local"}`},
	{[]string{"memory=128m"}, "HostConfig/Memory", `134217728`},
	{[]string{"memory-swap=-1"}, "HostConfig/MemorySwap", `-1`},
	{[]string{"mount=type=tmpfs,target=/t,tmpfs-size=1m"}, "HostConfig/Mounts", `[{"Target":"/t","TmpfsOptions":{"SizeBytes":1048576},"Type":"tmpfs"}]`},
	{[]string{`mount=type=bind,"source=./a b",target=/t`}, "HostConfig/Mounts", `[{"Source":"/sandbox/a b","Target":"/t","Type":"bind"}]`},
	{[]string{"mount=type=bind,src=./a,dst=/t,bind-create-src"}, "HostConfig/Mounts", `[{"BindOptions":{"CreateMountpoint":true},"Source":"/sandbox/a","Target":"/t","Type":"bind"}]`},
	{[]string{`mount=type=bind,bind-create-src=1,"src=/a,b",dst=/t,bind-propagation=shared,ro`, "mount=type=bind,src=/b,dst=/u"}, "HostConfig/Mounts",
		`[{"BindOptions":{"CreateMountpoint":true,"Propagation":"shared"},"ReadOnly":true,"Source":"/a,b","Target":"/t","Type":"bind"},{"Source":"/b","Target":"/u","Type":"bind"}]`},
	{[]string{"mount=type=bind,src=/a,dst=/t,bind-create-src=false"}, "HostConfig/Mounts", `[{"BindOptions":{},"Source":"/a","Target":"/t","Type":"bind"}]`},
	{[]string{"net=host"}, "HostConfig/NetworkMode", `"host"`},
	{[]string{"network=name=weave,ip=10.0.0.9,alias=web"}, "Networking/EndpointsConfig/weave/IPAMConfig", `{"IPv4Address":"10.0.0.9"}`},
	{[]string{"network=weave", "ip=10.0.0.9"}, "Networking/EndpointsConfig/weave/IPAMConfig", `{"IPv4Address":"10.0.0.9"}`},
	{[]string{"network=weave"}, "Networking/EndpointsConfig", `{}`},
	{[]string{"network=one", "network=two"}, "HostConfig/NetworkMode", `"one"`},
	{[]string{"oom-kill-disable=true"}, "HostConfig/OomKillDisable", `true`},
	{[]string{"pid=host"}, "HostConfig/PidMode", `"host"`},
	{[]string{"platform=linux/arm64"}, "Platform", `{"architecture":"arm64","os":"linux"}`},
	{[]string{"privileged=true"}, "HostConfig/Privileged", `true`},
	{[]string{"publish=8080:80/udp"}, "HostConfig/PortBindings", `{"80/udp":[{"HostIp":"","HostPort":"8080"}]}`},
	{[]string{"read-only=true"}, "HostConfig/ReadonlyRootfs", `true`},
	{[]string{"restart=no"}, "HostConfig/RestartPolicy", `{"MaximumRetryCount":0,"Name":"no"}`},
	{[]string{"rm=true"}, "HostConfig/AutoRemove", `false`},
	{[]string{"runtime=runc"}, "HostConfig/Runtime", `"runc"`},
	{[]string{"security-opt=seccomp=unconfined", "security-opt=no-new-privileges"}, "HostConfig/SecurityOpt", `["seccomp=unconfined","no-new-privileges"]`},
	{[]string{"security-opt=systempaths=unconfined"}, "HostConfig/MaskedPaths", `[]`},
	{[]string{"hostname=h"}, "HostConfig/MaskedPaths", `null`},
	{[]string{"shm-size=64m"}, "HostConfig/ShmSize", `67108864`},
	{[]string{"stop-signal=SIGQUIT", "stop-timeout=9"}, "Config/StopTimeout", `9`},
	{[]string{"sysctl=net.core.somaxconn=9"}, "HostConfig/Sysctls", `{"net.core.somaxconn":"9"}`},
	{[]string{"tmpfs=/t:size=1m"}, "HostConfig/Tmpfs", `{"/t":"size=1m"}`},
	{[]string{"tty=true"}, "TTY", `true`},
	{[]string{"ulimit=nofile=10:20"}, "HostConfig/Ulimits", `[{"Hard":20,"Name":"nofile","Soft":10}]`},
	{[]string{"user=1000:1000"}, "Config/User", `"1000:1000"`},
	{[]string{"userns=host"}, "HostConfig/UsernsMode", `"host"`},
	{[]string{"volume=/data"}, "Config/Volumes", `{"/data":{}}`},
	{[]string{"volume=/a:/b:ro,Z", "volume=./c:/d"}, "HostConfig/Binds", `["/sandbox:/mnt/mesos/sandbox","/a:/b:ro,Z","/sandbox/c:/d"]`},
	{[]string{"volume-driver=rexray"}, "HostConfig/VolumeDriver", `"rexray"`},
	{[]string{"volumes-from=another-container"}, "HostConfig/VolumesFrom", `["another-container"]`},
	{[]string{"workdir=/w"}, "Config/WorkingDir", `"/w"`},
}

func TestParametersMeanWhatTheyMeanToDocker(t *testing.T) {
	for _, test := range meanings {
		t.Run(strings.Join(test.parameters, " ")+" "+test.path, func(t *testing.T) {
			spec, err := runspec.Translate(t.Context(), taskWith(test.parameters...), runspec.Options{
				Parameters: &inProcess{}, LogDriver: "local", LogOpts: map[string]string{"max-size": "1m"},
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, at(t, spec, test.path)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.path, diff)
			}
		})
	}
}

func TestParametersThatFail(t *testing.T) {
	tests := []struct {
		parameters []string
		text       string
		index      int
		key        string
	}{
		{[]string{"hostname=h", "lxc-conf=x"}, "unknown flag: --lxc-conf", 1, "lxc-conf"},
		{[]string{"e=A=B"}, `unknown flag: --e; the key would be "env"`, 0, "e"},
		{[]string{"umask=0022"}, "unknown flag: --umask; docker 29 has it, for Engines from API 1.56 on, and this release speaks up to 1.51", 0, "umask"},
		{[]string{"=x"}, `bad flag syntax: "--"`, 0, ""},
		{[]string{"-x=y"}, `bad flag syntax: "---x"`, 0, "-x"},
		{[]string{"memory=lots"}, `invalid argument "lots" for "-m, --memory" flag: invalid size: 'lots'`, 0, "memory"},
		{[]string{"label=", "hostname=h"}, `invalid argument "" for "-l, --label" flag: invalid label '': empty name`, 0, "label"},
		{[]string{"init="}, `invalid argument "" for "--init" flag: strconv.ParseBool: parsing "": invalid syntax`, 0, "init"},
		{[]string{"hostname=h", "publish=99999:80", "user=u"}, "invalid hostPort: 99999", 1, "publish"},
		{[]string{"user=u", "user=v", "pid=mine", "user=w"}, "--pid: invalid PID mode", 2, "pid"},
		{[]string{"net=weave", "net-alias=a", "network=bridge"},
			"conflicting options: cannot attach both user-defined and non-user-defined network-modes", 2, "network"},
		{[]string{"net-alias=a"}, "network-scoped aliases are only supported for user-defined networks", 0, "net-alias"},
		{[]string{"user=u", "network=name=weave,color=red"},
			`invalid argument "name=weave,color=red" for "--net" flag: invalid field key color`, 1, "network"},
		{[]string{"log-driver=none", "log-opt=splunk-token=hush"}, "invalid logging opts for driver none", 1, "log-opt"},
		{[]string{"mount=type=volume,src=v,dst=/x,bind-create-src"},
			`invalid argument "type=volume,src=v,dst=/x,bind-create-src" for "--mount" flag: cannot mix 'bind-*' options with mount type 'volume'`, 0, "mount"},
		{[]string{"mount=type=bind,src=/x,dst=/x,bind-create-src=yes"},
			`invalid argument "type=bind,src=/x,dst=/x,bind-create-src=yes" for "--mount" flag: invalid value for 'bind-create-src': invalid boolean value ("yes"): must be one of "true", "1", "false", or "0" (default "true")`, 0, "mount"},
		{[]string{"mount=bind-create-src"}, `invalid argument "bind-create-src" for "--mount" flag: target is required`, 0, "mount"},
		{[]string{"mount=type=bind,src=../x,dst=/x"}, `"../x" leaves the sandbox`, 0, "mount"},
		{[]string{"volume=./../../etc:/x"}, `"./../../etc" leaves the sandbox`, 0, "volume"},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.parameters, " "), func(t *testing.T) {
			_, err := runspec.Translate(t.Context(), taskWith(test.parameters...), runspec.Options{Parameters: &inProcess{}})
			checkFault(t, err, test.text, fmt.Sprintf("container.docker.parameters[%d], key %q", test.index, test.key))
		})
	}
}

// TestRefusedParameters proves for each refused option that the parser never hears of it, however the key is written.
func TestRefusedParameters(t *testing.T) {
	values := map[string]string{
		"env":          "KEY",
		"label":        engine.LabelPrefix + "task=t",
		"restart":      "always",
		"security-opt": "seccomp=/etc/shadow",
	}
	for _, rule := range runspec.Rules {
		if rule.Decision != runspec.Refused && rule.Decision != runspec.Restricted {
			continue
		}
		value, given := values[rule.Name]
		if !given {
			value = "true"
		}
		keys := []string{rule.Name, rule.Name + "=" + value}
		if rule.Name == "env" {
			keys = keys[:1] // doubled by its key, a bare name is an assignment.
		}
		for _, key := range keys {
			t.Run(key, func(t *testing.T) {
				parser := &inProcess{}
				task := taskWith()
				task.Info.Container.Docker.Parameters = []mesos.Parameter{{Key: key, Value: value}}
				_, err := runspec.Translate(t.Context(), task, runspec.Options{Parameters: parser})
				var fault *runspec.Error
				if !errors.As(err, &fault) || !strings.Contains(fault.Text, "docker parameter "+rule.Name+" is refused: ") {
					t.Errorf("error %v, want a refusal of %s", err, rule.Name)
				}
				if parser.calls != 0 {
					t.Error("the parser was asked")
				}
			})
		}
	}
}

func TestRestrictedParametersThatPass(t *testing.T) {
	for _, parameter := range []string{
		"env=A=", "env=A=B", "label=a", "restart=", "restart=no", "security-opt=seccomp=builtin", "security-opt=seccomp:unconfined",
		"security-opt=apparmor=unconfined", "security-opt=label=disable", "security-opt=no-new-privileges:true",
	} {
		if _, err := runspec.Translate(t.Context(), taskWith(parameter), runspec.Options{Parameters: &inProcess{}}); err != nil {
			t.Errorf("%s: %v", parameter, err)
		}
	}
}

// TestNoSecretInErrors looks for the values of variables in what is said about parameters near them.
func TestNoSecretInErrors(t *testing.T) {
	for _, parameters := range [][]string{
		{"env==hush"}, {"env=A=hush", "memory=lots"}, {"env=A=hush", "pid=mine"}, {"env=hush"}, {"e=A=hush"}, {"env=A=hush\x00"}, {"env=A=hush\xff"},
	} {
		_, err := runspec.Translate(t.Context(), taskWith(parameters...), runspec.Options{Parameters: &inProcess{}})
		if err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: error %v", parameters, err)
		}
	}
}

func checkFault(t *testing.T, err error, text, field string) {
	t.Helper()
	var fault *runspec.Error
	if !errors.As(err, &fault) {
		t.Fatalf("error %v, want a *runspec.Error", err)
	}
	if fault.Text != text || fault.Field != field {
		t.Errorf("got\n%s (%s), want\n%s (%s)", fault.Text, fault.Field, text, field)
	}
}

// FuzzParameters tries keys and values against rules and parser: whatever comes, the result is a spec that keeps what the
// daemon relies on, or an error about that parameter.
func FuzzParameters(f *testing.F) {
	for _, rule := range runspec.Rules {
		f.Add(rule.Name, "true")
	}
	f.Add("label=x", "y")
	f.Add("volume", "./a:/b:ro")
	f.Add("mount", `type=bind,"src=./a,b",dst=/x`)
	f.Add("mount", `type=bind,src=/a,dst=/x,bind-create-src=1`)
	f.Add("network", "name=n,alias=a")
	f.Add("security-opt", "seccomp:/etc/passwd")
	f.Fuzz(func(t *testing.T, key, value string) {
		if len(value) > 1<<10 {
			return
		}
		task := taskWith()
		task.Info.Container.Docker.Parameters = []mesos.Parameter{{Key: key, Value: value}, {Key: "user", Value: "u"}}
		spec, err := runspec.Translate(context.Background(), task, runspec.Options{Parameters: &inProcess{}})
		if err != nil {
			var fault *runspec.Error
			if !errors.As(err, &fault) {
				t.Fatalf("key %q value %q: %v", key, value, err)
			}
			return
		}
		host := spec.HostConfig
		if host.AutoRemove || host.ContainerIDFile != "" || !host.RestartPolicy.IsNone() {
			t.Errorf("key %q value %q: the spec acts on its own: %+v", key, value, host)
		}
		for label := range spec.Config.Labels {
			if strings.HasPrefix(label, engine.LabelPrefix) {
				t.Errorf("key %q value %q: label %q", key, value, label)
			}
		}
		for _, option := range host.SecurityOpt {
			if strings.HasPrefix(option, "seccomp={") {
				t.Errorf("key %q value %q: a profile was read", key, value)
			}
		}
	})
}
