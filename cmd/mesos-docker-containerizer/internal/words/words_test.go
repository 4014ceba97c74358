package words

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 tasks", 1: "1 task", 2: "2 tasks"} {
		if got := Count(n, "task"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestPage(t *testing.T) {
	if got := Page("policy.md"); got != "docs/policy.md" {
		t.Errorf("without an installation: %q", got)
	}
}

func TestAgentUnit(t *testing.T) {
	defer func(before []string) { unitDirectories = before }(unitDirectories)
	unitDirectories = []string{t.TempDir(), t.TempDir()}
	want := "mesos-slave"
	for _, unit := range []string{"", "mesos-agent", "mesos-slave"} {
		if unit != "" {
			want = unit
			if err := os.WriteFile(filepath.Join(unitDirectories[1], unit+".service"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := AgentUnit(); got != want {
			t.Errorf("with %q: %q, want %q", unit, got, want)
		}
	}
}
