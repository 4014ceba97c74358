package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime/metrics"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// quietInterval is how often the daemon looks whether it has done its work.
	quietInterval = 5 * time.Second

	// quietAllocation is how much a daemon allocates at most in that time, in bytes, that has nothing to do but to watch and probe.
	quietAllocation = 1 << 19

	// worthwhile is how much has been allocated since memory was last given back, in bytes, for it to be worth the collection.
	worthwhile = 1 << 20
)

// giveBack gives memory back to the kernel now and later, until ctx ends: the pages of the program at each look, since those in use are
// back within milliseconds, and the heap when a time of work is over. allocated is the bytes ever allocated.
func giveBack(ctx context.Context, allocated func() uint64, heap, program func()) {
	heap()
	program()
	given := allocated()
	before := given
	for ticker := time.NewTicker(quietInterval); ; {
		select {
		case <-ctx.Done():
			ticker.Stop()
			return
		case <-ticker.C:
		}
		now := allocated()
		if now-before < quietAllocation && now-given > worthwhile {
			heap()
			given = now
		}
		program()
		before = now
	}
}

// allocatedBytes is what this process has ever allocated.
func allocatedBytes() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// releaseProgram gives back the pages of the program's own file. The start and a launch need some 20 MB of them, one call of the Engine
// 8 MB, and a daemon that watches 2 MB; what is needed again is mapped again from the page cache. Nothing depends on it, so failures count
// as nothing given back.
func releaseProgram() {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if from, to, ok := programMapping(lines.Text(), program); ok {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED)
		}
	}
}

// programMapping reads a line of /proc/PID/maps. It reports whether that is of the program's file and was never written to, so that
// its pages can be had again from the file.
func programMapping(line, program string) (from, to uintptr, ok bool) {
	var permissions, offset, device, inode string
	if n, _ := fmt.Sscanf(line, "%x-%x %s %s %s %s", &from, &to, &permissions, &offset, &device, &inode); n != 6 {
		return 0, 0, false
	}
	_, path, _ := strings.Cut(line, inode)
	return from, to, strings.TrimLeft(path, " ") == program && !strings.Contains(permissions, "w")
}
