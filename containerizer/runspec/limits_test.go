package runspec_test

import (
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/containerizer/runspec"
)

func TestRlimits(t *testing.T) {
	info := infoOf(t, dockerTask("", `, "rlimit_info": {"rlimits": [
		{"type": "RLMT_NOFILE", "soft": 10, "hard": 20}, {"type": "RLMT_CORE"}, {"type": "RLMT_CPU", "soft": 0, "hard": 0}]}`, shellCommand))
	want := []*container.Ulimit{{Name: "core", Soft: -1, Hard: -1}, {Name: "cpu"}, {Name: "nofile", Soft: 10, Hard: 20}}
	if diff := cmp.Diff(want, translate(t, taskOf(info), runspec.Options{}).HostConfig.Ulimits); diff != "" {
		t.Errorf("ulimits (-want +got):\n%s", diff)
	}
}

func TestCapabilities(t *testing.T) {
	tests := []struct {
		name, linux string
		add, drop   []string
	}{
		{"none said", `{}`, nil, nil},
		{"effective", `{"effective_capabilities": {"capabilities": ["NET_RAW", "CHOWN", "NET_RAW"]}}`, []string{"NET_RAW", "CHOWN"}, []string{"ALL"}},
		{"the old name", `{"capability_info": {"capabilities": ["SYS_ADMIN"]}}`, []string{"SYS_ADMIN"}, []string{"ALL"}},
		{"bounding alone", `{"bounding_capabilities": {"capabilities": ["CHOWN"]}}`, []string{"CHOWN"}, []string{"ALL"}},
		{"effective within bounding", `{"effective_capabilities": {"capabilities": ["CHOWN"]}, "bounding_capabilities": {"capabilities": ["KILL", "CHOWN"]}}`,
			[]string{"CHOWN"}, []string{"ALL"}},
		{"an empty set", `{"effective_capabilities": {}}`, nil, []string{"ALL"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host := translate(t, taskOf(infoOf(t, dockerTask("", `, "linux_info": `+test.linux, shellCommand))), runspec.Options{}).HostConfig
			if diff := cmp.Diff(test.add, []string(host.CapAdd)); diff != "" {
				t.Errorf("added (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.drop, []string(host.CapDrop)); diff != "" {
				t.Errorf("dropped (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLimitsThatFail(t *testing.T) {
	rlimit := func(limit string) string { return `, "rlimit_info": {"rlimits": [` + limit + `]}` }
	const field = "container.rlimit_info.rlimits[0]"
	tests := []struct{ container, text, field string }{
		{rlimit(`{"type": "RLMT_AS", "soft": 1, "hard": 1}`), "RLMT_AS cannot be set for a Docker container; limit mem instead", field + ".type"},
		{rlimit(`{}`), "resource limit type UNKNOWN is unknown", field + ".type"},
		{rlimit(`{"type": "RLMT_CPU", "soft": 1}`), "soft and hard limit must both be given, or neither for no limit", field},
		{rlimit(`{"type": "RLMT_CPU", "soft": 2, "hard": 1}`), "soft limit 2 and hard limit 1 of RLMT_CPU do not fit", field},
		{rlimit(`{"type": "RLMT_CPU", "soft": 2, "hard": 18446744073709551615}`),
			"soft limit 2 and hard limit 18446744073709551615 of RLMT_CPU do not fit", field},
		{rlimit(`{"type": "RLMT_CPU"}, {"type": "RLMT_CPU"}`), "RLMT_CPU is limited twice", "container.rlimit_info.rlimits[1].type"},
		{`, "linux_info": {"effective_capabilities": {"capabilities": ["CHOWN"]}, "bounding_capabilities": {"capabilities": ["KILL"]}}`,
			"capability CHOWN is not among the bounding capabilities", "container.linux_info.effective_capabilities"},
		{`, "linux_info": {"effective_capabilities": {"capabilities": ["UNKNOWN"]}}`, "capability UNKNOWN is unknown",
			"container.linux_info.effective_capabilities"},
	}
	for _, test := range tests {
		wantFault(t, taskOf(infoOf(t, dockerTask("", test.container, shellCommand))), runspec.Options{}, test.text, test.field)
	}
}

func TestTerminal(t *testing.T) {
	spec := translate(t, taskOf(infoOf(t, dockerTask("", `, "tty_info": {"window_size": {"rows": 25, "columns": 80}}`, shellCommand))), runspec.Options{})
	if !spec.TTY || !spec.Config.Tty || spec.HostConfig.ConsoleSize != [2]uint{25, 80} {
		t.Errorf("terminal %v and %v, size %v", spec.TTY, spec.Config.Tty, spec.HostConfig.ConsoleSize)
	}
	spec = translate(t, taskOf(infoOf(t, dockerTask("", "", shellCommand))), runspec.Options{})
	if spec.TTY || spec.HostConfig.ConsoleSize != [2]uint{} {
		t.Errorf("terminal %v, size %v, want none", spec.TTY, spec.HostConfig.ConsoleSize)
	}
}
