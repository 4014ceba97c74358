package rules

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// engineAlone are the packages of github.com/docker/docker that belong to dockerd, with the flaws that packaging/openvex.json says are
// not in our programs.
var engineAlone = []string{
	"github.com/docker/docker/daemon/...", "github.com/docker/docker/plugin/...", "github.com/docker/docker/api/server/...",
	"github.com/docker/docker/pkg/authorization", "github.com/docker/docker/pkg/plugins/...",
}

// TestExploitabilityStatements holds packaging/openvex.json to what is linked: the version of the module, and none of dockerd.
func TestExploitabilityStatements(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "packaging/openvex.json"))
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Statements []struct {
			Vulnerability struct{ Name string }
			Products      []struct {
				Subcomponents []struct {
					ID string `json:"@id"`
				}
			}
			Status, Justification string
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	gomod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range document.Statements {
		if s.Status != "not_affected" || s.Justification != "vulnerable_code_not_present" {
			t.Errorf("%s: this test does not know the status %s (%s)", s.Vulnerability.Name, s.Status, s.Justification)
		}
		for _, p := range s.Products {
			for _, c := range p.Subcomponents {
				module, version, _ := strings.Cut(strings.TrimPrefix(strings.ReplaceAll(c.ID, "%2B", "+"), "pkg:golang/"), "@")
				if line := "\t" + module + " " + version; !strings.Contains(string(gomod), line+"\n") && !strings.Contains(string(gomod), line+" // indirect\n") {
					t.Errorf("%s: go.mod does not require %s %s", s.Vulnerability.Name, module, version)
				}
			}
		}
	}
	if len(document.Statements) == 0 {
		t.Error("no statements: this test reads wrong")
	}
	g := packages(t)
	for _, program := range []string{"cmd/mesos-docker-containerizer", "cmd/mesos-docker-executor", "cmd/mesos-docker-cli"} {
		if chain := g.chain(program, engineAlone); chain != nil {
			t.Errorf("packaging/openvex.json is not true any more: %s", strings.Join(chain, " -> "))
		}
	}
	if g.chain("cmd/mesos-docker-containerizer", []string{"github.com/docker/docker/client"}) == nil {
		t.Error("the daemon does not link the Engine's client: this test reads wrong")
	}
}
