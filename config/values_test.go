package config

import (
	"fmt"
	"strings"
	"testing"

	"mesos-docker-containerizer/internal/strictjson"
)

// valueTests have what each flag accepts and refuses.
var valueTests = []struct {
	flag, in string
	want     string // how the value is written
	err      string // part of the error, empty where there is none
}{
	{flag: "containerizers", in: "mesos,docker,mesos", want: "mesos,docker"},
	{flag: "containerizers", in: "", err: `no containerizer ""`},
	{flag: "containerizers", in: "docker,", err: `no containerizer ""`},
	{flag: "containerizers", in: "Docker", err: `no containerizer "Docker"`},
	{flag: "executor_registration_timeout", in: "10mins", want: "10mins"},
	{flag: "executor_registration_timeout", in: "0ns", err: "too short"},
	{flag: "executor_registration_timeout", in: "-1mins", err: "negative"},
	{flag: "docker_socket", in: "/run/docker.sock", want: "/run/docker.sock"},
	{flag: "docker_socket", in: "unix:///run//docker.sock", want: "/run/docker.sock"},
	{flag: "docker_socket", in: "unix://run/docker.sock", err: "absolute path"},
	{flag: "docker_socket", in: "tcp://127.0.0.1:2375", err: "absolute path"},
	{flag: "docker_socket", in: "", err: "empty"},
	{flag: "docker_socket", in: "/", err: "root directory"},
	{flag: "docker_socket", in: "/a\nb", err: "control character"},
	{flag: "docker_socket", in: "/" + strings.Repeat("a", 106), want: "/" + strings.Repeat("a", 106)},
	{flag: "docker_socket", in: "/" + strings.Repeat("a", 107), err: "at most 107 bytes"},
	{flag: "docker_config", in: `{}`, want: `{}`},
	{flag: "docker_config", in: `{"auths":{}`, err: "not valid JSON, the first mistake is at byte 11"},
	{flag: "docker_config", in: `null`, err: "not an object"},
	{flag: "docker_config", in: `{} {}`, err: "not valid JSON"},
	{flag: "docker_config", in: strings.Repeat(`{"a":`, 20000), err: "not valid JSON"},
	{flag: "docker_remove_delay", in: "500weeks", want: "500weeks"},
	{flag: "docker_remove_delay", in: "0secs", want: "0ns"},
	{flag: "docker_kill_orphans", in: "", want: "true"},
	{flag: "docker_kill_orphans", in: "yes", err: "not a boolean"},
	{flag: "docker_kill_orphans", in: "True", err: "not a boolean"},
	{flag: "default_container_dns", in: `{}`, want: `{}`},
	{flag: "default_container_dns", in: `{"docker":[{"network_mode":"USER"},{"network_mode":"USER","network_name":"n"}]}`,
		want: `{"docker":[{"network_mode":"USER","dns":{}},{"network_mode":"USER","network_name":"n","dns":{}}]}`},
	{flag: "default_container_dns", in: `{"dokcer":[]}`, err: `/dokcer: ContainerDNS has no such field`},
	{flag: "default_container_dns", in: `{"docker":[{"network_mode":"BRIDGE","dns":{"domain":"d"}}]}`, err: `/docker/0/dns/domain: DNS has no such field`},
	{flag: "default_container_dns", in: `{"docker":[{"network_mode":"BRIDGE"},{"network_mode":"BRIDGE"}]}`, err: `/docker/1 is a second entry for the network "BRIDGE"`},
	{flag: "default_container_dns", in: `{"docker":[{"network_mode":"USER"},{"network_mode":"USER"}]}`, err: "second entry"},
	{flag: "default_container_dns", in: `{"docker":[{"dns":{}}]}`, err: `network_mode is ""`},
	{flag: "default_container_dns", in: `{"docker":[{"network_mode":"BRIDGE","dns":{"nameservers":["ns.example"]}}]}`, err: `"ns.example" is not an IP address`},
	{flag: "default_container_dns", in: `[]`, err: "document: expected an object"},
	{flag: "default_container_dns", in: `null`, err: "not a JSON object"},
	{flag: "default_container_dns", in: `{}{}`, err: "not valid JSON"},
	{flag: "default_container_dns", in: `x`, err: "not valid JSON"},
	{flag: "sandbox_directory", in: "/mnt/./a/../sandbox/", want: "/mnt/sandbox"},
	{flag: "sandbox_directory", in: "/..", err: "root directory"},
	{flag: "network_cni_config_dir", in: "/etc/cni/net.d/::/other:", want: "/etc/cni/net.d:/other"},
	{flag: "network_cni_config_dir", in: ":", err: "no directory"},
	{flag: "network_cni_plugins_dir", in: "/opt/cni/bin:cni", err: "absolute"},
	{flag: "ip", in: "2001:db8::1", want: "2001:db8::1"},
	{flag: "ip", in: "fe80::1%eth0", err: "not an IP address"},
	{flag: "ip", in: "192.0.2.300", err: "not an IP address"},
	{flag: "metrics_address", in: "127.0.0.1:9405", want: "127.0.0.1:9405"},
	{flag: "metrics_address", in: "[::1]:0", want: "[::1]:0"},
	{flag: "metrics_address", in: "metrics.example:9405", want: "metrics.example:9405"},
	{flag: "metrics_address", in: ":9405", err: "not a host with a port"},
	{flag: "metrics_address", in: "127.0.0.1", err: "not a host with a port"},
	{flag: "metrics_address", in: "127.0.0.1:http", err: "not a port"},
	{flag: "metrics_address", in: "a/b:1", err: "not a host name"},
	{flag: "metrics_apps", in: "200", want: "200"},
	{flag: "metrics_apps", in: "1001", err: "too large"},
	{flag: "status_address", in: "127.0.0.1:9406", want: "127.0.0.1:9406"},
	{flag: "status_address", in: "127.9.9.9:1", want: "127.9.9.9:1"},
	{flag: "status_address", in: "[::1]:0", want: "[::1]:0"},
	{flag: "status_address", in: "localhost:9406", want: "127.0.0.1:9406"},
	{flag: "status_address", in: "/run/status.sock", want: "/run/status.sock"},
	{flag: "status_address", in: "unix:///run//status.sock", want: "/run/status.sock"},
	{flag: "status_address", in: "run/status.sock", err: "not an absolute path"},
	{flag: "status_address", in: "@status", err: "neither a host with a port nor the path of a socket"},
	{flag: "status_address", in: "0.0.0.0:9406", err: "no loopback address, and what is shown there is shown without a password"},
	{flag: "status_address", in: "[::]:9406", err: "no loopback address"},
	{flag: "status_address", in: ":9406", err: "no loopback address"},
	{flag: "status_address", in: "192.0.2.1:9406", err: "ssh -L"},
	{flag: "status_address", in: "agent1.example:9406", err: "no loopback address"},
	{flag: "status_address", in: "localhost.example:9406", err: "no loopback address"},
	{flag: "status_address", in: "127.0.0.1:http", err: "not a port"},
	{flag: "status_address", in: "127.0.0.1", err: "neither a host with a port nor the path of a socket"},
	{flag: "port", in: "0", want: "0"},
	{flag: "port", in: "65536", err: "not a port"},
	{flag: "port", in: "-1", err: "not a port"},
	{flag: "hostname", in: "a-1.example", want: "a-1.example"},
	{flag: "hostname", in: "a b", err: "not a host name"},
	{flag: "hostname", in: "http://a", err: "not a host name"},
	{flag: "socket_group", in: "mesos-tasks", want: "mesos-tasks"},
	{flag: "socket_group", in: "999", want: "999"},
	{flag: "socket_group", in: "-1", err: "not the name of a group"},
	{flag: "socket_group", in: "a b", err: "not the name of a group"},
	{flag: "prepare_timeout", in: "1secs", want: "1secs"},
	{flag: "prepare_timeout", in: "999ms", err: "too short"},
	{flag: "prepare_timeout", in: "8days", err: "too long"},
	{flag: "orphan_grace", in: "0ns", want: "0ns"},
	{flag: "orphan_grace", in: "2days", err: "too long"},
	{flag: "max_concurrent_pulls", in: "0", want: "0"},
	{flag: "max_concurrent_pulls", in: "1001", err: "too large"},
	{flag: "max_concurrent_pulls", in: "-1", err: "not a whole number"},
	{flag: "max_concurrent_pulls", in: "1.5", err: "not a whole number"},
	{flag: "pull_policy", in: "if_not_present", want: "if_not_present"},
	{flag: "pull_policy", in: "sometimes", err: "no such choice"},
	{flag: "pull_policy", in: "", err: "no such choice"},
	{flag: "pull_fallback", in: "cached", want: "cached"},
	{flag: "pull_progress_interval", in: "0ns", want: "0ns"},
	{flag: "image_gc_delay", in: "7days", want: "1weeks"},
	{flag: "image_gc_disk_threshold", in: "85%", want: "85%"},
	{flag: "image_gc_disk_threshold", in: "101%", err: "not a whole number of percent"},
	{flag: "image_gc_disk_threshold", in: "0.8", err: "not a whole number of percent"},
	{flag: "image_gc_exclude", in: "registry:5000/base/*, busybox:1", want: "registry:5000/base/*,busybox:1"},
	{flag: "image_gc_exclude", in: "a,,b", err: "not the name of an image"},
	{flag: "image_gc_exclude", in: "a,b,", err: "not the name of an image"},
	{flag: "image_gc_exclude", in: "a;b", err: "semicolon"},
	{flag: "containerizers", in: "docker,mesos;", err: "semicolon"},
	{flag: "allowed_networks", in: "bridge,host;", err: "semicolon"},
	{flag: "allowed_networks", in: "bridge;host", err: "semicolon"},
	{flag: "allowed_networks", in: "bridge,host,", err: `item 3, "", is empty`},
	{flag: "allowed_networks", in: "bridge,\nhost", err: `item 2, "", is empty`},
	{flag: "allowed_networks", in: "# a; b\nbridge", want: "bridge"},
	{flag: "allowed_networks", in: `["a;b"]`, want: `["a;b"]`},
	{flag: "allowed_host_paths", in: "/srv/data,", err: `item 2, "", is empty`},
	{flag: "log_opts", in: "a=1;b=2", err: "semicolon"},
	{flag: "log_opts", in: `{"a":"1;2"}`, want: `{"a":"1;2"}`},
	{flag: "log_driver", in: "example/driver:1.0", want: "example/driver:1.0"},
	{flag: "log_driver", in: "a b", err: "not the name"},
	{flag: "log_opts", in: "b=2, a=1=1,c=", want: "a=1=1,b=2,c="},
	{flag: "log_opts", in: `{"labels":"a,b"}`, want: `{"labels":"a,b"}`},
	{flag: "log_opts", in: `{"a":"b"}`, want: "a=b"},
	{flag: "log_opts", in: "max-size", err: "not key=value"},
	{flag: "log_opts", in: "=5m", err: "not key=value"},
	{flag: "log_opts", in: "a=1,", err: "not key=value"},
	{flag: "log_opts", in: "a=1,a=1", err: `"a" is in it twice`},
	{flag: "log_opts", in: `{"a":1}`, err: "not a JSON object of strings"},
	{flag: "log_opts", in: `{"":"1"}`, err: "no name"},
	{flag: "log_level", in: "warn", want: "warn"},
	{flag: "log_level", in: "INFO", err: "not a level"},
	{flag: "log_level", in: "fatal", err: "not a level"},
}

