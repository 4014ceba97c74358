package main

import (
	"errors"
	"fmt"
	"net"
	"testing"

	"mesos-docker-containerizer/config/marathon"
)

func TestFreePortsPassesOverBusyOnes(t *testing.T) {
	// Three ports in a row, the second of which somebody listens on for udp only.
	first := threePorts(t)
	busy, err := net.ListenPacket("udp", fmt.Sprintf(":%d", first+1))
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	offered, err := marathon.NewPorts(fmt.Sprintf("%d-%d", first, first+2))
	if err != nil {
		t.Fatal(err)
	}
	ports := freePorts{offered}
	drawn, err := ports.Draw([]uint32{0, 0})
	if err != nil {
		t.Fatal(err)
	}
	for _, port := range drawn {
		if port == first+1 {
			t.Errorf("port %d was drawn, which is in use", port)
		}
	}
	if _, err := ports.Draw([]uint32{0}); !errors.Is(err, marathon.ErrPortsExhausted) {
		t.Errorf("drawing one more gives %v", err)
	}
	ports.Release(drawn...)
	if _, err := ports.Draw([]uint32{first + 1}); err != nil {
		t.Errorf("a port that was asked for by its number is refused: %v", err)
	}
}

// threePorts finds three free ports in a row.
func threePorts(t *testing.T) uint32 {
	t.Helper()
	for port := uint32(20000); port < 30000; port += 3 {
		if isFree(port) && isFree(port+1) && isFree(port+2) {
			return port
		}
	}
	t.Fatal("no three free ports in a row")
	return 0
}
