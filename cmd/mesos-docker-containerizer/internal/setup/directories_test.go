package setup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The daemon reads the directories of both names.
func TestKnownDirectories(t *testing.T) {
	for directory, known := range map[string]bool{"/etc/mesos-slave": true, "/etc/mesos-agent/": true, "/srv/mesos-agent": false} {
		p := Plan{options: Options{Directory: directory}}
		p.notes()
		if told := strings.Contains(strings.Join(p.Notes, "\n"), "the daemon reads"); told == known {
			t.Errorf("%s: %q", directory, p.Notes)
		}
	}
}

// What the daemon would refuse to start with is not written.
func TestBothDirectories(t *testing.T) {
	for name, c := range map[string]struct{ flag, value, want string }{
		"a flag of no concern": {"docker", "/opt/docker", ""},
		"the same":             {"containerizers", "mesos, docker", ""},
		"other containerizers": {"containerizers", "mesos", "mesos-agent/containerizers says mesos"},
		"another folder":       {"launcher_dir", "/usr/libexec/mesos", "mesos-agent/launcher_dir says /usr/libexec/mesos"},
	} {
		t.Run(name, func(t *testing.T) {
			o := host(t)
			other := filepath.Join(filepath.Dir(o.Directory), "mesos-agent")
			must(t, os.Mkdir(other, 0o755))
			put(t, filepath.Join(other, c.flag), c.value, 0o644)
			before := tree(t, o.Directory)
			_, err := Prepare(o)
			if c.want == "" {
				must(t, err)
			} else if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "remove what it does not read") {
				t.Errorf("%v, want %q", err, c.want)
			}
			if diff := cmp.Diff(before, tree(t, o.Directory)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
