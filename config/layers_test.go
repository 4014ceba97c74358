package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mesos-docker-containerizer/internal/agentflag"

	"pgregory.net/rapid"
)

// texts draws a valid value for a flag.
func texts(f *flag) *rapid.Generator[string] {
	words := rapid.StringMatching(`[a-z][a-z0-9]{0,8}`)
	paths := rapid.Map(words, func(s string) string { return "/" + s })
	durations := rapid.Map(rapid.Int64Range(int64(time.Second), int64(24*time.Hour)), func(n int64) string {
		return agentflag.FormatDuration(time.Duration(n))
	})
	switch f.name {
	case "docker_kill_orphans", "cgroups_enable_cfs", "honor_command_user", "userns_sandbox", "userns_host", "image_gc_dry_run", "defer_pull":
		return rapid.SampledFrom([]string{"true", "false", "1", "0"})
	case "containerizers":
		return rapid.Map(rapid.SliceOfN(rapid.SampledFrom(containerizerNames), 1, 3), func(s []string) string { return strings.Join(s, ",") })
	case "ip":
		return rapid.Map(rapid.IntRange(0, 255), func(n int) string { return fmt.Sprintf("192.0.2.%d", n) })
	case "metrics_address", "status_address":
		return rapid.Map(rapid.IntRange(0, 65535), func(n int) string { return fmt.Sprintf("[::1]:%d", n) })
	case "port":
		return rapid.Map(rapid.IntRange(0, 65535), strconv.Itoa)
	case "hostname", "log_driver", "socket_group":
		return words
	case "docker_config":
		return rapid.Map(words, func(s string) string { return `{"auths":{"` + s + `":{"auth":"'"}}}` })
	case "default_container_dns":
		return rapid.Map(words, func(s string) string {
			return `{"docker":[{"network_mode":"USER","network_name":"` + s + `","dns":{}}]}`
		})
	case "log_opts":
		return rapid.Map(rapid.MapOf(words, rapid.String().Filter(func(s string) bool { return !strings.ContainsRune(s, 0) })), func(m map[string]string) string {
			if len(m) == 0 {
				return "a=b"
			}
			return formatLogOpts(m)
		})
	case "max_concurrent_pulls", "metrics_apps":
		return rapid.Map(rapid.IntRange(0, 1000), strconv.Itoa)
	case "image_gc_disk_threshold":
		return rapid.Map(rapid.IntRange(0, 100), func(n int) string { return strconv.Itoa(n) + "%" })
	case "image_gc_exclude":
		return rapid.Map(rapid.SliceOfN(words, 1, 3), func(s []string) string { return strings.Join(s, ",") })
	case "pull_policy":
		return rapid.SampledFrom([]string{"task", "always", "if_not_present", "never"})
	case "cgroup_parent":
		return rapid.SampledFrom([]string{"engine", "executor"})
	case "pull_fallback":
		return rapid.SampledFrom([]string{"none", "cached"})
	case "allow_privileged":
		return rapid.SampledFrom([]string{"true", "false", "1", "0"})
	case "allowed_host_paths", "allowed_parameters", "allowed_networks", "allowed_images", "allowed_capabilities", "allowed_devices",
		"allowed_namespaces", "allowed_volume_drivers", "allowed_runtimes":
		return rapid.Map(rapid.SliceOfN(rapid.StringMatching(`[a-z/][a-z:,#/ ]{0,8}[a-z*]`), 1, 4), formatAllowed)
	case "log_format":
		return rapid.SampledFrom([]string{"json", "console"})
	case "log_level":
		return rapid.SampledFrom([]string{"debug", "info", "warn", "error"})
	case "docker_socket", "sandbox_directory", "work_dir", "launcher_dir", "socket", "run_dir":
		return paths
	case "network_cni_config_dir", "network_cni_plugins_dir":
		return rapid.Map(rapid.SliceOfN(paths, 1, 3), func(list []string) string { return strings.Join(list, ":") })
	default:
		return durations
	}
}

// given is a host's configuration with one flag set in some layers.
type given struct {
	files   map[string]string
	naming  naming // of the agent's files
	options Options
}

func (g *given) set(f *flag, layer Layer, text string) {
	switch layer {
	case AgentDefaults:
		name := []string{commonDefaults, g.naming.defaults}[len(text)%2]
		g.files[name] = "export MESOS_" + strings.ToUpper(f.name) + "='" + strings.ReplaceAll(text, "'", `'\''`) + "'\n"
	case AgentFiles:
		g.files[filepath.Join(g.naming.directory, f.name)] = text + "\n"
	case OwnFiles:
		g.files[filepath.Join(ownDirectory, f.name)] = text + "\n"
	case Environment:
		g.options.Environ = append(g.options.Environ, ownPrefix+strings.ToUpper(f.name)+"="+text)
	case CommandLine:
		g.options.Args = append(g.options.Args, "--"+f.name+"="+text)
	}
}

