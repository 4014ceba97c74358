package metrics

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const examples = "../../docs/examples/"

// The rules for alerts fire and keep silent as their tests want, by Prometheus' own word, and each has a test.
func TestAlerts(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("promtool of Debian's package prometheus is not installed (test/environment/install-missing promtool)")
	}
	for _, arguments := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		command := exec.CommandContext(t.Context(), promtool, arguments...)
		command.Dir = examples
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", arguments, err, output)
		}
	}
}

func TestEachAlertHasATest(t *testing.T) {
	tests := read(t, "alerts_test.yml")
	alerts := regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(read(t, "alerts.yml"), -1)
	if len(alerts) < 8 {
		t.Errorf("%d alerts", len(alerts))
	}
	for _, alert := range alerts {
		if strings.Count(tests, "alertname: "+alert[1]+"\n") != 2 {
			t.Errorf("%s has no test of when it fires and one of when it does not", alert[1])
		}
	}
}

// What the rules and the board ask for is what the daemon shows.
func TestExamplesNameMetricsThatThereAre(t *testing.T) {
	families, err := experienced().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
	}
	for _, file := range []string{"alerts.yml", "alerts_test.yml", "grafana.json"} {
		found := regexp.MustCompile(namespace+`_\w+`).FindAllString(read(t, file), -1)
		if len(found) == 0 {
			t.Errorf("%s asks for nothing", file)
		}
		for _, name := range found {
			if !slices.Contains(names, strings.TrimSuffix(name, "_bucket")) {
				t.Errorf("%s asks for %s, which there is not", file, name)
			}
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(examples + file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
