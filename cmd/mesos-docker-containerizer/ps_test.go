package main

import (
	"strings"
	"testing"
	"time"

	"mesos-docker-containerizer/containerizer"
)

func TestPrintTasks(t *testing.T) {
	now := time.Unix(1700000000, 0)
	var out strings.Builder
	err := printTasks(&out, []containerizer.TaskReport{
		{Task: "app.1", Framework: "f", PID: 12, Container: "mdc-app.1-0", State: "pulling app:7: 3 of 9 MB", Since: now.Add(-75 * time.Second)},
		{Task: "longer.app.2", Framework: "f", PID: 345, Container: "mdc-longer", State: "running", Since: now},
	}, now)
	want := "" +
		"TASK           FRAMEWORK   EXECUTOR PID   CONTAINER     FOR     STATE\n" +
		"app.1          f           12             mdc-app.1-0   1m15s   pulling app:7: 3 of 9 MB\n" +
		"longer.app.2   f           345            mdc-longer    0s      running\n"
	if err != nil || out.String() != want {
		t.Errorf("%v\n%swant\n%s", err, out.String(), want)
	}
}

func TestWithNames(t *testing.T) {
	all := []containerizer.TaskReport{{Task: "web.1", Container: "mdc-web.1"}, {Task: "web.2", Container: "mdc-web.2"}, {Task: "job"}}
	for words, want := range map[string]string{"": "web.1 web.2 job", "web": "web.1 web.2", "job web.1 j": "job web.1", "mdc-web.2": "web.2", "x": ""} {
		var got []string
		for _, r := range withNames(all, strings.Fields(words)) {
			got = append(got, r.Task)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", words, got, want)
		}
	}
}
