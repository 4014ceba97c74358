package protocol

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Version is the newest conversation this build speaks. It grows when a side must know what the other understands.
const Version = 1

// Path is where, on the socket for admins, the daemon answers docker commands.
const Path = "/docker"

// upgradeName is what the connection is upgraded to, before "/" and the version.
const upgradeName = "mesos-docker-cli"

// ErrOtherVersion says that the daemon cannot carry on a conversation of this version: it is of another release than the docker
// command, as it is between the two halves of an upgrade.
var ErrOtherVersion = errors.New("the daemon that runs is of another release than this docker command")

// ErrPeer says that whoever listens is not the daemon.
var ErrPeer = errors.New("the listener is not root's")

// Dial connects to the daemon's socket for admins and opens a conversation, in which nothing has been asked yet. It ends when
// ctx does. Whoever answers must be root, or the caller's own user.
func Dial(ctx context.Context, socket string) (*Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	c, err := open(conn.(*net.UnixConn), socket, Version)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = fmt.Errorf("it does not answer at %s: %w", socket, ctx.Err())
		}
		return nil, err
	}
	return c, nil
}

func open(unix *net.UnixConn, socket string, version int) (*Conn, error) {
	user, err := peer(unix)
	if err != nil {
		return nil, err
	}
	if user != 0 && int(user) != os.Geteuid() {
		return nil, fmt.Errorf("%w: %s belongs to user %d", ErrPeer, socket, user)
	}
	request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: daemon\r\nConnection: Upgrade\r\nUpgrade: %s/%d\r\nContent-Length: 0\r\n\r\n", Path, upgradeName, version)
	if _, err := io.WriteString(unix, request); err != nil {
		return nil, err
	}
	files := &receiver{unix: unix}
	reader := bufio.NewReaderSize(files, MaxData)
	if err := upgraded(reader, version); err != nil {
		files.close()
		return nil, err
	}
	c := newConn(unix, reader)
	c.files = files
	return c, nil
}

// upgraded reads the daemon's answer to the request.
func upgraded(reader *bufio.Reader, version int) error {
	text := textproto.NewReader(reader)
	line, err := text.ReadLine()
	if err != nil {
		return err
	}
	_, status, _ := strings.Cut(line, " ")
	header, err := text.ReadMIMEHeader()
	if err != nil {
		return err
	}
	offered := header.Get("Upgrade")
	switch code, _, _ := strings.Cut(status, " "); code {
	case "101":
		if offered != fmt.Sprintf("%s/%d", upgradeName, version) {
			return fmt.Errorf("%w: it offers %q for version %d", ErrOtherVersion, offered, version)
		}
		return nil
	case "404":
		return fmt.Errorf("%w: it knows no docker commands yet", ErrOtherVersion)
	case "426":
		return fmt.Errorf("%w: it speaks %q, this docker command version %d", ErrOtherVersion, offered, version)
	default:
		return fmt.Errorf("it answers %q", status)
	}
}

// peer returns the user at the other end of a Unix connection, as it was when it was opened.
func peer(unix *net.UnixConn) (uid uint32, err error) {
	raw, err := unix.SyscallConn()
	if err != nil {
		return 0, err
	}
	var credentials *syscall.Ucred
	var optErr error
	if err := raw.Control(func(fd uintptr) {
		credentials, optErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return 0, err
	}
	if optErr != nil {
		return 0, os.NewSyscallError("getsockopt", optErr)
	}
	return credentials.Uid, nil
}

// parseProtocol returns the version that a client asks for.
func parseProtocol(upgrade string) (version int, ok bool) {
	text, ok := strings.CutPrefix(upgrade, upgradeName+"/")
	if !ok {
		return 0, false
	}
	version, err := strconv.Atoi(text)
	return version, err == nil && version > 0
}
