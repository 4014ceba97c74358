package executor

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// match has a matcher read a log, in pieces, until it wants no more, and returns what it passed on and whether it knew the place.
func match(t fataler, received, log []byte, whole bool, piece int) (rest []byte, exact bool) {
	var kept tail
	kept.add(received)
	m := newMatcher(int64(len(received)), kept.bytes(int64(len(received))))
	for reading := range 4 {
		for at := 0; at < len(log); at += piece {
			rest = append(rest, m.take(log[at:min(len(log), at+piece)])...)
		}
		exact = m.mode != byBound
		if m.end(whole) {
			return rest, exact
		}
		if reading == 3 {
			t.Fatalf("the log is read for ever")
		}
	}
	return rest, exact
}

type fataler interface{ Fatalf(string, ...any) }

func numbered(from, to int) []byte {
	var b bytes.Buffer
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "line %08d\n", i)
	}
	return b.Bytes()
}

func TestMatch(t *testing.T) {
	const same = "the same\n"
	repeat := func(n int) []byte { return []byte(strings.Repeat(same, n)) }
	long := append(bytes.Repeat([]byte("x"), 40<<10), '\n')
	big := numbered(0, 1_000_000) // 14 MB
	for name, c := range map[string]struct {
		received, log []byte
		rotated       bool // the log may have lost its beginning
		want          []byte
		inexact       bool
	}{
		"nothing":                                 {},
		"nothing received":                        {log: []byte("a\nb\n"), want: []byte("a\nb\n")},
		"nothing logged":                          {received: []byte("a\n")},
		"all received":                            {received: numbered(0, 900), log: numbered(0, 900)},
		"behind":                                  {received: numbered(0, 700), log: numbered(0, 900), want: numbered(700, 900)},
		"behind in a line":                        {received: numbered(0, 700)[:9000], log: numbered(0, 900), want: numbered(0, 900)[9000:]},
		"ahead by a fragment":                     {received: append(numbered(0, 700), "fragment"...), log: numbered(0, 700)},
		"ahead by more than the tail, whole":      {received: append(numbered(0, 700), long[:20<<10]...), log: append(numbered(0, 700), long[:16<<10]...)},
		"identical lines, behind":                 {received: repeat(1000), log: repeat(1500), want: repeat(500)},
		"identical lines, ahead":                  {received: repeat(1000), log: repeat(700)},
		"a byte ahead of nothing logged in a log": {received: []byte("ab"), log: []byte("a"), rotated: true},
		"rotated":                                 {received: numbered(0, 9000), log: numbered(5000, 9100), rotated: true, want: numbered(9000, 9100)},
		"rotated, ahead by a fragment":            {received: append(numbered(0, 9000), "fragment"...), log: numbered(5000, 9000), rotated: true},
		"rotated, less than the tail is left":     {received: numbered(0, 9000), log: numbered(8900, 9100), rotated: true, want: numbered(9000, 9100)},
		"rotated beyond what was received":        {received: numbered(0, 100), log: numbered(5000, 6000), rotated: true, want: numbered(5000, 6000), inexact: true},
		"another log":                             {received: numbered(0, 100_000), log: bytes.ToUpper(big), want: bytes.ToUpper(big)[len(big)-maxLag:], inexact: true},
	} {
		for _, piece := range []int{1 << 20, 1000, 7} {
			if piece == 7 && len(c.log) > 1<<20 {
				continue
			}
			rest, exact := match(t, c.received, c.log, !c.rotated, piece)
			if !bytes.Equal(rest, c.want) || exact == c.inexact {
				t.Errorf("%s, in pieces of %d: %d bytes, exact %v; want %d", name, piece, len(rest), exact, len(c.want))
			}
		}
	}
}

// Of identical lines in a log that has lost its beginning any number may be new: as few as possible are dropped.
func TestMatchOfIdenticalLinesInARotatedLog(t *testing.T) {
	same := bytes.Repeat([]byte("the same\n"), 2000)
	log := append(numbered(5000, 9000), same...)
	rest, exact := match(t, append(numbered(0, 9000), same[:1000*9]...), log, false, 1000)
	if dropped := len(log) - len(rest); !exact || dropped < 4000*14 || dropped > 4000*14+tailSize+9 || !bytes.HasSuffix(log, rest) {
		t.Errorf("%d bytes dropped, exact %v", dropped, exact)
	}
}

// However much of what was written was logged and received: of a log that is whole, all that was not received comes, once.
func TestMatchOfAWholeLog(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		alphabet := rapid.SampledFrom([]string{"a", "ab\n", "abcdefghijklmnopqrstuvwxyz\n", "\x00\xff\n"}).Draw(rt, "alphabet")
		written := []byte(rapid.StringOfN(rapid.SampledFrom([]rune(alphabet)), 0, 300, -1).Draw(rt, "text"))
		written = bytes.Repeat(written, rapid.IntRange(1, 60).Draw(rt, "repeated"))
		logged := rapid.IntRange(0, len(written)).Draw(rt, "logged")
		received := rapid.IntRange(0, len(written)).Draw(rt, "received")
		piece := rapid.IntRange(1, 5000).Draw(rt, "piece")

		rest, exact := match(rt, written[:received], written[:logged], true, piece)
		if want := written[min(received, logged):logged]; !bytes.Equal(rest, want) || !exact {
			rt.Fatalf("whole, %d logged, %d received: %d bytes, want %d; exact %v", logged, received, len(rest), len(want), exact)
		}
	})
}

func FuzzMatch(f *testing.F) {
	f.Add([]byte("a\nb\n"), []byte("b\nc\n"), 3, true)
	f.Add(bytes.Repeat([]byte("same\n"), 2000), bytes.Repeat([]byte("same\n"), 1500), 100, false)
	f.Add([]byte("abcab"), []byte("xabcabd"), 1, false)
	f.Fuzz(func(t *testing.T, received, log []byte, piece int, whole bool) {
		rest, _ := match(t, received, log, whole, max(1, piece%5000))
		if !bytes.HasSuffix(log, rest) {
			t.Fatalf("%q is no end of %q", rest, log)
		}
		if bytes.HasPrefix(log, received) && string(rest) != string(log[len(received):]) {
			t.Fatalf("%q after %q of %q", rest, received, log)
		}
	})
}

func TestTail(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var kept tail
		var all []byte
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 3*tailSize), 0, 8).Draw(rt, "sizes") {
			p := rapid.SliceOfN(rapid.Byte(), n, n).Draw(rt, "bytes")
			kept.add(p)
			all = append(all, p...)
		}
		limit := rapid.IntRange(0, len(all)).Draw(rt, "limit")
		want := all[len(all)-min(len(all), tailSize, limit):]
		if got := kept.bytes(int64(limit)); !bytes.Equal(got, want) {
			rt.Fatalf("%d bytes, want %d", len(got), len(want))
		}
	})
}
