package cgroup

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"

	"mesos-docker-containerizer/test/environment"
)

// id is a container's.
var id = strings.Repeat("0123456789abcdef", 4)

func TestFind(t *testing.T) {
	v1 := []*mountinfo.Info{
		{FSType: "cgroup", Root: "/", Mountpoint: "/c/cpu", VFSOptions: "rw,cpu"},
		{FSType: "cgroup", Root: "/", Mountpoint: "/c/memory", VFSOptions: "rw,memory"},
	}
	unified := &mountinfo.Info{FSType: "cgroup2", Root: "/", Mountpoint: "/c/unified", VFSOptions: "rw"}
	below := []*mountinfo.Info{{FSType: "cgroup2", Root: "/outer", Mountpoint: "/c", VFSOptions: "rw"}}
	for name, test := range map[string]struct {
		membership string
		mounts     []*mountinfo.Info
		want       string // empty for none
	}{
		"version 1":                {"3:cpu:/docker/" + id + "\n4:memory:/docker/" + id + "\n", v1, "/c/memory/docker/" + id},
		"with others":              {"4:hugetlb,memory:/docker/" + id + "\n", v1, "/c/memory/docker/" + id},
		"both versions":            {"4:memory:/docker/" + id + "\n0::/docker/" + id + "\n", append([]*mountinfo.Info{unified}, v1...), "/c/memory/docker/" + id},
		"memory of version 2":      {"3:cpu:/docker/" + id + "\n1:name=systemd:/x/" + id + "\n0::/docker/" + id + "\n", append([]*mountinfo.Info{unified}, v1[0]), "/c/unified/docker/" + id},
		"systemd's name":           {"0::/system.slice/docker-" + id + ".scope\n", []*mountinfo.Info{unified}, "/c/unified/system.slice/docker-" + id + ".scope"},
		"a group of its own below": {"0::/docker/" + id + "/init.scope/x\n", []*mountinfo.Info{unified}, "/c/unified/docker/" + id},
		"a mount of a part":        {"0::/outer/docker/" + id + "\n", below, "/c/docker/" + id},
		"outside what is mounted":  {"0::/docker/" + id + "\n", below, ""},
		"another container":        {"0::/docker/" + strings.Repeat("0", 64) + "\n", []*mountinfo.Info{unified}, ""},
		"a process that has ended": {"4:memory:/\n0::/\n", v1, ""},
		"nothing mounted":          {"0::/docker/" + id + "\n", nil, ""},
		"no lines of the kernel's": {"memory\n:\n" + id, v1, ""},
	} {
		group, err := Find(test.membership, test.mounts, id)
		if err != nil && test.want == "" {
			continue
		}
		if err != nil || group.directory != test.want || (group.files == version2) != (strings.Contains(test.want, "unified") || test.mounts[0] == below[0]) {
			t.Errorf("%s: %+v, %v; want %q", name, group, err, test.want)
		}
	}
}

func TestMemory(t *testing.T) {
	for name, test := range map[string]struct {
		files *files
		text  map[string]string
		want  Memory
	}{
		"version 1": {version1, map[string]string{
			"memory.limit_in_bytes": "33554432\n", "memory.usage_in_bytes": "4096\n", "memory.max_usage_in_bytes": "33554431\n",
			"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
		}, Memory{Limit: 33554432, Usage: 4096, Peak: 33554431, Kills: 2}},
		"version 1, no limit, Linux 4.12": {version1, map[string]string{
			"memory.limit_in_bytes": "9223372036854771712\n", "memory.usage_in_bytes": "1\n", "memory.max_usage_in_bytes": "2\n",
			"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\n",
		}, Memory{Usage: 1, Peak: 2}},
		"version 2": {version2, map[string]string{
			"memory.max": "33554432\n", "memory.current": "4096\n", "memory.peak": "33554431\n",
			"memory.events": "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 1\n",
		}, Memory{Limit: 33554432, Usage: 4096, Peak: 33554431, Kills: 2}},
		"version 2, no limit, Linux 5.18": {version2, map[string]string{
			"memory.max": "max\n", "memory.current": "4096\n", "memory.events": "low 0\noom_kill 0\n",
		}, Memory{Usage: 4096}},
	} {
		directory := t.TempDir()
		for file, text := range test.text {
			if err := os.WriteFile(filepath.Join(directory, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := (&Group{directory: directory, files: test.files}).Memory(); err != nil || got != test.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if m, err := (&Group{directory: t.TempDir(), files: version2}).Memory(); err == nil {
		t.Errorf("a group that is gone counts %+v", m)
	}
}

func FuzzFind(f *testing.F) {
	f.Add("4:memory:/docker/" + id + "\n0::/\n")
	f.Add("0::/system.slice/docker-" + id + ".scope/x")
	mounts := []*mountinfo.Info{
		{FSType: "cgroup2", Root: "/", Mountpoint: "/c"}, {FSType: "cgroup", Root: "/", Mountpoint: "/c", VFSOptions: "memory"},
	}
	f.Fuzz(func(t *testing.T, membership string) {
		group, err := Find(membership, mounts, id)
		if err == nil && (!strings.HasPrefix(group.directory, "/c/") || !strings.Contains(filepath.Base(group.directory), id)) {
			t.Errorf("%q is in %s", membership, group.directory)
		}
	})
}

// A group is found however it is named and wherever it is, also below one that is a container's itself.
func TestExists(t *testing.T) {
	ids := make([]string, 3)
	for i := range ids {
		sum := sha256.Sum256([]byte(rand.Text()))
		ids[i] = hex.EncodeToString(sum[:])
	}
	inner := filepath.Join(environment.Cgroup(t, ids[0]), "docker-"+ids[1]+".scope")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(inner)
	for i, want := range []bool{true, true, false} {
		if got := Exists(ids[i]); got != want {
			t.Errorf("group %d exists: %t", i, got)
		}
	}
	if err := os.Remove(inner); err != nil {
		t.Fatal(err)
	}
	if Exists(ids[1]) {
		t.Error("a group exists that was removed")
	}
}
