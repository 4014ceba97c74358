package cgroup

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"
)

func TestParent(t *testing.T) {
	const agents = "0f8e3e1c-7d3a-4c5b-9b1e-3f1f7f1a2b3c"
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "memory/mesos", agents), 0o755); err != nil {
		t.Fatal(err)
	}
	mount := func(kind, name string) *mountinfo.Info {
		return &mountinfo.Info{FSType: kind, Root: "/", Mountpoint: filepath.Join(root, name), VFSOptions: "rw," + name}
	}
	v1 := []*mountinfo.Info{mount("cgroup", "memory"), mount("cgroup", "pids"), mount("cgroup2", "unified")}
	v2 := []*mountinfo.Info{mount("cgroup2", "unified")}
	for name, test := range map[string]struct {
		membership string
		mounts     []*mountinfo.Info
		path       string // empty for an error
		made       []string
		word       string // of the error
	}{
		"version 1":             {"4:memory:/mesos/" + agents + "\n5:pids:/\n0::/\n", v1, "/mesos/" + agents, []string{filepath.Join(root, "pids/mesos", agents), filepath.Join(root, "unified/mesos", agents)}, ""},
		"version 2":             {"0::/mesos/" + agents + "/leaf\n", v2, "/mesos/" + agents, nil, ""},
		"version 2, no leaf":    {"0::/mesos/" + agents + "\n", v2, "", nil, "leaf"},
		"the agent's own group": {"4:memory:/system.slice/mesos-slave.service\n5:pids:/\n0::/\n", v1, "", nil, "launcher=linux"},
		"another executor's":    {"4:memory:/mesos/" + strings.Repeat("0", 36) + "\n", v1, "", nil, "isolation=cgroups/cpu,cgroups/mem"},
		"no memory isolation":   {"4:memory:/\n5:pids:/mesos/" + agents + "\n", v1, "", nil, "cgroups/mem"},
	} {
		parent, err := findParent(test.membership, test.mounts, agents)
		if (err != nil) != (test.path == "") || err != nil && !strings.Contains(err.Error(), test.word) || parent.Path != test.path || !slices.Equal(parent.Made, test.made) {
			t.Errorf("%s: %+v, %v", name, parent, err)
		}
	}
}

// Of the groups of containers that are gone those stay that are in use, and others' are not looked at.
func TestRemoveLeft(t *testing.T) {
	root := t.TempDir()
	mine, other := strings.Repeat("0a", 32), strings.Repeat("0b", 32)
	for _, directory := range []string{
		"cpu/docker/" + mine + "/below/it", "memory/docker/" + mine, "system.slice/docker-" + mine + ".scope", "pids/docker/" + mine + "/used", "pids/docker/" + mine + "/free",
		"memory/docker/" + other, "memory/docker/" + mine[:12],
	} {
		if err := os.MkdirAll(filepath.Join(root, directory), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "pids/docker", mine, "used/process"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := removeLeft(root, map[string]bool{mine: true}); err == nil || !strings.Contains(err.Error(), mine+"/used") {
		t.Errorf("the error: %v", err)
	}
	left, err := filepath.Glob(root + "/*/*/*")
	scopes, _ := filepath.Glob(root + "/*/docker-*")
	free, _ := filepath.Glob(root + "/pids/docker/*/free")
	want := []string{root + "/memory/docker/" + mine[:12], root + "/memory/docker/" + other, root + "/pids/docker/" + mine}
	if err != nil || !slices.Equal(left, want) || len(scopes)+len(free) != 0 {
		t.Errorf("left: %q, %q, %q, %v", left, scopes, free, err)
	}
}

// Groups that are in use stay, and what has gone is no mistake.
func TestRemoveEmpty(t *testing.T) {
	root := t.TempDir()
	empty, used := filepath.Join(root, "empty"), filepath.Join(root, "used")
	if err := os.MkdirAll(filepath.Join(used, "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	err := RemoveEmpty([]string{empty, used, filepath.Join(root, "gone")})
	if err == nil || !strings.Contains(err.Error(), used) || strings.Contains(err.Error(), "gone") {
		t.Errorf("the error: %v", err)
	}
	if left, err := os.ReadDir(root); err != nil || len(left) != 1 || left[0].Name() != "used" {
		t.Errorf("left: %v, %v", left, err)
	}
}
