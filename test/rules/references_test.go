package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// References to documents have two forms: "contract 3.2" is heading 3.2 of docs/mesos-contract.md, and a page with a name in
// quotation marks is that heading of that page. Both may go on in the next line.
var (
	contractReference = regexp.MustCompile(`(?i)\bcontract (\d+(?:\.\d+)*(?:(?:,| and| or| to) \d+\.\d+)*)`)
	headingReference  = regexp.MustCompile(`docs/([\w-]+\.md), "([^"]+)"`)
	oldReference      = regexp.MustCompile(`(?i)\b(?:contract|design),? sec[t]ions?\b`)

	number  = regexp.MustCompile(`\d+(?:\.\d+)*`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	comment = regexp.MustCompile(`\s*\n\s*(?://|#|\*)?[ \t]*`)
)

const contractPage = "mesos-contract.md"

func TestReferencesResolve(t *testing.T) {
	pages := headings(t)
	tree(t, func(path string) {
		if path == "test/rules/references_test.go" {
			return // it shows what does not resolve
		}
		content, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Error(err)
		}
		for _, wrong := range references(pages, string(content)) {
			t.Errorf("%s: %s", path, wrong)
		}
	})
}

// headings returns the headings of each page in docs; those of the contract by their numbers, too.
func headings(t *testing.T) map[string]map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d pages, %v", len(files), err)
	}
	pages := make(map[string]map[string]bool)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pages[filepath.Base(file)] = headingsOf(string(content))
	}
	return pages
}

func headingsOf(page string) map[string]bool {
	found := make(map[string]bool)
	for _, match := range heading.FindAllStringSubmatch(page, -1) {
		found[match[1]] = true
		if first, _, _ := strings.Cut(match[1], " "); number.MatchString(first) {
			found[strings.TrimSuffix(first, ".")] = true
		}
	}
	return found
}

// references returns what is wrong with the references in a file.
func references(pages map[string]map[string]bool, content string) (wrong []string) {
	text := comment.ReplaceAllString(content, " ")
	for _, match := range contractReference.FindAllStringSubmatch(text, -1) {
		for _, section := range number.FindAllString(match[1], -1) {
			if !pages[contractPage][section] {
				wrong = append(wrong, fmt.Sprintf("%q: docs/%s has no heading %s", match[0], contractPage, section))
			}
		}
	}
	for _, match := range headingReference.FindAllStringSubmatch(text, -1) {
		if !pages[match[1]][match[2]] {
			wrong = append(wrong, fmt.Sprintf("%q: there is no such heading", match[0]))
		}
	}
	for _, match := range oldReference.FindAllString(text, -1) {
		wrong = append(wrong, fmt.Sprintf("%q: write \"contract 3.2\", or the page with its heading in quotation marks", match))
	}
	return wrong
}

func TestReferencesCatchesWhatDoesNotResolve(t *testing.T) {
	pages := map[string]map[string]bool{
		contractPage:      headingsOf("# Contract\n\n## 2. Arguments\n\n### 2.1 Order\n### 2.10 More\n"),
		"architecture.md": headingsOf("# Architecture\n\n## A launch\n"),
	}
	for text, want := range map[string]int{
		"// as told (contract 2.1)\n":                          0,
		"// as told (contract\n\t// 2.10): more\n":             0,
		"// Contract 2 has it, contract 2.1 and 2.10 too.\n":   0,
		"// contract 2.1, b2\n":                                0,
		"// the contract says 9, a contract of 3 years\n":      0,
		"// docs/architecture.md, \"A launch\"\n":              0,
		"// docs/architecture.md,\n// \"A launch\"\n":          0,
		"// contract 2.2\n":                                    1,
		"// contract\n// 3\n":                                  1,
		"// contract 2.1.4\n":                                  1,
		"// contract 2.1 and 2.3\n":                            1,
		"# contract 2.1 to 2.4\n":                              1,
		"// docs/architecture.md, \"A lunch\"\n":               1,
		"// docs/absent.md,\n// \"A launch\"\n":                1,
		"// contract section 2.1\n// and design\n// section 4": 2,
	} {
		if got := references(pages, text); len(got) != want {
			t.Errorf("%q: %q, want %d", text, got, want)
		}
	}
}
