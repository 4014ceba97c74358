package compat

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/versions"
)

// configuring are rows about what the Engine's own settings change. Each starts an Engine of its own, of the programs under test.
func configuring() []row {
	return []row{
		{
			name: "insecure-registries", request: "pull over HTTP from 127.0.0.1, without and with --insecure-registry of another host; info's InsecureRegistryCIDRs",
			ask: func(t *testing.T, e *engine) string {
				network := newNetwork(t)
				registry := network.plainRegistry(t)
				var all []string
				for _, flags := range [][]string{nil, {"--insecure-registry", "registry.test:5000"}} {
					own := started{flags: flags, network: network}.engine(t)
					a := own.ask(t, "POST", "/images/create?fromImage="+registry+"/app&tag=1", nil)
					pulled := own.ask(t, "GET", "/images/"+registry+"/app:1/json", nil)
					info := own.ask(t, "GET", "/info", nil)
					all = append(all, fmt.Sprintf("pull %d, image %d, %s", a.status, pulled.status, sorted(t, info, "RegistryConfig.InsecureRegistryCIDRs")))
				}
				return strings.Join(all, "; ")
			},
			answers: []said{{"20.10", "pull 200, image 200, [\"127.0.0.0/8\"]; pull 200, image 200, [\"127.0.0.0/8\"]"}, {"28", "pull 200, image 200, [\"127.0.0.0/8\" \"::1/128\"]; pull 200, image 200, [\"127.0.0.0/8\" \"::1/128\"]"}},
			product: "leaves the way to the registry to the Engine",
		},
		{
			name: "files-of-a-container", request: "dockerd has nofile 2048:4096: ulimit -Sn and -Hn in a container",
			ask: func(t *testing.T, e *engine) string {
				own := started{before: []string{"prlimit", "--nofile=2048:4096"}}.engine(t)
				return own.prints(t, object{"NetworkMode": "none"}, "ulimit -Sn; ulimit -Hn")
			},
			answers: []said{{"20.10", "4096 4096"}, {"26", "2048 4096"}},
			product: "sends the rlimits of a task only",
		},
		{
			name: "default-ulimits", request: "--default-ulimit nofile=100:200: inspect's Ulimits, ulimit in the container; with Ulimits core",
			ask: func(t *testing.T, e *engine) string {
				own := ownEngine(t, "--default-ulimit", "nofile=100:200")
				id, a := own.ran(t, object{"Cmd": []string{"sh", "-c", "ulimit -Sn; ulimit -c"}, "HostConfig": object{"NetworkMode": "none", "Ulimits": []object{{"Name": "core", "Soft": 0, "Hard": 0}}}})
				return fmt.Sprintf("%s %q", a.at("HostConfig.Ulimits"), own.output(t, id))
			},
			answers: []said{{"20.10", "[{\"Hard\":0,\"Name\":\"core\",\"Soft\":0},{\"Hard\":200,\"Name\":\"nofile\",\"Soft\":100}] \"100 0\""}},
			product: "sends the rlimits of a task, to which the Engine adds its own",
		},
		{
			name: "default-log-options", request: "--log-driver local --log-opt max-size=5m: LogConfig of a container without one; of one that names only local, json-file",
			ask: func(t *testing.T, e *engine) string {
				own := ownEngine(t, "--log-driver", "local", "--log-opt", "max-size=5m")
				var all []string
				for _, config := range []object{nil, {"Type": "local"}, {"Type": "json-file"}} {
					id := own.must(t, object{"HostConfig": object{"LogConfig": config}})
					all = append(all, own.inspect(t, id).at("HostConfig.LogConfig"))
				}
				return strings.Join(all, "; ")
			},
			answers: []said{{"20.10", "{\"Config\":{\"max-size\":\"5m\"},\"Type\":\"local\"}; {\"Config\":{\"max-size\":\"5m\"},\"Type\":\"local\"}; {\"Config\":{},\"Type\":\"json-file\"}"}},
			product: "names driver and options of its own, so the Engine's do not count",
		},
		{
			name: "userns-sandbox", request: "--userns-remap: a directory of root's, mode 0755, bound: owner in the container, write",
			ask: func(t *testing.T, e *engine) string {
				own, directory := remapped(t), shared(t)
				return own.prints(t, object{"NetworkMode": "none", "Binds": []string{directory + ":/x"}}, "stat -c %u:%g /x; touch /x/f 2>&1; cat /proc/self/uid_map | xargs")
			},
			answers: []said{{"20.10", "65534:65534 touch: /x/f: Permission denied 0 300000 65536"}},
			product: "says so in TASK_RUNNING; with `userns_sandbox` it gives the sandbox the group of the containers' root",
		},
		{
			name: "userns-host-namespaces", request: "--userns-remap: NetworkMode, PidMode, UTSMode, IpcMode host: create, and start with UsernsMode host",
			ask: func(t *testing.T, e *engine) string {
				own := remapped(t)
				var all []string
				for _, host := range []object{{"NetworkMode": "host"}, {"PidMode": "host"}, {"UTSMode": "host"}, {"IpcMode": "host"}} {
					if host["NetworkMode"] == nil {
						host["NetworkMode"] = "none"
					}
					_, a := own.create(t, object{"HostConfig": host})
					host["UsernsMode"] = "host"
					b := "-"
					if id, c := own.create(t, object{"Cmd": []string{"true"}, "HostConfig": host}); id != "" {
						b = own.ask(t, "POST", "/containers/"+id+"/start", nil).String()
					} else {
						b = c.String()
					}
					all = append(all, fmt.Sprintf("%v / %s", a, b))
				}
				return strings.Join(all, "; ")
			},
			answers: []said{{"20.10", "400 / 204; 400 / 204; 201 / 204; 201 / 204"}},
			product: "refuses the first two before the create, and privileged tasks; with `userns_host` they run with UsernsMode host",
		},
		{
			name: "userns-in-info", request: "--userns-remap: info's SecurityOptions, DockerRootDir; UsernsMode in inspect",
			ask: func(t *testing.T, e *engine) string {
				own := remapped(t)
				info := own.ask(t, "GET", "/info", nil)
				root := strings.Trim(info.at("DockerRootDir"), `"`)
				return fmt.Sprintf("%s, %s, %s", info.at("SecurityOptions"), filepath.Base(root), own.inspect(t, own.must(t, object{})).at("HostConfig.UsernsMode"))
			},
			answers: []said{{"20.10", "[\"name=seccomp,profile=default\",\"name=userns\"], 300000.300000, \"\""}, {"26", "[\"name=seccomp,profile=builtin\",\"name=userns\"], 300000.300000, \"\""}},
			product: "knows the users of containers by the two, and `doctor` says what holds",
		},
		{
			name: "cdi-wrong-device", request: "a CDI file with a right and a wrong device: start with the right one, with a device of a file beside it",
			ask: func(t *testing.T, e *engine) string {
				if versions.LessThan(e.newest, "1.48") {
					return "not known"
				}
				directory := shared(t)
				write(t, directory+"/mixed.json", `{"cdiVersion":"0.6.0","kind":"test.example/mixed","devices":[{"name":"right","containerEdits":{"env":["RIGHT=1"]}},{"name":"wrong","containerEdits":{"env":["NOVALUE"]}}]}`)
				write(t, directory+"/good.json", `{"cdiVersion":"0.6.0","kind":"test.example/good","devices":[{"name":"one","containerEdits":{"env":["GOOD=1"]}}]}`)
				own := ownEngine(t, "--cdi-spec-dir", directory)
				all := []string{own.ask(t, "GET", "/info", nil).at("DiscoveredDevices")}
				for _, device := range []string{"test.example/mixed=right", "test.example/good=one"} {
					id, a := own.create(t, object{"Cmd": []string{"true"}, "HostConfig": object{"NetworkMode": "none", "DeviceRequests": []object{{"Driver": "cdi", "DeviceIDs": []string{device}}}}})
					if id == "" {
						all = append(all, a.said())
						continue
					}
					all = append(all, own.ask(t, "POST", "/containers/"+id+"/start", nil).said())
				}
				return strings.Join(all, "; ")
			},
			answers: []said{{"20.10", "not known"}, {"28", "[{\"ID\":\"test.example/good=one\",\"Source\":\"cdi\"}]; 500 CDI device injection failed: unresolvable CDI devices test.example/mixed=right; 204"}},
			product: "asks for GPUs by name, and gives out none that the Engine does not list; one mistake in a CDI file takes all its devices away",
		},
		{
			name: "gpu-by-count", request: "DeviceRequests {Count 1, Capabilities [[gpu]]} without a driver on the host: create, start",
			ask: func(t *testing.T, e *engine) string {
				id, a := e.create(t, object{"HostConfig": object{"DeviceRequests": []object{{"Count": 1, "Capabilities": [][]string{{"gpu"}}}}}})
				if id == "" {
					return a.String()
				}
				return fmt.Sprintf("%v, %s", a, e.ask(t, "POST", "/containers/"+id+"/start", nil).said())
			},
			answers: []said{{"20.10", "201, 500 could not select device driver \"\" with capabilities: [[gpu]]"}, {"29", "201, 500 failed to discover GPU vendor from CDI: no known GPU vendor found"}},
			product: "never asks by number: docs/gpus.md",
		},
		{
			name: "cgroup-v2-without-controllers", request: "cgroup version 2 alone, whose controllers are in use elsewhere: info's CgroupVersion, MemoryLimit, PidsLimit; HostConfig {} and Memory, PidsLimit: CgroupnsMode, create's Warnings, start",
			ask: func(t *testing.T, e *engine) string {
				own := started{before: []string{"unshare", "--mount", "--propagation", "slave", "sh", "-c", `umount -l /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"`, "sh"}}.engine(t)
				info := own.ask(t, "GET", "/info", nil)
				id, a := own.create(t, object{"Cmd": []string{"true"}, "HostConfig": object{"NetworkMode": "none", "Memory": 64 << 20, "PidsLimit": 10}})
				b := own.ask(t, "POST", "/containers/"+id+"/start", nil)
				inspected := own.inspect(t, id)
				return fmt.Sprintf("%s, %s, %s; %s, %s, %s; %s", info.at("CgroupVersion"), info.at("MemoryLimit"), info.at("PidsLimit"),
					inspected.at("HostConfig.CgroupnsMode"), inspected.at("HostConfig.Memory"), a.at("Warnings"), b.said())
			},
			answers: []said{{"20.10", "\"2\", false, false; \"private\", 0, [\"Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.\",\"Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.\"]; 204"}},
			product: "`doctor` says where the Engine cannot limit memory: the tasks run without a limit",
		},
		{
			name: "ipv6-of-bridge", request: "--ipv6 --fixed-cidr-v6 fd00:99::/64: EnableIPv6 of bridge, number of its subnets, address of a container",
			ask: func(t *testing.T, e *engine) string {
				own := started{flags: []string{"--ipv6", "--fixed-cidr-v6", "fd00:99::/64"}, bridge: true}.engine(t)
				a := own.ask(t, "GET", "/networks/bridge", nil)
				id := own.started(t, object{"Cmd": []string{"sleep", "60"}})
				return fmt.Sprintf("%s, %s of them; GlobalIPv6Address of a container %s", a.at("EnableIPv6"), count(t, a, "IPAM.Config"), own.inspect(t, id).at("NetworkSettings.Networks.bridge.GlobalIPv6Address"))
			},
			answers: []said{{"20.10", "true, 2 of them; GlobalIPv6Address of a container \"fd00:99::242:ac11:2\""}, {"28", "true, 2 of them; GlobalIPv6Address of a container \"fd00:99::2\""}},
			product: "tells the agent both addresses where there are two",
		},
		{
			name: "no-new-privileges", request: "--no-new-privileges: NoNewPrivs of a process in a container, SecurityOpt in inspect, SecurityOptions of info",
			ask: func(t *testing.T, e *engine) string {
				own := ownEngine(t, "--no-new-privileges")
				id, a := own.ran(t, object{"Cmd": []string{"grep", "NoNewPrivs", "/proc/self/status"}, "HostConfig": object{"NetworkMode": "none"}})
				return fmt.Sprintf("%q, %s, %s", own.output(t, id), a.at("HostConfig.SecurityOpt"), own.ask(t, "GET", "/info", nil).at("SecurityOptions"))
			},
			answers: []said{{"20.10", "\"NoNewPrivs:\\t1\", null, [\"name=seccomp,profile=default\"]"}, {"26", "\"NoNewPrivs:\\t1\", null, [\"name=seccomp,profile=builtin\",\"name=no-new-privileges\"]"}},
			product: "leaves it to the Engine",
		},
	}
}

// remapped is an Engine whose containers have a user namespace of their own.
func remapped(t *testing.T, flags ...string) *engine {
	t.Helper()
	directory := shared(t)
	write(t, directory+"/subid", "nobody:300000:65536\nnogroup:300000:65536\n")
	script := fmt.Sprintf(`mount --bind %[1]s/subid /etc/subuid && mount --bind %[1]s/subid /etc/subgid && exec "$@"`, directory)
	return started{before: []string{"unshare", "--mount", "--propagation", "slave", "sh", "-c", script, "sh"}, flags: append([]string{"--userns-remap", "nobody:nogroup"}, flags...)}.engine(t)
}

// write makes a file.
func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
