package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strings"
)

func echo(args []string) error {
	flags := flag.NewFlagSet("echo", flag.ContinueOnError)
	s := newStop(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 2 {
		return errors.New("echo: a network and a port are needed")
	}
	failed := make(chan error, 2)
	for network := range strings.SplitSeq(flags.Arg(0), ",") {
		if err := echoOn(network, ":"+flags.Arg(1), failed); err != nil {
			return err
		}
	}
	return s.wait(failed)
}

// echoOn listens and says so before it returns, and serves until the process ends.
func echoOn(network, address string, failed chan<- error) error {
	switch network {
	case "tcp":
		listener, err := net.Listen(network, address)
		if err != nil {
			return err
		}
		fmt.Println("echoing on tcp", listener.Addr())
		go func() { failed <- echoStreams(listener) }()
	case "udp":
		packets, err := net.ListenPacket(network, address)
		if err != nil {
			return err
		}
		fmt.Println("echoing on udp", packets.LocalAddr())
		go func() { failed <- echoPackets(packets) }()
	default:
		return fmt.Errorf("echo: unknown network %q", network)
	}
	return nil
}

func echoStreams(listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			if _, err := io.Copy(conn, conn); err != nil {
				fmt.Println("echo:", err)
			}
		}()
	}
}

func echoPackets(packets net.PacketConn) error {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := packets.ReadFrom(buf)
		if err != nil {
			return err
		}
		if _, err := packets.WriteTo(buf[:n], from); err != nil {
			fmt.Println("echo:", err)
		}
	}
}
