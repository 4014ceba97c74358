package compat

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// creating are rows about what create takes and what inspect makes of it.
func creating() []row {
	return []row{
		{
			name: "restart-policy-without-name", request: "RestartPolicy {Name \"\", MaximumRetryCount 0}; then with count 3",
			ask: func(t *testing.T, e *engine) string {
				id := e.must(t, object{"HostConfig": object{"RestartPolicy": object{"Name": "", "MaximumRetryCount": 0}}})
				_, a := e.create(t, object{"HostConfig": object{"RestartPolicy": object{"Name": "", "MaximumRetryCount": 3}}})
				return fmt.Sprintf("inspect has %s; %s", e.inspect(t, id).at("HostConfig.RestartPolicy"), a.said())
			},
			answers: []said{{"20.10", "inspect has {\"MaximumRetryCount\":0,\"Name\":\"\"}; 201"}, {"26", "inspect has {\"MaximumRetryCount\":0,\"Name\":\"no\"}; 400 invalid restart policy: maximum retry count can only be used with 'on-failure'"}},
			product: "names the policy `no` always",
		},
		{
			name: "capability-names", request: "CapAdd [\"net_admin\", \"CAP_SYS_PTRACE\", \"sys_time\"], CapDrop [\"all\"]",
			ask: func(t *testing.T, e *engine) string {
				id := e.must(t, object{"HostConfig": object{"CapAdd": []string{"net_admin", "CAP_SYS_PTRACE", "sys_time"}, "CapDrop": []string{"all"}}})
				a := e.inspect(t, id)
				return a.at("HostConfig.CapAdd") + a.at("HostConfig.CapDrop")
			},
			answers: []said{{"20.10", "[\"net_admin\",\"CAP_SYS_PTRACE\",\"sys_time\"][\"all\"]"}},
			product: "policy reads the names as sent, with or without CAP_, in any case",
		},
		{
			name: "kernel-memory", request: "KernelMemory 32 MiB: create, inspect",
			ask: func(t *testing.T, e *engine) string {
				id, a := e.create(t, object{"HostConfig": object{"KernelMemory": 32 << 20}})
				return fmt.Sprintf("%v, %s", a, e.inspect(t, id).at("HostConfig.KernelMemory"))
			},
			answers: []said{{"20.10", "201, 33554432"}, {"26", "201, absent"}},
			product: "passes the parameter; newer Engines leave it out without a word",
		},
		{
			name: "host-config-defaults", request: "HostConfig {}: Binds, ExtraHosts, CapAdd, Dns, Devices, IpcMode, CgroupnsMode, Init, OomKillDisable, ConsoleSize in inspect",
			ask: func(t *testing.T, e *engine) string {
				a := e.inspect(t, e.must(t, object{}))
				var all []string
				for _, name := range []string{"Binds", "ExtraHosts", "CapAdd", "Dns", "Devices", "IpcMode", "CgroupnsMode", "Init", "OomKillDisable", "ConsoleSize"} {
					all = append(all, a.at("HostConfig."+name))
				}
				return strings.Join(all, " ")
			},
			answers: []said{{"20.10", "null null null null null \"private\" \"host\" absent false [0,0]"}},
			product: "reads none of them but NetworkMode",
		},
		{
			name: "seccomp-builtin", request: "SecurityOpt [\"seccomp=builtin\"]: create, start",
			ask: func(t *testing.T, e *engine) string {
				id, a := e.create(t, object{"HostConfig": object{"SecurityOpt": []string{"seccomp=builtin"}}})
				if id == "" {
					return a.String()
				}
				return fmt.Sprintf("%v, %s", a, e.ask(t, "POST", "/containers/"+id+"/start", nil).said())
			},
			answers: []said{{"20.10", "201, 500 Decoding seccomp profile failed: invalid character 'b' looking for beginning of value"}, {"26", "201, 204"}},
			product: "refuses the parameter where the Engine is too old for it, instead of failing at the start",
		},
		{
			name: "log-driver-unknown", request: "LogConfig of an unknown type; option of local that is none",
			ask: func(t *testing.T, e *engine) string {
				_, a := e.create(t, object{"HostConfig": object{"LogConfig": object{"Type": "nosuch"}}})
				_, b := e.create(t, object{"HostConfig": object{"LogConfig": object{"Type": "local", "Config": object{"nosuch": "1"}}}})
				return fmt.Sprintf("%v; %v", a, b)
			},
			answers: []said{{"20.10", "400; 400"}},
			product: "lets a create take 2 minutes, so the mistake is told and not a time-out",
		},
		{
			name: "annotations-in-older-api", request: "/v1.42: HostConfig.Annotations; the newest version's inspect",
			ask: func(t *testing.T, e *engine) string {
				id, a := e.createAt(t, "/v1.42", "", object{"HostConfig": object{"Annotations": object{"a": "b"}}})
				if id == "" {
					return a.String()
				}
				return fmt.Sprintf("%v, %s", a, e.inspect(t, id).at("HostConfig.Annotations"))
			},
			answers: []said{{"20.10", "400"}, {"26", "201, absent"}},
			product: "refuses the parameter where the Engine is too old for it, instead of losing it",
		},
		{
			name: "start-interval-in-older-api", request: "/v1.43: Healthcheck.StartInterval; inspect",
			ask: func(t *testing.T, e *engine) string {
				id, a := e.createAt(t, "/v1.43", "", object{"Healthcheck": object{"Test": []string{"CMD", "true"}, "StartInterval": 2e9}})
				if id == "" {
					return a.String()
				}
				return fmt.Sprintf("%v, %s", a, e.inspect(t, id).at("Config.Healthcheck.StartInterval"))
			},
			answers: []said{{"20.10", "400"}, {"26", "201, absent"}},
			product: "refuses the parameter where the Engine is too old for it, instead of losing it",
		},
		{
			name: "unknown-field", request: "a HostConfig member that does not exist",
			ask: func(t *testing.T, e *engine) string {
				_, a := e.create(t, object{"HostConfig": object{"NoSuchMember": 1}})
				return a.String()
			},
			answers: []said{{"20.10", "201"}},
			product: "sends no member that its version of the API lacks",
		},
		{
			name: "oldest-api", request: "GET /v1.40/version and /v1.24/version",
			ask: func(t *testing.T, e *engine) string {
				return fmt.Sprintf("%d %d", e.at(t, "/v1.40", "GET", "/version", nil).status, e.at(t, "/v1.24", "GET", "/version", nil).status)
			},
			answers: []said{{"20.10", "200 200"}, {"29", "200 400"}},
			product: "asks for the newest version that both know, at each new connection",
		},
		{
			name: "platform-variant", request: "create?platform=linux/amd64/v2, and linux/arm64, of an image for linux/amd64",
			ask: func(t *testing.T, e *engine) string {
				_, a := e.createAt(t, "/v"+e.api, "?platform=linux/amd64/v2", object{})
				_, b := e.createAt(t, "/v"+e.api, "?platform=linux/arm64", object{})
				return fmt.Sprintf("%v; %v", a, b)
			},
			answers: []said{{"20.10", "201; 404"}, {"29", "404; 404"}},
			product: "takes an image without a variant for any variant, as Engines before 29 do; on 29 the create is refused, and the task fails with the Engine's words",
		},
		{
			name: "fields-of-newer-api", request: "in the oldest version of the API that the Engine speaks: Mounts with VolumeOptions.Subpath, EndpointsConfig.GwPriority; inspect",
			ask: func(t *testing.T, e *engine) string {
				id, a := e.createAt(t, "/v"+e.oldest, "", object{"HostConfig": object{"NetworkMode": "bridge", "Mounts": []object{{"Type": "volume", "Target": "/x", "VolumeOptions": object{"Subpath": "s"}}}},
					"NetworkingConfig": object{"EndpointsConfig": object{"bridge": object{"GwPriority": 7}}}})
				if id == "" {
					return a.said()
				}
				inspected := e.at(t, "/v"+e.newest, "GET", "/containers/"+id+"/json", nil)
				return fmt.Sprintf("%v, %s, GwPriority %s", a, inspected.at("HostConfig.Mounts"), inspected.at("NetworkSettings.Networks.bridge.GwPriority"))
			},
			answers: []said{{"20.10", "201, [{\"Target\":\"/x\",\"Type\":\"volume\",\"VolumeOptions\":{}}], GwPriority absent"}, {"26", "400 VolumeOptions.Subpath needs API v1.45 or newer"}},
			product: "speaks the newest version that both know; options that an Engine is too old for are refused, those of a mount too",
		},
		{
			name: "api-versions", request: "/version: ApiVersion, MinAPIVersion; /_ping's Api-Version; a request in a version that is too old, too new",
			ask: func(t *testing.T, e *engine) string {
				a := e.at(t, "", "GET", "/version", nil)
				old, young := e.at(t, "/v1.11", "GET", "/info", nil), e.at(t, "/v1.99", "GET", "/info", nil)
				return fmt.Sprintf("%s, %s, %q; %v; %v", a.at("ApiVersion"), a.at("MinAPIVersion"), e.at(t, "", "GET", "/_ping", nil).header.Get("Api-Version"), old, young)
			},
			answers: []said{{"20.10", "\"1.41\", \"1.12\", \"1.41\"; 400; 400"}, {"26", "\"1.45\", \"1.24\", \"1.45\"; 400; 400"}, {"28", "\"1.51\", \"1.24\", \"1.51\"; 400; 400"}, {"29", "\"1.56\", \"1.40\", \"1.56\"; 400; 400"}},
			product: "asks for the newest version that both know, at each new connection; `doctor` says where there is none",
		},
		{
			name: "limits-that-cannot-be", request: "Memory 5 MiB; MemorySwap below Memory; NanoCpus of 1000 processors; NanoCpus with CpuQuota; CpuShares 1",
			ask: func(t *testing.T, e *engine) string {
				return e.creates(t, object{"Memory": 5 << 20}, object{"Memory": 64 << 20, "MemorySwap": 32 << 20}, object{"NanoCpus": int64(1000e9)}, object{"NanoCpus": int64(1e9), "CpuQuota": 50000}, object{"CpuShares": 1})
			},
			answers: []said{{"20.10", "400; 400; 400; 400; 201, 500"}},
			product: "raises memory and cpu shares to what the Engine takes, as the agent does; what a parameter says it passes, and a refusal is the task's mistake",
		},
		{
			name: "pids-limit", request: "PidsLimit absent, 0, -1: inspect; pids.max in the container",
			ask: func(t *testing.T, e *engine) string {
				var all []string
				for _, host := range []object{{}, {"PidsLimit": 0}, {"PidsLimit": -1}} {
					id, a := e.ran(t, object{"HostConfig": host, "Cmd": []string{"sh", "-c", "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null"}})
					all = append(all, a.at("HostConfig.PidsLimit")+" "+e.output(t, id))
				}
				return strings.Join(all, "; ")
			},
			answers: []said{{"20.10", "null max; null max; null max"}},
			product: "sends 0, which is no limit",
		},
		{
			name: "words-that-are-none", request: "StopSignal NOSUCH; WorkingDir x; a Runtime, an IpcMode, a CgroupnsMode that there is not; Ulimits with a soft limit above the hard one; Sysctls x",
			ask: func(t *testing.T, e *engine) string {
				var all []string
				for _, config := range []object{{"StopSignal": "NOSUCH"}, {"WorkingDir": "x"}} {
					_, a := e.create(t, config)
					all = append(all, a.String())
				}
				return strings.Join(all, "; ") + "; " + e.creates(t, object{"Runtime": "nosuch"}, object{"IpcMode": "nosuch"}, object{"CgroupnsMode": "nosuch"},
					object{"Ulimits": []object{{"Name": "nofile", "Soft": 2, "Hard": 1}}}, object{"Sysctls": object{"x": "1"}})
			},
			answers: []said{{"20.10", "400; 400; 400; 201, 500; 400; 201, 500; 201, 500"}, {"26", "400; 400; 400; 400; 400; 201, 500; 201, 500"}},
			product: "passes the parameter; a refusal by 400 is the task's mistake, one at the start as well",
		},
		{
			name: "name-taken", request: "create with the name of another container; with a name that is none",
			ask: func(t *testing.T, e *engine) string {
				name := fmt.Sprintf("compat-name-%d", time.Now().UnixNano())
				_, a := e.createAt(t, "/v"+e.api, "?name="+name, object{})
				_, b := e.createAt(t, "/v"+e.api, "?name="+name, object{})
				_, c := e.createAt(t, "/v"+e.api, "?name=-", object{})
				return fmt.Sprintf("%v; %v; %v", a, b, c)
			},
			answers: []said{{"20.10", "201; 409; 400"}},
			product: "looks after a 409 whether the container of that name is its own, from a create whose answer was lost",
		},
		{
			name: "masked-paths", request: "HostConfig {}: MaskedPaths beyond those of 20.10, number of ReadonlyPaths; with Privileged",
			ask: func(t *testing.T, e *engine) string {
				var masked []string
				a := e.inspect(t, e.must(t, object{}))
				if err := json.Unmarshal([]byte(a.at("HostConfig.MaskedPaths")), &masked); err != nil {
					t.Fatal(err)
				}
				masked = slices.DeleteFunc(masked, func(path string) bool {
					return slices.Contains(strings.Fields("/proc/asound /proc/acpi /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats /proc/sched_debug /proc/scsi /sys/firmware"), path) ||
						strings.HasPrefix(path, "/sys/devices/system/cpu/") // one for each of the host's
				})
				privileged := e.inspect(t, e.must(t, object{"HostConfig": object{"Privileged": true}}))
				return fmt.Sprintf("%v, %s; %s", masked, count(t, a, "HostConfig.ReadonlyPaths"), privileged.at("HostConfig.MaskedPaths"))
			},
			answers: []said{{"20.10", "[], 5; null"}, {"26", "[/sys/devices/virtual/powercap], 5; null"}, {"28", "[/proc/interrupts /sys/devices/virtual/powercap], 5; null"}},
			product: "leaves them to the Engine: a task may see less of the host on a newer one",
		},
		{
			name: "start-with-wrong-user", request: "User nosuch; GroupAdd nosuch; User 1234:5678, which the image does not know: start, State",
			ask: func(t *testing.T, e *engine) string {
				return e.failedStart(t, e.must(t, object{"User": "nosuch"})) + " / " +
					e.failedStart(t, e.must(t, object{"HostConfig": object{"GroupAdd": []string{"nosuch"}}})) + " / " +
					e.printsAs(t, "1234:5678", "id -u; id -g; echo $HOME")
			},
			answers: []said{{"20.10", "500; Status \"created\", ExitCode 128, StartedAt zero; events none / 500; Status \"created\", ExitCode 128, StartedAt zero; events none / 1234 5678 /"}},
			product: "reports the failed launch with the Engine's words, as the task's mistake where the status is 400 or 404, else as the host's",
		},
	}
}
