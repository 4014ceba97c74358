package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
)

// write makes the files of a directory.
func write(t testing.TB, directory string, files map[string]string) string {
	t.Helper()
	if err := os.MkdirAll(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

var (
	memory1 = map[string]string{
		"memory.limit_in_bytes": "4096\n", "memory.usage_in_bytes": "1\n", "memory.max_usage_in_bytes": "2\n", "memory.oom_control": "oom_kill 3\n",
	}
	memory2 = map[string]string{
		"memory.max": "4096\n", "memory.current": "1\n", "memory.peak": "2\n", "memory.events": "oom_kill 3\n",
		"cpu.stat":     "usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\nnr_periods 0\n",
		"pids.current": "7\n", "io.stat": "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=3 dios=4\n8:16 \n254:0 rbytes=1 wbytes=2\n",
	}
	used = Usage{Memory: Memory{Limit: 4096, Usage: 1, Peak: 2, Kills: 3}, CPU: 1500 * time.Millisecond, PIDs: 7, Read: 4097, Written: 8194}
)

// Each counter is read from the hierarchy that has it, of either version.
func TestUsage(t *testing.T) {
	root := t.TempDir()
	write(t, root+"/memory/docker/"+id, memory1)
	write(t, root+"/cpu/docker/"+id, map[string]string{"cpuacct.usage": "1500000000\n"})
	write(t, root+"/pids/docker/"+id, map[string]string{"pids.current": "7\n"})
	write(t, root+"/io/docker/"+id, map[string]string{
		"blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\n8:0 Write 8192\n8:0 Sync 1\n8:0 Async 2\n8:0 Discard 9\n8:0 Total 12288\n" +
			"254:0 Read 1\n254:0 Write 2\nTotal 12291\n",
	})
	write(t, root+"/unified/docker/"+id, memory2)
	write(t, root+"/bare/docker/"+id, map[string]string{"memory.max": "max", "memory.current": "1", "memory.events": ""})
	v1 := func(directory, controllers string) *mountinfo.Info {
		return &mountinfo.Info{FSType: "cgroup", Root: "/", Mountpoint: root + "/" + directory, VFSOptions: "rw," + controllers}
	}
	all := []*mountinfo.Info{v1("memory", "memory"), v1("cpu", "cpu,cpuacct"), v1("pids", "pids"), v1("io", "blkio")}
	unified := &mountinfo.Info{FSType: "cgroup2", Root: "/", Mountpoint: root + "/unified"}
	lines := "4:memory:/docker/" + id + "\n3:cpu,cpuacct:/docker/" + id + "\n2:pids:/docker/" + id + "\n1:blkio:/docker/" + id + "\n"
	for name, test := range map[string]struct {
		membership string
		mounts     []*mountinfo.Info
		want       Usage
	}{
		"version 1":             {lines, all, used},
		"version 2":             {"0::/docker/" + id + "\n", []*mountinfo.Info{unified}, used},
		"both, memory in the 1": {lines[:strings.Index(lines, "3:")] + "0::/docker/" + id + "\n", []*mountinfo.Info{all[0], unified}, used},
		"memory alone":          {lines, all[:1], Usage{Memory: used.Memory}},
		"version 2 without other controllers": {"0::/docker/" + id + "\n",
			[]*mountinfo.Info{{FSType: "cgroup2", Root: "/", Mountpoint: root + "/bare"}}, Usage{Memory: Memory{Usage: 1}}},
	} {
		group, err := Find(test.membership, test.mounts, id)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := group.Usage(); err != nil || got != test.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if u, err := (&Group{directory: t.TempDir(), files: version2}).Usage(); err == nil {
		t.Errorf("a group that is gone uses %+v", u)
	}
}

func TestInterfaces(t *testing.T) {
	const text = "Inter-|   Receive                                                |  Transmit\n" +
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n" +
		"    lo: 1000000    1    0    0    0     0          0         0  1000000       1    0    0    0     0       0          0\n" +
		"  eth0:    4096    2    0    0    0     0          0         0      512       3    0    0    0     0       0          0\n" +
		"eth0:1:1 0 0 0 0 0 0 0 2 0 0 0 0 0 0 0\n" +
		" short: 5 5\n"
	if received, sent := interfaces(text); received != 4097 || sent != 514 {
		t.Errorf("received %d, sent %d", received, sent)
	}
	if _, _, err := Network(os.Getpid()); err != nil {
		t.Error(err)
	}
	if _, _, err := Network(1 << 30); err == nil {
		t.Error("a process that is none has a network")
	}
}

func FuzzCounters(f *testing.F) {
	f.Add(memory2["io.stat"])
	f.Add("8:0 Read 4096\nTotal 1")
	f.Add("eth0: 1 0 0 0 0 0 0 0 2 0")
	f.Add("usage_usec 9223372036854775807")
	f.Fuzz(func(t *testing.T, text string) {
		for _, counters := range []func(string) (int64, int64){transfers, interfaces} {
			if one, other := counters(text); strings.Count(text, "\n") < 2 && strings.Count(text, "=") < 2 && (one < 0 || other < 0) {
				t.Errorf("%q has %d and %d", text, one, other)
			}
		}
		if n := numberAfter(text, "usage_usec "); n < 0 {
			t.Errorf("%q has %d", text, n)
		}
	})
}
