package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/go-multierror"
)

// TestUnusable has words of the agent that only a shell, or nobody, understands. The daemon starts with those it does not use.
func TestUnusable(t *testing.T) {
	for _, n := range namings {
		root := tree(t, map[string]string{
			commonDefaults:                  "IP=$(hostname -i)\n",
			n.defaults:                      "MESOS_HOSTNAME=`hostname -f`\nMESOS_PORT=none\n",
			n.directory + "/launcher_dir":   "libexec",
			n.directory + "/containerizers": "docker",
		})
		c := mustLoad(t, Options{Root: root})
		if c.Hostname != "" || c.IP.IsValid() || c.Port != 5051 || c.LauncherDir != "" || c.Origin("hostname").Layer != BuiltIn {
			t.Errorf("hostname %q, ip %v, port %d, launcher_dir %q, origin %v", c.Hostname, c.IP, c.Port, c.LauncherDir, c.Origin("hostname"))
		}
		var all []string
		for _, m := range c.Unusable() {
			all = append(all, m.Error())
		}
		text := strings.Join(all, "\n")
		for _, want := range []string{
			root + n.directory + `/launcher_dir: "libexec" is refused`,
			root + commonDefaults + " line 1, IP: ",
			root + n.defaults + ` line 2, MESOS_PORT: "none" is refused`,
			root + n.defaults + " line 1, MESOS_HOSTNAME: ",
			root + "/etc/mesos-docker-containerizer/hostname, which wins",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not said:\n%s", want, text)
			}
		}
		if len(all) != 4 || len(c.Unusable("hostname")) != 1 || len(c.Unusable("ip", "port")) != 2 || len(c.Unusable("work_dir")) != 0 {
			t.Errorf("unusable are %q", all)
		}
	}
}

// TestUnusableDisagreement has flags that are set differently in the files of both namings.
func TestUnusableDisagreement(t *testing.T) {
	root := tree(t, map[string]string{"/etc/mesos-slave/hostname": "a", "/etc/mesos-agent/hostname": "b"})
	c := mustLoad(t, Options{Root: root})
	if m := c.Unusable("hostname"); len(m) != 1 || !strings.Contains(m[0].Error(), `it is "b" here and "a" in`) || c.Hostname != "" {
		t.Errorf("hostname %q, %v", c.Hostname, m)
	}
}

// TestNeededByTheDaemon has the same for what it does use, and for what is our own: mistakes, with the file to put the value in.
func TestNeededByTheDaemon(t *testing.T) {
	for flag, files := range map[string]map[string]string{
		"docker_remove_delay": {"/etc/default/mesos-slave": "MESOS_DOCKER_REMOVE_DELAY=$(x)"},
		"work_dir":            {commonDefaults: "MESOS_WORK_DIR=$HOME"},
		"hostname":            {"/etc/mesos-docker-containerizer/hostname": "a b"},
	} {
		root := tree(t, files)
		_, _, err := Load(Options{Root: root})
		var all *multierror.Error
		if !errors.As(err, &all) || len(all.Errors) != 1 || !strings.Contains(err.Error(), root+"/etc/mesos-docker-containerizer/"+flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}
