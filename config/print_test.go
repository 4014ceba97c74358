package config

import (
	"encoding/json"
	stdflag "flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = stdflag.Bool("update", false, "rewrite testdata and the table of docs/configuration.md")

// golden compares got with a file, or rewrites the file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is out of date, run go test -update: %s", path, diff)
	}
}

func TestPrint(t *testing.T) {
	c := mustLoad(t, Options{Root: "testdata/host", Environ: []string{ownPrefix + "LOG_LEVEL=debug"}})
	var out strings.Builder
	if err := Print(&out, c.Rows()); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/host.txt", out.String())
}

func TestPrintJSON(t *testing.T) {
	c := mustLoad(t, Options{Root: "testdata/host", Args: []string{"--log_opts=splunk-token=hunter2,a=<b>"}})
	var out strings.Builder
	if err := PrintJSON(&out, c.Rows()); err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Name, Layer, Origin, Restart, Doc string
		Value                             *string
	}
	if err := json.Unmarshal([]byte(out.String()), &rows); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for i, r := range rows {
		if r.Name != flags[i].name || r.Doc != flags[i].doc || r.Restart == "" || r.Origin == "" {
			t.Errorf("row %d is %+v", i, r)
		}
		if r.Value != nil {
			got[r.Name] = *r.Value
		}
	}
	if len(rows) != len(flags) {
		t.Errorf("there are %d rows, want %d", len(rows), len(flags))
	}
	for name, want := range map[string]string{
		"docker_config": "(set, not shown)", "log_opts": "a=<b>,splunk-token=(not shown)", "executor_registration_timeout": "10mins",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if _, set := got["docker_mesos_image"]; set {
		t.Error("a flag that is not set has a value")
	}
	for _, secret := range []string{"hunter2", "bm90OnNlY3JldA"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is shown", secret)
		}
	}
}

// TestDocumentation keeps the table of docs/configuration.md to the one in
// flags.go.
func TestDocumentation(t *testing.T) {
	const path, begin, end = "../docs/configuration.md", "<!-- flags -->\n", "<!-- /flags -->\n"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no %s and %s", path, begin, end)
	}
	golden(t, path, before+begin+markdown()+end+after)
	for _, layer := range append([]string{commonDefaults, namings[0].defaults, namings[1].defaults, ownDirectory, ownPrefix}, AgentDirectories()...) {
		if !strings.Contains(before+after, layer) {
			t.Errorf("%s does not mention %s", path, layer)
		}
	}
}

func markdown() string {
	var b strings.Builder
	row := func(f *flag) {
		standard := "not set"
		if f.standard != "" {
			standard = "`" + f.standard + "`"
		}
		accepts := strings.ReplaceAll(f.bind(new(Config)).accepts(), "|", `\|`)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.name, standard, accepts, f.doc)
	}
	for _, agents := range []bool{true, false} {
		fmt.Fprintf(&b, "\n### %s\n\n| flag | default | accepts | meaning |\n|---|---|---|---|\n", map[bool]string{true: "The agent's flags", false: "Our own flags"}[agents])
		for _, f := range flags {
			if f.agents == agents {
				row(f)
			}
		}
	}
	return b.String() + "\n"
}

func TestDifferences(t *testing.T) {
	load := func(args ...string) *Config { return mustLoad(t, Options{Root: "testdata/host", Args: args}) }
	if got := Differences(load(), load("--log_level="+load().LogLevel.String())); len(got) != 0 {
		t.Errorf("the same values from other places: %+v", got)
	}
	got := Differences(load(), load("--log_level=error", `--docker_config={"auths":{"r":{"auth":"aHVudGVyMjo="}}}`))
	if len(got) != 2 || got[0].Name != "docker_config" || got[1].Name != "log_level" || got[1].Other != "error" || got[1].OtherOrigin != "command line, --log_level" {
		t.Errorf("%+v", got)
	}
	if text := fmt.Sprint(got); strings.Contains(text, "aHVudGVyMjo") {
		t.Errorf("a secret is shown: %s", text)
	}
}

// A value that is the default is no change, wherever it was set and however it was written.
func TestChanged(t *testing.T) {
	c := mustLoad(t, Options{Root: t.TempDir(), Args: []string{"--prepare_timeout=900secs", "--docker_kill_orphans=1", "--log_level=debug", "--log_driver=", `--docker_config={"auths":{"r":{"auth":"aHVudGVyMjo="}}}`}})
	var got []string
	for _, row := range c.Changed() {
		value := "nothing"
		if row.Value != nil {
			value = *row.Value
		}
		got = append(got, row.Name+"="+value)
	}
	if want := []string{"docker_config=" + hidden, "log_driver=nothing", "log_level=debug"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Every flag that says so takes effect without a restart, and no other.
func TestWithLive(t *testing.T) {
	started := mustLoad(t, Options{Root: t.TempDir()})
	next := mustLoad(t, Options{Root: t.TempDir(), Args: []string{
		`--docker_config={"auths":{}}`, "--pull_progress_interval=1mins", "--image_gc_delay=1days", "--image_gc_disk_threshold=80%",
		"--image_gc_exclude=busybox", "--image_gc_dry_run", "--log_level=debug", "--allow_privileged=false", "--allowed_host_paths=none",
		"--allowed_parameters=none", "--allowed_networks=none", "--allowed_images=none", "--allowed_capabilities=none", "--allowed_devices=none",
		"--allowed_namespaces=none", "--allowed_volume_drivers=none", "--allowed_runtimes=none", "--prepare_timeout=1mins",
	}})
	live := 0
	for _, f := range flags {
		if f.live {
			live++
		}
	}
	all, left := Differences(started, next), Differences(started.WithLive(next), next)
	if len(all) != live+1 || len(left) != 1 || left[0].Name != "prepare_timeout" || left[0].Live {
		t.Errorf("%d of %d flags differ, and then %+v", len(all), live, left)
	}
	if got := started.WithLive(next).Origin("log_level").String(); got != "command line, --log_level" {
		t.Error(got)
	}
}
