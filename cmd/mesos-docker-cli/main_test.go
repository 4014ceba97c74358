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
	for _, line := range []string{
		"--version", "-H unix:///var/run/docker.sock --version", "-H=unix:///s -v", "--host=unix:///s --version",
		"-Hunix:///s -Dv", "--log-level debug -D --version",
	} {
		var stdout, stderr bytes.Buffer
		if status := run(strings.Fields(line), &stdout, &stderr); status != 0 || !want.Match(stdout.Bytes()) || stderr.Len() != 0 {
			t.Errorf("%s: status %d, stdout %q, stderr %q", line, status, stdout.String(), stderr.String())
		}
	}
}

func TestHelp(t *testing.T) {
	for _, line := range []string{"", "--help", "-h", "help", "-H unix:///s"} {
		var stdout, stderr bytes.Buffer
		if status := run(strings.Fields(line), &stdout, &stderr); status != 0 || !strings.HasPrefix(stdout.String(), "Usage:  docker ") || stderr.Len() != 0 {
			t.Errorf("%q: status %d, stdout %q, stderr %q", line, status, stdout.String(), stderr.String())
		}
	}
}
