package hostports

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// holdPrefix begins the names of the sockets by which ports are held. Abstract Unix sockets fit the purpose: every user can take
// any name, the kernel frees the name with the process, and names belong to a network namespace, as ports do.
const holdPrefix = "@mesos-docker-containerizer/host-port/"

// holderPatience bounds the question who holds a port, which only a holder under attack lets wait.
const holderPatience = time.Second

// hold holds a port until it is closed or the process ends. If another run holds it the error is ErrHeld and names the process.
// Programs that this one starts do not inherit the port.
func hold(port uint32) (io.Closer, error) {
	name := holdPrefix + strconv.FormatUint(uint64(port), 10)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return nil, fmt.Errorf("%w%s", ErrHeld, holder(name))
	case err != nil:
		return nil, fmt.Errorf("hold port %d: %w", port, err)
	}
	return listener, nil
}

// holder names the process that holds a name, for people; it is empty if that cannot be found out.
func holder(name string) string {
	conn, err := net.DialTimeout("unix", name, holderPatience)
	if err != nil {
		return ""
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return ""
	}
	var peer *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { peer, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err != nil || failed != nil || peer.Pid == 0 { // 0: in another pid namespace
		return ""
	}
	program := ""
	if path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", peer.Pid)); err == nil {
		program = " " + filepath.Base(path)
	}
	return fmt.Sprintf(" (process %d%s)", peer.Pid, program)
}
