package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemoryIsGivenBackAfterWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var allocated atomic.Uint64
		releases, programs := 0, 0
		ctx, cancel := context.WithCancel(t.Context())
		go giveBack(ctx, allocated.Load, func() { releases++ }, func() { programs++ })
		for _, step := range []struct {
			what     string
			allocate uint64
			want     int // how often the heap was given back so far
			programs int // and the program
		}{
			{"the start", 0, 1, 1},
			{"nothing to do", 0, 1, 2},
			{"a little", quietAllocation / 2, 1, 3},
			{"work", 8 << 20, 1, 4},
			{"more work", 8 << 20, 1, 5},
			{"work is over", 0, 2, 6},
			{"nothing to do again", quietAllocation / 2, 2, 7},
		} {
			synctest.Wait()
			allocated.Add(step.allocate)
			if step.what != "the start" {
				time.Sleep(quietInterval)
				synctest.Wait()
			}
			if releases != step.want || programs != step.programs {
				t.Errorf("%s: the heap %d times, want %d, the program %d times, want %d", step.what, releases, step.want, programs, step.programs)
			}
		}
		cancel()
		synctest.Wait()
	})
}

func TestProgramMapping(t *testing.T) {
	const program = "/opt/a b/daemon"
	for line, want := range map[string]bool{
		"00400000-00410000 r-xp 00000000 08:01 1310    " + program:                true,
		"00410000-00420000 r--p 00010000 08:01 1310    " + program:                true,
		"00420000-00430000 rw-p 00020000 08:01 1310    " + program:                false, // its pages are the process's own
		"00400000-00410000 r-xp 00000000 08:01 1310    " + program + " (deleted)": false,
		"7f0000000000-7f0000001000 r-xp 00000000 08:01 7 /lib/other":              false,
		"c000000000-c000400000 rw-p 00000000 00:00 0 ":                            false,
		"": false,
	} {
		from, to, ok := programMapping(line, program)
		if ok != want || ok && to-from != 0x10000 {
			t.Errorf("%q: %x-%x %v", line, from, to, ok)
		}
	}
}

// The program goes on as before without the pages that were given back, and has given back most of them.
func TestReleaseProgram(t *testing.T) {
	resident := func() (kB int) {
		smaps, err := os.ReadFile("/proc/self/smaps_rollup")
		if err != nil {
			t.Fatal(err)
		}
		return rollup(t, string(smaps), "Rss:") - rollup(t, string(smaps), "Anonymous:")
	}
	before := resident()
	releaseProgram()
	if after := resident(); after > before/2 {
		t.Errorf("%d kB of files before, %d kB after", before, after)
	}
}

// rollup is a figure of /proc/PID/smaps_rollup in kB.
func rollup(t *testing.T, text, name string) (kB int) {
	t.Helper()
	_, rest, found := strings.Cut(text, "\n"+name)
	if _, err := fmt.Sscan(rest, &kB); !found || err != nil {
		t.Fatalf("no %s in %s: %v", name, text, err)
	}
	return kB
}