func TestValues(t *testing.T) {
	for _, tt := range valueTests {
		v := byName(tt.flag).bind(new(Config))
		err := v.parse(tt.in)
		checkError(t, tt.flag+"="+strictjson.Shorten(tt.in), err, tt.err)
		if err == nil && v.text() != tt.want {
			t.Errorf("%s=%q is written %q, want %q", tt.flag, tt.in, v.text(), tt.want)
		}
	}
}

// TestTable checks what every row must have.
func TestTable(t *testing.T) {
	for _, f := range flags {
		if byName(f.name) != f {
			t.Errorf("%s is in the table twice", f.name)
		}
		if !strings.HasSuffix(f.doc, ".") {
			t.Errorf("the doc of %s is no sentence: %q", f.name, f.doc)
		}
		v := f.bind(new(Config))
		if v.accepts() == "" {
			t.Errorf("nothing says what %s accepts", f.name)
		}
		if f.standard == "" {
			if !f.optional || v.text() != "" {
				t.Errorf("%s has no default", f.name)
			}
			continue
		}
		if err := v.parse(f.standard); err != nil {
			t.Errorf("the default of %s: %v", f.name, err)
		}
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	c := Config{DockerConfig: Secret("hunter2"), LogOpts: map[string]string{}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%c", "%o", "%U", "%t", "%z"} {
		for _, v := range []any{c.DockerConfig, &c.DockerConfig, c, &c, []Secret{c.DockerConfig}} {
			got := fmt.Sprintf(format, v)
			for _, leak := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), fmt.Sprintf("%X", "hunter2"), "104 117 110"} {
				if strings.Contains(got, leak) {
					t.Errorf("%s shows %q", format, got)
				}
			}
		}
	}
	if got := marshal(c); strings.Contains(got, "hunter2") || !strings.Contains(got, hidden) {
		t.Errorf("as JSON: %s", got)
	}
}

// checkError wants an error with a part, or none where the part is empty.
func checkError(t *testing.T, what string, err error, part string) {
	t.Helper()
	switch {
	case part == "" && err != nil:
		t.Errorf("%q: %v", what, err)
	case part != "" && err == nil:
		t.Errorf("%q is accepted, want an error with %q", what, part)
	case part != "" && !strings.Contains(err.Error(), part):
		t.Errorf("%q: the error is %q, want %q in it", what, err, part)
	}
	if err != nil && len(err.Error()) > 1000 {
		t.Errorf("%q: the error has %d bytes", what, len(err.Error()))
	}
}
