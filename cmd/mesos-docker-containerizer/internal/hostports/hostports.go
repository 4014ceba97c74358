// Package hostports hands out the host ports of a run so that no two runs on one host have the same one, nor a port that is in use.
//
// A port that is handed out is held until it is released or the process ends, however it ends. Of the ports on offer
// Draw passes over those that another run holds, that cannot be bound, or that the Engine has published.
package hostports

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/config/marathon"
)

// ErrHeld is the kind of error of a port that a task asks for by its number and another run holds.
var ErrHeld = errors.New("held by another run")

// Source is a marathon.PortSource for the tasks of one run. It is safe for concurrent use.
type Source struct {
	offer     *marathon.Ports
	published func() ([]uint32, error)

	mu   sync.Mutex
	held map[uint32]io.Closer
}

// New offers ports. The function lists the host ports that the Engine has published. It is called once, when the first port of
// any number is drawn; if it fails, it says nothing about any port, since a run that needs the Engine fails for that reason later.
// The caller closes the Source when no task has its ports any more.
func New(offer *marathon.Ports, published func() ([]uint32, error)) *Source {
	return &Source{offer: offer, published: sync.OnceValues(published), held: map[uint32]io.Closer{}}
}

// Draw implements marathon.PortSource. A port that is wished for by its number is held but not tried: if it is in use, the
// Engine says best by what.
func (s *Source) Draw(wishes []uint32) ([]uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := draw{source: s, usable: map[uint32]bool{}}
	drawn, err := d.draw(wishes)
	// What was passed over stayed drawn, so that each attempt got other ports. It may be free for the next draw.
	s.offer.Release(d.passedOver...)
	for port := range d.usable {
		if !slices.Contains(drawn, port) {
			s.release(port)
		}
	}
	return drawn, err
}

// Release implements marathon.PortSource.
func (s *Source) Release(ports ...uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, port := range ports {
		s.release(port)
	}
	s.offer.Release(ports...)
}

// Close releases all ports.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failed error
	for port, holder := range s.held {
		failed = errors.Join(failed, holder.Close())
		delete(s.held, port)
		s.offer.Release(port)
	}
	return failed
}

// release lets go of a port. The caller holds mu.
func (s *Source) release(port uint32) {
	if holder, ok := s.held[port]; ok {
		_ = holder.Close() // the name is free whatever Close says
		delete(s.held, port)
	}
}

// draw is one call of Draw. The caller holds mu.
type draw struct {
	source     *Source
	usable     map[uint32]bool // held by this draw
	passedOver []uint32
	reasons    []string
}

func (d *draw) draw(wishes []uint32) ([]uint32, error) {
	for {
		drawn, err := d.source.offer.Draw(wishes)
		if err != nil {
			return nil, d.explain(err)
		}
		var keep []uint32
		before := len(d.passedOver)
		for i, port := range drawn {
			err := d.take(port, wishes[i] == 0)
			switch {
			case err == nil:
				keep = append(keep, port)
			case wishes[i] != 0:
				d.source.offer.Release(drawn...)
				return nil, err
			default:
				d.passedOver = append(d.passedOver, port)
				d.reasons = append(d.reasons, fmt.Sprintf("%d: %v", port, err))
			}
		}
		if len(d.passedOver) == before {
			return drawn, nil
		}
		d.source.offer.Release(keep...)
	}
}

// take holds a port and, if any would do in its place, tries it.
func (d *draw) take(port uint32, tried bool) error {
	if d.usable[port] {
		return nil
	}
	holder, err := hold(port)
	if err != nil {
		return err
	}
	d.source.held[port] = holder
	if tried {
		if err := d.source.try(port); err != nil {
			d.source.release(port)
			return err
		}
	}
	d.usable[port] = true
	return nil
}

// try says why a port cannot be used.
func (s *Source) try(port uint32) error {
	// Some Engines with userland-proxy=false publish ports by rules of the firewall alone, which no bind notices.
	if published, err := s.published(); err == nil && slices.Contains(published, port) {
		return errors.New("published by the Docker Engine")
	}
	return bindable(port)
}

// bindable tries a port for tcp and udp on every address.
func bindable(port uint32) error {
	address := net.JoinHostPort("", strconv.FormatUint(uint64(port), 10))
	stream, err := net.Listen("tcp", address)
	if err != nil {
		return cause(err)
	}
	packets, err := net.ListenPacket("udp", address)
	if err == nil {
		err = packets.Close()
	}
	return errors.Join(cause(err), stream.Close())
}

// cause is what the kernel said.
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%s: %w", op.Net, op.Err)
	}
	return err
}

// maxReasons keeps an error readable where thousands of ports are in use.
const maxReasons = 5

// explain adds to an error why ports on offer were passed over.
func (d *draw) explain(err error) error {
	if len(d.reasons) == 0 {
		return err
	}
	more := ""
	if n := len(d.reasons) - maxReasons; n > 0 {
		more = fmt.Sprintf(", and %d more", n)
	}
	return fmt.Errorf("%w; in use are %s%s", err, strings.Join(d.reasons[:min(len(d.reasons), maxReasons)], ", "), more)
}

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