func (g *given) load(t *rapid.T) *Config {
	for path, content := range g.files {
		path = filepath.Join(g.options.Root, path)
		defer os.Remove(path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, _, err := Load(g.options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestLaterLayersWin sets every flag in any of the layers it may stand in, and
// wants the highest to be the one that counts.
func TestLaterLayersWin(t *testing.T) {
	for _, f := range flags {
		if f.name == "docker_mesos_image" {
			continue // It has no valid value.
		}
		t.Run(f.name, func(t *testing.T) {
			layers := []Layer{OwnFiles, Environment, CommandLine}
			if f.agents {
				layers = append(layers, AgentDefaults, AgentFiles)
			}
			root := t.TempDir()
			rapid.Check(t, func(t *rapid.T) {
				chosen := rapid.MapOf(rapid.SampledFrom(layers), texts(f)).Draw(t, "layers")
				g := given{map[string]string{}, rapid.SampledFrom(namings).Draw(t, "naming"), Options{Root: root}}
				winner, text := BuiltIn, f.standard
				for _, layer := range slices.Sorted(maps.Keys(chosen)) {
					g.set(f, layer, chosen[layer])
					winner, text = layer, chosen[layer]
				}
				c := g.load(t)
				if got := c.Origin(f.name).Layer; got != winner {
					t.Fatalf("%v wins, want %v", got, winner)
				}
				want := new(Config)
				if text != "" {
					if err := f.bind(want).parse(text); err != nil {
						t.Fatal(err)
					}
				}
				if got, want := f.bind(c).text(), f.bind(want).text(); got != want {
					t.Fatalf("the value is %q, want %q", got, want)
				}
			})
		})
	}
}

// TestTextRoundTrip wants what is printed to be accepted again.
func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(flags).Filter(func(f *flag) bool { return f.name != "docker_mesos_image" }).Draw(t, "flag")
		first, second := f.bind(new(Config)), f.bind(new(Config))
		if err := first.parse(texts(f).Draw(t, "text")); err != nil {
			t.Fatal(err)
		}
		if err := second.parse(first.text()); err != nil || second.text() != first.text() {
			t.Fatalf("%q reads %q, %v", first.text(), second.text(), err)
		}
	})
}

// memoryDirectory is a temporary directory in memory where the host has such:
// on a disk each round of FuzzLoad waits for the disk four times.
func memoryDirectory(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "fuzz-load-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// FuzzLoad feeds every layer. The names may lead anywhere within the root.
func FuzzLoad(f *testing.F) {
	f.Add("MESOS_IP=$(x)\nexport MESOS_PORT=1", "containerizers", "mesos", "?no-docker_kill_orphans", "", "SOCKET", "/a", "--port=1")
	f.Add("X='", "docker_config", `{"auths":{}}`, "log_opts", "splunk-token=a", "LOG_LEVEL", "debug", "--no-cgroups_enable_cfs")
	f.Add("IP=::1", "default_container_dns", `{"docker":[{"network_mode":"USER"}]}`, "hostname", "file:///etc/default/mesos", "", "", "--")
	f.Add("", "work_dir", "/a\x00", "orphan_grase", "1secs", "PREPARE_TIMEOUT", "1weeks", "---")
	for _, each := range flags {
		text := rapid.Just(each.standard)
		if each.name != "docker_mesos_image" {
			text = texts(each)
		}
		for seed := range 2 {
			text, upper := text.Example(seed), strings.ToUpper(each.name)
			f.Add("MESOS_"+upper+"='"+text+"'", each.name, text, each.name, text, upper, text, "--"+each.name+"="+text)
		}
	}
	root := memoryDirectory(f)
	for _, dir := range append(AgentDirectories(), "/etc/default", ownDirectory) {
		if err := os.MkdirAll(root+dir, 0o755); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, defaults, agentName, agentText, ownName, ownText, variable, text, arg string) {
		for _, file := range [][3]string{
			{"/etc/default/", "mesos", defaults}, {"/etc/mesos-slave/", agentName, agentText}, {"/etc/mesos-agent/", agentName, ownText},
			{ownDirectory + "/", ownName, ownText},
		} {
			// A name that no file can have makes no file.
			if path := root + file[0] + file[1]; !strings.Contains(file[1], "/") && os.WriteFile(path, []byte(file[2]), 0o600) == nil {
				defer os.Remove(path)
			}
		}
		c, rest, err := Load(Options{Root: root, Environ: []string{ownPrefix + variable + "=" + text}, Args: []string{arg}})
		if err != nil {
			if c != nil || rest != nil {
				t.Fatal("there is half a configuration")
			}
			if err.Error() == "" || len(err.Error()) > 1<<14 {
				t.Fatalf("the error has %d bytes", len(err.Error()))
			}
			return
		}
		var out strings.Builder
		if err := Print(&out, c.Rows()); err != nil || strings.Count(out.String(), "\n") != len(flags)+1 {
			t.Fatalf("the table is broken, %v:\n%s", err, out.String())
		}
		for _, f := range flags {
			again := f.bind(new(Config))
			if text := f.bind(c).text(); text != "" {
				if err := again.parse(text); err != nil || again.text() != text {
					t.Fatalf("%s is %q, which reads %q, %v", f.name, text, again.text(), err)
				}
			}
		}
	})
}
