package main

import (
	"strings"
	"testing"

	"mesos-docker-containerizer/containerizer"
)

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
