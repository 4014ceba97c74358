package containerizer

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/internal/transport"
)

const (
	// foreignFrame is the longest frame of a peer that is not trusted, in bytes. An executor that attaches again brings its task along, in
	// base64, before it can be vouched for. The kernel takes command and environment of 6 MiB at most.
	foreignFrame = 12 << 20

	// foreignFrames bounds the frames over 64 KiB that all such peers together are sending, in bytes.
	foreignFrames = 16 << 20
)

// peer is the process at the other end of a connection. What it says is a task's word unless it is trusted.
type peer struct {
	wire.Process
	uid  uint32
	user *policy.User // nil if it is trusted
}

// identify returns the process at the other end. Root's executors are trusted, and those of the server's own user where a person
// runs everything themselves. Others may attach only where the operator has opened the socket for them.
func (s *Server) identify(conn *net.UnixConn) (peer, error) {
	credentials, err := transport.Peer(conn)
	if err != nil {
		return peer{}, err
	}
	var user *policy.User
	if credentials.Uid != 0 && int(credentials.Uid) != os.Geteuid() {
		if !s.options.OtherUsers {
			return peer{}, fmt.Errorf("%w: executors of user %d may not attach, only root's", errUnacceptable, credentials.Uid)
		}
		user = &policy.User{UID: credentials.Uid, GID: credentials.Gid}
	}
	process, err := wire.FindProcess(int(credentials.Pid))
	return peer{Process: process, uid: credentials.Uid, user: user}, err
}

// vouch checks what an executor that is not trusted says about itself. The id of a container that it claims to have had could be
// anybody's, so it is replaced by the name that only this very process can have a container under.
func (s *Server) vouch(a *wire.Attach, p peer) error {
	switch {
	case p.user == nil:
		return nil
	case a.Route == wire.RouteDropIn:
		return errors.New("executors on the drop-in route are the agent's and run as root; this one does not")
	case a.ContainerName != "":
		return errors.New("an executor that does not run as root cannot name its container")
	case s.options.WorkDirectory == "":
		return errors.New("executors that do not run as root need the flag work_dir to be set, below which their sandboxes lie")
	}
	if state := a.State; state != nil && state.ContainerID != "" {
		state.ContainerID = containerName(a, state.Launch.Task, p.Process)
	}
	return checkSandbox(s.options.WorkDirectory, a.Sandbox, p.uid)
}

// checkSandbox makes sure that a directory is a sandbox that the agent has made for a user. It lies below the work directory, no
// symlink is on the way, and nobody but root can put one there: the Engine, which is root, is going to follow the path later.
func checkSandbox(workDirectory, sandbox string, owner uint32) error {
	fault := func(format string, values ...any) error {
		return fmt.Errorf("sandbox %q is refused: %s", sandbox, fmt.Sprintf(format, values...))
	}
	below, ok := strings.CutPrefix(sandbox, strings.TrimSuffix(workDirectory, "/")+"/")
	if !ok || below == "" || filepath.Clean(sandbox) != sandbox {
		return fault("it does not lie below the agent's work directory %s", workDirectory)
	}
	at, err := unix.Open(workDirectory, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fault("work directory %s: %v", workDirectory, err)
	}
	defer func() { unix.Close(at) }()
	for name := range strings.SplitSeq(below, "/") {
		// The directory that is about to be gone through must be root's alone.
		if err := onlyRootWrites(at); err != nil {
			return fault("above %q, %v", name, err)
		}
		next, err := unix.Openat(at, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return fault("%q cannot be opened without following symlinks: %v", name, err)
		}
		unix.Close(at)
		at = next
	}
	var info unix.Stat_t
	if err := unix.Fstat(at, &info); err != nil {
		return fault("%v", err)
	}
	if info.Uid != owner {
		return fault("it belongs to user %d, the executor runs as user %d", info.Uid, owner)
	}
	return nil
}

// onlyRootWrites checks a directory by its descriptor. The server's own user counts as root, which it is but in tests.
func onlyRootWrites(directory int) error {
	var info unix.Stat_t
	if err := unix.Fstat(directory, &info); err != nil {
		return err
	}
	if info.Uid != 0 && int(info.Uid) != os.Geteuid() || info.Mode&0o022 != 0 {
		return fmt.Errorf("a directory of user %d with mode %#o lets others than root in", info.Uid, info.Mode&0o7777)
	}
	return nil
}
