package config

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-multierror"
)

// Files of one naming are read as the start script that knows that naming does.
func TestEitherNaming(t *testing.T) {
	for _, n := range namings {
		root := tree(t, map[string]string{
			commonDefaults:                 "MESOS_WORK_DIR=/common\nMESOS_PORT=1\nMESOS_SANDBOX_DIRECTORY=/common\n",
			n.defaults:                     "MESOS_PORT=2\nMESOS_HOSTNAME=default\nunset MESOS_SANDBOX_DIRECTORY\n",
			n.directory + "/hostname":      "file",
			n.directory + "/docker_config": "/auth.json",
			"/auth.json":                   "{}",
		})
		c := mustLoad(t, Options{Root: root})
		if c.WorkDir != "/common" || c.Port != 2 || c.Hostname != "file" || c.SandboxDirectory != defaults.SandboxDirectory {
			t.Errorf("%s: work_dir %s, port %d, hostname %s, sandbox_directory %s", n.directory, c.WorkDir, c.Port, c.Hostname, c.SandboxDirectory)
		}
		if o := c.Origin("port"); o.Place != root+n.defaults+" line 1, MESOS_PORT" || o.Holds() != root+n.defaults {
			t.Errorf("port comes from %+v", o)
		}
		if o := c.Origin("docker_config"); o.File != root+n.directory+"/docker_config" || o.Names != root+"/auth.json" || o.Holds() != o.Names {
			t.Errorf("docker_config comes from %+v", o)
		}
	}
}

// Where a host has the files of both, a flag is taken from where it is set, and
// from the defaults that both share where it is set in neither.
func TestBothNamings(t *testing.T) {
	root := tree(t, map[string]string{
		commonDefaults:                                        "MESOS_WORK_DIR=/common\nMESOS_PORT=1\nIP=192.0.2.1\n",
		"/etc/default/mesos-slave":                            "MESOS_DOCKER_REMOVE_DELAY=60mins\n",
		"/etc/mesos-slave/port":                               "2",
		"/etc/mesos-slave/containerizers":                     "mesos,docker",
		"/etc/mesos-slave/hostname":                           "old",
		"/etc/mesos-slave/docker_stop_timeout":                "nonsense",
		"/etc/mesos-agent/docker_remove_delay":                "1hrs",
		"/etc/mesos-agent/launcher_dir":                       "/overlay",
		"/etc/mesos-agent/containerizers":                     "docker,mesos",
		"/etc/mesos-agent/hostname":                           "new",
		"/etc/mesos-docker-containerizer/hostname":            "ours",
		"/etc/mesos-docker-containerizer/docker_stop_timeout": "1secs",
	})
	c := mustLoad(t, Options{Root: root})
	if c.WorkDir != "/common" || c.IP.String() != "192.0.2.1" || c.Port != 2 || c.LauncherDir != "/overlay" || c.Hostname != "ours" ||
		c.DockerRemoveDelay != time.Hour || c.DockerStopTimeout != time.Second || strings.Join(c.Containerizers, " ") != "docker mesos" {
		t.Errorf("%+v", c)
	}
	if o := c.Origin("docker_remove_delay"); o.Layer != AgentFiles || o.Place != root+"/etc/mesos-agent/docker_remove_delay" {
		t.Errorf("docker_remove_delay comes from %+v", o)
	}
}

// What is set differently, or wrong in either place, is a mistake: nobody but a
// person can tell which of the two the agent goes by.
func TestNamingsThatDisagree(t *testing.T) {
	root := tree(t, map[string]string{
		"/etc/default/mesos-slave":                       "MESOS_CGROUPS_ENABLE_CFS=1\nMESOS_EXECUTOR_REGISTRATION_TIMEOUT=10mins\n",
		"/etc/mesos-slave/work_dir":                      "/var/lib/mesos",
		"/etc/mesos-slave/docker_config":                 `{"auths":{"hunter1":{}}}`,
		"/etc/mesos-slave/sandbox_directory":             "mnt",
		"/etc/mesos-slave/containerizers":                "docker,rocket",
		"/etc/mesos-slave/default_container_dns":         "/dns.json",
		"/etc/mesos-agent/?no-cgroups_enable_cfs":        "",
		"/etc/mesos-agent/executor_registration_timeout": "",
		"/etc/mesos-agent/work_dir":                      "/data",
		"/etc/mesos-agent/docker_config":                 `{"auths":{"hunter2":{}}}`,
		"/etc/mesos-agent/sandbox_directory":             "/mnt",
		"/etc/mesos-agent/containerizers":                "docker,crio",
		"/etc/mesos-agent/default_container_dns":         "/other.json",
		"/etc/mesos-docker-containerizer/docker_config":  "{}",
		"/dns.json":   "{}",
		"/other.json": `{"mesos":[]}`,
	})
	_, _, err := Load(Options{Root: root})
	slave, agent, own := root+"/etc/mesos-slave/", root+"/etc/mesos-agent/", root+"/etc/mesos-docker-containerizer/"
	wins := func(flag string) string { return ", or write the value into " + own + flag + ", which wins" }
	const once = ", and the agent's start script reads only one of the two: remove what it does not read"
	want := []string{
		agent + `?no-cgroups_enable_cfs: it is "false" here and "true" in ` + root + "/etc/default/mesos-slave line 1, MESOS_CGROUPS_ENABLE_CFS" + once + wins("cgroups_enable_cfs"),
		agent + `executor_registration_timeout: it is "" here and "10mins" in ` + root + "/etc/default/mesos-slave line 2, MESOS_EXECUTOR_REGISTRATION_TIMEOUT" + once + wins("executor_registration_timeout"),
		agent + `work_dir: it is "/data" here and "/var/lib/mesos" in ` + slave + "work_dir" + once + wins("work_dir"),
		agent + "docker_config: it is not what " + slave + "docker_config says" + once,
		slave + `sandbox_directory: "mnt" is refused`,
		slave + `containerizers: "docker,rocket" is refused`,
		agent + `containerizers: "docker,crio" is refused`,
	}
	var all *multierror.Error
	if !errors.As(err, &all) || len(all.Errors) != len(want) {
		t.Errorf("want %d mistakes: %v", len(want), err)
	}
	for _, part := range want {
		if err == nil || !strings.Contains(err.Error(), "\n  * "+part) {
			t.Errorf("not reported: %s", part)
		}
	}
	if err != nil && strings.Contains(err.Error(), "hunter") {
		t.Errorf("a secret is in the message: %v", err)
	}
}
