package policy

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestRecommendedSet holds the set in docs/policy.md equal to the one that withstands the attacks of this package's tests.
func TestRecommendedSet(t *testing.T) {
	page, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "<!-- recommended -->")
	block, _, found := strings.Cut(rest, "<!-- /recommended -->")
	if !found {
		t.Fatal("docs/policy.md has lost the marks of its set")
	}
	var set []string
	for line := range strings.Lines(block) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "echo "); ok {
			value, file, _ := strings.Cut(text, " > ")
			set = append(set, file+"="+strings.Trim(value, "'"))
		}
	}
	if !slices.Equal(set, multiTenant) {
		t.Errorf("the page recommends\n%q, the attacks are tried on\n%q", set, multiTenant)
	}
	for _, item := range namespaceItems {
		if !strings.Contains(string(page), "`"+item+"`") {
			t.Errorf("the page does not mention %s", item)
		}
	}
	for _, rule := range append([]string{rulePrivileged}, names()...) {
		if !strings.Contains(string(page), "\n### "+rule+"\n") {
			t.Errorf("the page has no section about %s", rule)
		}
	}
}

func names() (list []string) {
	for _, p := range pools {
		list = append(list, p.name)
	}
	return list
}
