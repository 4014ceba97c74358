package protocol

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"mesos-docker-containerizer/internal/transport"
)

// Version is the newest version of the protocol that this build speaks. It grows when one side must know what the other understands.
const Version = 1

// AdminSocket is the name, in the daemon's run directory, of the socket for admins and docker commands. It belongs to root: its answers
// hold no secrets but name every task of the host.
const AdminSocket = "admin.sock"

// Path is where, on the socket for admins, the daemon answers docker commands.
const Path = "/docker"

// upgradeName is what the connection is upgraded to, before "/" and the version.
const upgradeName = "mesos-docker-cli"

// ErrOtherVersion is the error for a daemon that does not speak this version of the protocol. Its release is not that of the docker
// command, as in the middle of an upgrade.
var ErrOtherVersion = errors.New("the daemon that runs is of another release than this docker command")

// Dial connects to the daemon's socket for admins and upgrades the connection. It fails if ctx ends first. The peer must be root or the
// caller's own user: see transport.Dial.
func Dial(ctx context.Context, socket string) (*Conn, error) {
	unix, err := transport.Dial(ctx, socket)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { unix.Close() })
	err = upgrade(unix, Version)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		unix.Close()
		if ctx.Err() != nil {
			err = fmt.Errorf("it does not answer at %s: %w", socket, ctx.Err())
		}
		return nil, err
	}
	return newConn(unix, nil), nil
}

// upgrade asks for the protocol and waits for the daemon's answer.
func upgrade(unix net.Conn, version int) error {
	request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: daemon\r\nConnection: Upgrade\r\nUpgrade: %s/%d\r\nContent-Length: 0\r\n\r\n", Path, upgradeName, version)
	if _, err := io.WriteString(unix, request); err != nil {
		return err
	}
	return upgraded(bufio.NewReader(transport.OneByte(unix)), version)
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

// parseProtocol returns the version that a client asks for.
func parseProtocol(upgrade string) (version int, ok bool) {
	text, ok := strings.CutPrefix(upgrade, upgradeName+"/")
	if !ok {
		return 0, false
	}
	version, err := strconv.Atoi(text)
	return version, err == nil && version > 0
}

// Upgrade answers a client's request, whose header Upgrade is given, on the connection it came over, and takes the connection
// over. The reader may hold bytes that the client has sent already. A client of a later version gets the newest version that this
// daemon speaks. After that, as after every error, the caller closes conn.
func Upgrade(conn net.Conn, reader *bufio.Reader, upgrade string) (*Conn, error) {
	version, ok := parseProtocol(upgrade)
	if !ok || version > Version {
		text := fmt.Sprintf("HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\nUpgrade: %s/%d\r\nContent-Length: 0\r\n\r\n", upgradeName, Version)
		if _, err := io.WriteString(conn, text); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("a client wants the protocol %q, spoken are those up to %s/%d", upgrade, upgradeName, Version)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s/%d\r\n\r\n", upgradeName, version); err != nil {
		return nil, err
	}
	ahead, err := reader.Peek(reader.Buffered()) // this cannot block
	if err != nil {
		return nil, err
	}
	return newConn(conn, bytes.Clone(ahead)), nil
}
