package v1

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"mesos-docker-containerizer/executor/agent/secure"
)

// maxSocketPath is the size of sun_path in sockaddr_un, which ends with a NUL.
const maxSocketPath = 108

// dialSocket returns a dial function that connects to the agent's domain socket, whatever the address.
func dialSocket(path string) secure.DialFunc {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		if len(path) < maxSocketPath {
			return dialer.DialContext(ctx, "unix", path)
		}
		// The directory's descriptor stands for a path that does not fit into a socket address.
		directory, err := os.Open(filepath.Dir(path))
		if err != nil {
			return nil, fmt.Errorf("open the directory of the agent's domain socket, whose path of %d bytes is too long to be dialled: %w", len(path), err)
		}
		defer directory.Close()
		short := filepath.Join("/proc/self/fd", strconv.FormatUint(uint64(directory.Fd()), 10), filepath.Base(path))
		if len(short) >= maxSocketPath {
			return nil, fmt.Errorf("the name of the agent's domain socket %s is too long to be dialled: MESOS_DOMAIN_SOCKET needs a shorter file name", path)
		}
		return dialer.DialContext(ctx, "unix", short)
	}
}
