package compat

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// connecting are rows about networks, ports and names.
func connecting() []row {
	return []row{
		{
			name: "port-without-expose", request: "PortBindings without ExposedPorts: inspect's Config.ExposedPorts, Ports while it runs",
			ask: func(t *testing.T, e *engine) string {
				id := e.started(t, object{"Cmd": []string{"sleep", "60"}, "HostConfig": object{"PortBindings": object{"80/tcp": []object{{"HostIp": "127.0.0.1", "HostPort": "18461"}}}}})
				a := e.inspect(t, id)
				return a.at("Config.ExposedPorts") + ", " + a.at("NetworkSettings.Ports")
			},
			answers: []said{{"20.10", "absent, {}"}, {"29", "absent, {\"80/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"18461\"}]}"}},
			product: "exposes each port that it publishes",
		},
		{
			name: "port-twice", request: "a host port of a running container again: start, Networks then, and a second start",
			ask: func(t *testing.T, e *engine) string {
				ports := object{"Cmd": []string{"sleep", "60"}, "ExposedPorts": object{"80/tcp": object{}}, "HostConfig": object{"PortBindings": object{"80/tcp": []object{{"HostIp": "127.0.0.1", "HostPort": "18463"}}}}}
				e.started(t, ports)
				second := e.must(t, ports)
				a := e.ask(t, "POST", "/containers/"+second+"/start", nil)
				state := e.inspect(t, second)
				return fmt.Sprintf("%v; ExitCode %s, Error is set %t; in no network %t; %v", a, state.at("State.ExitCode"), state.at("State.Error") != `""`,
					state.at("NetworkSettings.Networks") == "{}", e.ask(t, "POST", "/containers/"+second+"/start", nil))
			},
			answers: []said{{"20.10", "500; ExitCode 128, Error is set true; in no network false; 500"},
				{"29", "500; ExitCode 128, Error is set true; in no network true; 204"}},
			product: "the task fails at the start with the Engine's words, as the host's fault; does not start again what has lost a network",
		},
		{
			name: "network-unknown", request: "NetworkMode of a network that is not there: create, start",
			ask: func(t *testing.T, e *engine) string {
				id, a := e.create(t, object{"HostConfig": object{"NetworkMode": "nosuch"}})
				if id == "" {
					return a.String()
				}
				return fmt.Sprintf("%v, %v", a, e.ask(t, "POST", "/containers/"+id+"/start", nil))
			},
			answers: []said{{"20.10", "201, 404"}},
			product: "reads the 404 of a start as a mistake of the task where the container is there",
		},
		{
			name: "network-made-again", request: "NetworkMode of a network by its name, by its id; the network is removed and made again under its name before the start",
			ask: func(t *testing.T, e *engine) string {
				replaced := func(mode func(name string) string) answer {
					name := e.network(t)
					id := e.must(t, object{"Cmd": []string{"sleep", "60"}, "HostConfig": object{"NetworkMode": mode(name)}})
					e.ask(t, "DELETE", "/networks/"+name, nil)
					e.ask(t, "POST", "/networks/create", object{"Name": name})
					defer e.ask(t, "DELETE", "/containers/"+id+"?force=1", nil)
					return e.ask(t, "POST", "/containers/"+id+"/start", nil)
				}
				byName := replaced(func(name string) string { return name })
				byID := replaced(func(name string) string {
					return strings.Trim(e.ask(t, "GET", "/networks/"+name, nil).at("Id"), `"`)
				})
				return fmt.Sprintf("%v; %v", byName, byID)
			},
			answers: []said{{"20.10", "204; 204"}, {"26", "204; 404"}},
			product: "names the network as the task does; on newer Engines a task that names it by its id fails, as its own mistake",
		},
		{
			name: "address-in-inspect", request: "NetworkSettings.IPAddress and .MacAddress of a running container on the bridge, in the Engine's newest version",
			ask: func(t *testing.T, e *engine) string {
				id := e.started(t, object{"Cmd": []string{"sleep", "60"}})
				a := e.at(t, "/v"+e.newest, "GET", "/containers/"+id+"/json", nil)
				there := func(path string) string {
					if text := a.at(path); text == "absent" || text == `""` {
						return text
					}
					return "set"
				}
				return fmt.Sprintf("IPAddress %s, in Networks %s; MacAddress %s", there("NetworkSettings.IPAddress"), there("NetworkSettings.Networks.bridge.IPAddress"), there("NetworkSettings.MacAddress"))
			},
			answers: []said{{"20.10", "IPAddress set, in Networks set; MacAddress set"}, {"29", "IPAddress absent, in Networks set; MacAddress absent"}},
			product: "reads the address in Networks, and adds IPAddress for agents, which need it",
		},
		{
			name: "network-mode-default", request: "NetworkMode \"\" and \"default\": inspect",
			ask: func(t *testing.T, e *engine) string {
				var all string
				for _, mode := range []string{"", "default", "bridge"} {
					a := e.inspect(t, e.must(t, object{"HostConfig": object{"NetworkMode": mode}}))
					all += fmt.Sprintf("%q is %s, of Networks %s; ", mode, a.at("HostConfig.NetworkMode"), keys(t, a, "NetworkSettings.Networks"))
				}
				return all
			},
			answers: []said{{"20.10", "\"\" is \"default\", of Networks bridge; \"default\" is \"default\", of Networks bridge; \"bridge\" is \"bridge\", of Networks bridge; "}, {"26", "\"\" is \"bridge\", of Networks bridge; \"default\" is \"bridge\", of Networks bridge; \"bridge\" is \"bridge\", of Networks bridge; "}},
			product: "finds the network of `default` under `bridge`",
		},
		{
			name: "mac-address", request: "Config.MacAddress in /v1.43 and in the Engine's version: inspect, the interface",
			ask: func(t *testing.T, e *engine) string {
				var all string
				for _, version := range []string{"1.41", e.api} {
					id, a := e.createAt(t, "/v"+version, "", object{"MacAddress": "02:42:ac:11:00:77", "Cmd": []string{"cat", "/sys/class/net/eth0/address"}})
					if id == "" {
						all += a.String() + "; "
						continue
					}
					e.start(t, id)
					e.wait(t, id)
					all += e.output(t, id) + " " + e.inspect(t, id).at("Config.MacAddress") + "; "
				}
				return all
			},
			answers: []said{{"20.10", "02:42:ac:11:00:77 \"02:42:ac:11:00:77\"; 02:42:ac:11:00:77 \"02:42:ac:11:00:77\"; "}},
			product: "sends the address of the container to older Engines and that of the network to newer ones",
		},
		{
			name: "dns-options", request: "Dns, DnsSearch, DnsOptions given: resolv.conf of the container",
			ask: func(t *testing.T, e *engine) string {
				return fmt.Sprintf("%q", e.prints(t, object{"Dns": []string{"192.0.2.1", "192.0.2.2"}, "DnsSearch": []string{"b.test", "a.test"}, "DnsOptions": []string{"ndots:3", "timeout:1"}}, "grep -v '^#' /etc/resolv.conf | grep ."))
			},
			answers: []said{{"20.10", "\"search b.test a.test nameserver 192.0.2.1 nameserver 192.0.2.2 options ndots:3 timeout:1\""}, {"26", "\"nameserver 192.0.2.1 nameserver 192.0.2.2 search b.test a.test options ndots:3 timeout:1\""}},
			product: "sends them in the task's order",
		},
		{
			name: "dns-with-host-network", request: "the same with NetworkMode host",
			ask: func(t *testing.T, e *engine) string {
				return fmt.Sprintf("%q", e.prints(t, object{"NetworkMode": "host", "Dns": []string{"192.0.2.1"}, "DnsSearch": []string{"b.test"}, "DnsOptions": []string{"ndots:3"}}, "grep -v '^#' /etc/resolv.conf | grep ."))
			},
			answers: []said{{"20.10", "\"search b.test nameserver 192.0.2.1 options ndots:3\""}, {"26", "\"nameserver 192.0.2.1 search b.test options ndots:3\""}},
			product: "sends them, whatever the network",
		},
		{
			name: "host-network-with-ports", request: "NetworkMode host with PortBindings; with Hostname",
			ask: func(t *testing.T, e *engine) string {
				_, a := e.create(t, object{"HostConfig": object{"NetworkMode": "host", "PortBindings": object{"80/tcp": []object{{"HostPort": "18465"}}}}})
				id, b := e.create(t, object{"Hostname": "named", "Cmd": []string{"hostname"}, "HostConfig": object{"NetworkMode": "host"}})
				if id == "" {
					return fmt.Sprintf("%v; %v", a, b)
				}
				e.start(t, id)
				e.wait(t, id)
				return fmt.Sprintf("%s %s; %v %s", a, a.at("Warnings"), b, e.output(t, id))
			},
			answers: []said{{"20.10", "201 [\"Published ports are discarded when using host network mode\"]; 201 named"}},
			product: "refuses port mappings with the host's network",
		},
		{
			name: "alias-on-default-network", request: "EndpointsConfig.bridge with Aliases; IPAMConfig with an address: create, start",
			ask: func(t *testing.T, e *engine) string {
				var all string
				for _, settings := range []object{{"Aliases": []string{"a"}}, {"IPAMConfig": object{"IPv4Address": "172.17.0.99"}}} {
					id, a := e.create(t, object{"Cmd": []string{"true"}, "NetworkingConfig": object{"EndpointsConfig": object{"bridge": settings}}})
					if id == "" {
						all += a.String() + "; "
						continue
					}
					all += fmt.Sprintf("%v, %v; ", a, e.ask(t, "POST", "/containers/"+id+"/start", nil))
				}
				return all
			},
			answers: []said{{"20.10", "201, 400; 201, 400; "}, {"26", "400; 400; "}},
			product: "passes the parameter; a refusal is the task's mistake",
		},
		{
			name: "two-networks-at-create", request: "EndpointsConfig of two networks",
			ask: func(t *testing.T, e *engine) string {
				one, two := e.network(t), e.network(t)
				_, a := e.create(t, object{"HostConfig": object{"NetworkMode": one}, "NetworkingConfig": object{"EndpointsConfig": object{one: object{}, two: object{}}}})
				return a.String()
			},
			answers: []said{{"20.10", "400"}, {"26", "201"}},
			product: "sends all of them with the create: on Engine 20.10 such a task fails with the Engine's words",
		},
		{
			name: "ipv6-loopback", request: "::1 in a container on the bridge without IPv6",
			ask: func(t *testing.T, e *engine) string {
				return e.prints(t, object{}, "cat /proc/sys/net/ipv6/conf/lo/disable_ipv6 /proc/sys/net/ipv6/conf/eth0/disable_ipv6 | xargs; grep -c ::1 /etc/hosts")
			},
			answers: []said{{"20.10", "1 1 2"}, {"26", "0 1 2"}},
			product: "leaves it to the Engine",
		},
		{
			name: "port-without-proxy", request: "--userland-proxy=false: a port on 127.0.0.1 is published: can a process of the host bind it, connect to it; can a second container have it",
			ask: func(t *testing.T, e *engine) string {
				network := newNetwork(t)
				own := started{flags: []string{"--userland-proxy=false"}, bridge: true, network: network}.engine(t)
				config := func(port string) object {
					return object{"Cmd": []string{"sh", "-c", "while :; do echo hello | nc -l -p 80; done"}, "ExposedPorts": object{"80/tcp": object{}},
						"HostConfig": object{"PortBindings": object{"80/tcp": []object{{"HostIp": "127.0.0.1", "HostPort": port}}}}}
				}
				own.started(t, config("18471"))
				bound, connected := "bound", "connected"
				network.within(t, func() error {
					listener, err := net.Listen("tcp", "127.0.0.1:18471")
					if err != nil {
						bound = "not bound"
						return nil
					}
					return listener.Close()
				})
				network.within(t, func() error {
					conn, err := dialListener("127.0.0.1:18471")
					if err != nil {
						connected = "not connected"
						return nil
					}
					return conn.Close()
				})
				second := own.ask(t, "POST", "/containers/"+own.must(t, config("18471"))+"/start", nil)
				return fmt.Sprintf("%s, %s; second %v", bound, connected, second)
			},
			answers: []said{{"20.10", "not bound, connected; second 500"}},
			product: "`run` asks the Engine which ports are published, beside trying them",
		},
		{
			name: "address-pools", request: "--default-address-pool base=10.99.0.0/23,size=24: subnets of bridge and a first network; a second and third",
			ask: func(t *testing.T, e *engine) string {
				own := started{flags: []string{"--default-address-pool", "base=10.99.0.0/23,size=24"}, bridge: true}.engine(t)
				all := []string{own.ask(t, "GET", "/networks/bridge", nil).at("IPAM.Config")}
				for _, name := range []string{"one", "two", "three"} {
					a := own.ask(t, "POST", "/networks/create", object{"Name": name})
					if a.status != http.StatusCreated {
						all = append(all, a.said())
						continue
					}
					all = append(all, own.ask(t, "GET", "/networks/"+name, nil).at("IPAM.Config"))
				}
				return strings.Join(all, "; ")
			},
			answers: []said{{"20.10", "[{\"Subnet\":\"10.99.0.0/24\"}]; [{\"Gateway\":\"10.99.1.1\",\"Subnet\":\"10.99.1.0/24\"}]; 404 could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network; 404 could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network"}, {"26", "[{\"Gateway\":\"10.99.0.1\",\"Subnet\":\"10.99.0.0/24\"}]; [{\"Gateway\":\"10.99.1.1\",\"Subnet\":\"10.99.1.0/24\"}]; 404 could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network; 404 could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network"}, {"28", "[{\"Gateway\":\"10.99.0.1\",\"Subnet\":\"10.99.0.0/24\"}]; [{\"Gateway\":\"10.99.1.1\",\"Subnet\":\"10.99.1.0/24\"}]; 400 all predefined address pools have been fully subnetted; 400 all predefined address pools have been fully subnetted"}},
			product: "makes no network: those of tasks are the admin's",
		},
		{
			name: "port-addresses", request: "a port is published without an address: HostIp of each in Ports; HostPort \"0\" and \"\": bindings in HostConfig",
			ask: func(t *testing.T, e *engine) string {
				var all []string
				for _, port := range []string{"0", ""} {
					id := e.started(t, object{"Cmd": []string{"sleep", "60"}, "ExposedPorts": object{"80/tcp": object{}}, "HostConfig": object{"PortBindings": object{"80/tcp": []object{{"HostPort": port}}}}})
					var ports []struct{ HostIP string }
					a := e.inspect(t, id)
					if err := json.Unmarshal([]byte(a.at("NetworkSettings.Ports.80/tcp")), &ports); err != nil {
						t.Fatal(err)
					}
					all = append(all, fmt.Sprintf("%v %s", ports, a.at("HostConfig.PortBindings")))
				}
				return strings.Join(all, "; ")
			},
			answers: []said{{"20.10", "[{0.0.0.0} {::}] {\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"0\"}]}; [{0.0.0.0} {::}] {\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"\"}]}"}},
			product: "publishes the ports of the offer on the address that the task names, all where it names none",
		},
		{
			name: "link-variables", request: "Links to a container on the bridge: environment variables of the link, its name in /etc/hosts",
			ask: func(t *testing.T, e *engine) string {
				target := e.started(t, object{"Cmd": []string{"sleep", "60"}, "ExposedPorts": object{"80/tcp": object{}}})
				return e.prints(t, object{"Links": []string{target + ":db"}}, "env | grep -c ^DB_; grep -c '\tdb ' /etc/hosts")
			},
			answers: []said{{"20.10", "6 1"}, {"29", "0 1"}},
			product: "passes the parameter; on Engine 29 the task finds no variables of the link",
		},
		{
			name: "resolver-of-own-network", request: "a container on a network of one's own: nameserver and options in resolv.conf, does it find another by its name",
			ask: func(t *testing.T, e *engine) string {
				network := e.network(t)
				name := fmt.Sprintf("compat-peer-%d", time.Now().UnixNano())
				id, _ := e.createAt(t, "/v"+e.api, "?name="+name, object{"Cmd": []string{"sleep", "60"}, "HostConfig": object{"NetworkMode": network}})
				e.start(t, id)
				return e.prints(t, object{"NetworkMode": network}, "grep -E '^(nameserver|options)' /etc/resolv.conf; ping -c 1 -W 5 "+name+" >/dev/null && echo found")
			},
			answers: []said{{"20.10", "nameserver 127.0.0.11 options ndots:0 found"}},
			product: "nothing",
		},
		{
			name: "sysctls-of-network", request: "net.ipv4.ip_unprivileged_port_start and ping_group_range in a container; with NetworkMode host are they those of the host",
			ask: func(t *testing.T, e *engine) string {
				const show = "cat /proc/sys/net/ipv4/ip_unprivileged_port_start; xargs </proc/sys/net/ipv4/ping_group_range"
				return e.prints(t, object{}, show) + "; " + e.prints(t, object{"NetworkMode": "host"}, show)
			},
			answers: []said{{"20.10", "0 0 2147483647; 1024 1 0"}},
			product: "nothing: a task that is not root may bind port 80 in a network of its own",
		},
	}
}
