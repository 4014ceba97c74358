package compat

import (
	"fmt"
	"strings"
	"testing"
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
			answers: []said{{"20.10", "inspect has {\"Name\":\"\",\"MaximumRetryCount\":0}; 201"}, {"26", "inspect has {\"Name\":\"no\",\"MaximumRetryCount\":0}; 400 invalid restart policy: maximum retry count can only be used with 'on-failure'"}},
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
			product: "passes the parameter; on Engine 20.10 the task fails at the start with the Engine's words",
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
			answers: []said{{"20.10", "200 200"}},
			product: "asks for the newest version that both know, at each new connection",
		},
		{
			name: "platform-variant", request: "create?platform=linux/amd64/v2, and linux/arm64, of an image for linux/amd64",
			ask: func(t *testing.T, e *engine) string {
				_, a := e.createAt(t, "/v"+e.api, "?platform=linux/amd64/v2", object{})
				_, b := e.createAt(t, "/v"+e.api, "?platform=linux/arm64", object{})
				return fmt.Sprintf("%v; %v", a, b)
			},
			answers: []said{{"20.10", "201; 404"}},
			product: "takes an image without a variant for any variant, as the Engine does",
		},
	}
}
