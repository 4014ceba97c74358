package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// The text and the status are what a real agent parses.
func TestVersion(t *testing.T) {
	want := regexp.MustCompile(`^Docker version \d+\.\d+\.\d+, build \S+\n$`)
	for _, line := range []string{"--version", "-H unix:///var/run/docker.sock --version", "-H=unix:///s -v", "--host=unix:///s --version"} {
		var stdout, stderr bytes.Buffer
		if status := run(strings.Fields(line), &stdout, &stderr); status != 0 || !want.Match(stdout.Bytes()) || stderr.Len() != 0 {
			t.Errorf("%s: status %d, stdout %q, stderr %q", line, status, stdout.String(), stderr.String())
		}
	}
}

func TestOthersAreRefusedByName(t *testing.T) {
	for line, name := range map[string]string{"": "(none)", "-H unix:///s ps -a": "ps", "-H": "-H", "run --rm x": "run"} {
		var stdout, stderr bytes.Buffer
		status := run(strings.Fields(line), &stdout, &stderr)
		if status != statusRefused || stdout.Len() != 0 || !strings.Contains(stderr.String(), `"`+name+`"`) {
			t.Errorf("%q: status %d, stdout %q, stderr %q", line, status, stdout.String(), stderr.String())
		}
	}
}
