package compat

import (
	"errors"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ownNetwork is a network namespace with a loopback interface that is up.
type ownNetwork struct{ namespace *os.File }

// newNetwork makes one that lasts as long as the test, or as a process in it.
func newNetwork(t *testing.T) *ownNetwork {
	t.Helper()
	var n ownNetwork
	onThread(t, func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		if err := loopbackUp(); err != nil {
			return err
		}
		var err error
		n.namespace, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	t.Cleanup(func() { n.namespace.Close() })
	return &n
}

// within runs a function in the network: what it listens on or starts is there.
func (n *ownNetwork) within(t *testing.T, do func() error) {
	t.Helper()
	onThread(t, func() error {
		if err := unix.Setns(int(n.namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			return err
		}
		return do()
	})
}

// dialListener connects to a program in a container that was just started. Until the program listens, its host refuses: the
// Engine answers a start before the program's first instruction.
func dialListener(address string) (net.Conn, error) {
	deadline := time.Now().Add(silence)
	for {
		conn, err := net.DialTimeout("tcp", address, silence)
		if err == nil || !errors.Is(err, unix.ECONNREFUSED) || !time.Now().Before(deadline) {
			return conn, err
		}
		<-time.After(10 * time.Millisecond)
	}
}

// onThread runs a function that changes its thread's network, and brings the thread back. A thread is not ended, for with it
// children would be that are to die with their parent.
func onThread(t *testing.T, do func() error) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	err = do()
	if back := unix.Setns(int(before.Fd()), unix.CLONE_NEWNET); back != nil {
		panic(back) // nothing else may run on this thread
	}
	if err != nil {
		t.Fatal(err)
	}
}

// loopbackUp brings the loopback interface of the thread's network up.
func loopbackUp() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
}
