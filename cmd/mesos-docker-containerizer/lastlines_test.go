package main

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestLastLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ab\n]{0,30}`).Draw(t, "text")
		count := rapid.IntRange(0, 5).Draw(t, "count")
		l := lastLines{count: count}
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			if written, err := l.Write([]byte(rest[:n])); written != n || err != nil {
				t.Fatal(written, err)
			}
			rest = rest[n:]
		}
		var got bytes.Buffer
		if _, err := l.WriteTo(&got); err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(text, "\n")
		if lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
		if want := strings.Join(lines[max(0, len(lines)-count):], ""); got.String() != want {
			t.Fatalf("the last %d lines of %q are %q, not %q", count, text, got.String(), want)
		}
	})
}
