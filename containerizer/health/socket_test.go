package health

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func bind(t *testing.T, fd int, address netip.AddrPort) {
	t.Helper()
	if err := unix.Bind(fd, sockaddr(address)); err != nil {
		t.Fatal(err)
	}
}

// cpuTime is what this process has used of processors.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
