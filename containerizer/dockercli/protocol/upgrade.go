package protocol

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"time"
)

// Upgrade answers a client's request, whose header Upgrade is given, on the connection it came over, and takes the connection
// over. The reader may hold what the client has sent already. A client of a later version is told which one is spoken here; Close
// is then the caller's, as after every error.
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
