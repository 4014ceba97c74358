package rules

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// forbidden is what says where a person worked instead of what the project is. The expressions are written so that they do
// not match themselves.
var forbidden = map[string]*regexp.Regexp{
	"a path of one machine":               regexp.MustCompile(`/work[/](main|shared|\.)|/tmp[/]pd\b|/root[/](go|\.cache)\b`),
	"a package registry's address":        regexp.MustCompile(`(proxy|sum)\.golang[.]org|(deb|security|snapshot)\.debian[.]org`),
	"a number of an issue nobody can see": regexp.MustCompile(`(?i)(^|[^-/\w])issue [#]?\d`),
}

func TestForbiddenWords(t *testing.T) {
	tree(t, func(path string) {
		content, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Error(err)
		}
		for _, wrong := range words(path, content) {
			t.Error(wrong)
		}
	})
}

// Pictures of what the programs show, which documents refer to, are no text.
const (
	pictures   = "docs/images/"
	maxPicture = 60 << 10 // bytes
)

func words(path string, content []byte) (wrong []string) {
	if strings.HasPrefix(path, pictures) && bytes.HasPrefix(content, []byte("\x89PNG\r\n")) {
		if len(content) > maxPicture {
			return []string{fmt.Sprintf("%s has %d bytes, more than %d: make it smaller", path, len(content), maxPicture)}
		}
		return nil
	}
	if bytes.IndexByte(content, 0) >= 0 {
		return []string{fmt.Sprintf("%s is a binary: the tree holds what people write, and text that tests read", path)}
	}
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, len(content)+1)
	for n := 1; lines.Scan(); n++ {
		for what, expression := range forbidden {
			if found := expression.Find(lines.Bytes()); found != nil {
				wrong = append(wrong, fmt.Sprintf("%s:%d: %s: %q", path, n, what, found))
			}
		}
	}
	return wrong
}

func TestWordsCatchesWhatIsForbidden(t *testing.T) {
	for text, want := range map[string]int{
		"see /wor" + "k/main/x and /tmp/p" + "d\n":     1,
		"one\nGOPROXY=proxy.golang" + ".org\n":         1,
		"fixes issu" + "e 12":                          1,
		"moby issue tracker, networks, /tmp/pdf":       0,
		"a\x00b":                                       1,
		"https://github.com/moby/moby/issues/34" + "2": 0,
	} {
		if got := words("p", []byte(text)); len(got) != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestWordsTakesSmallPictures(t *testing.T) {
	const picture = "\x89PNG\r\n\x1a\n\x00"
	for _, tt := range []struct {
		path, content string
		want          int
	}{
		{"docs/images/page.png", picture, 0},
		{"docs/images/page.png", picture + strings.Repeat("x", maxPicture), 1},
		{"docs/images/page.bin", "\x00", 1},
		{"docs/page.png", picture, 1},
	} {
		if got := words(tt.path, []byte(tt.content)); len(got) != tt.want {
			t.Errorf("%s of %d bytes: %q", tt.path, len(tt.content), got)
		}
	}
}
