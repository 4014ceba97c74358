package hostports

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"mesos-docker-containerizer/config/marathon"
)

// asHolder makes this test binary a program that holds a port until it is killed.
const asHolder = "TEST_HOLD_PORT"

func TestMain(m *testing.M) {
	if text := os.Getenv(asHolder); text != "" {
		os.Exit(holdForTest(text))
	}
	goleak.VerifyTestMain(m)
}

func holdForTest(text string) int {
	var port uint32
	if _, err := fmt.Sscan(text, &port); err != nil {
		return 1
	}
	if _, err := hold(port); err != nil {
		return 1
	}
	fmt.Println("held")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends
	return 0
}

// otherRun is another process that holds a port, of another user if this one may choose.
func otherRun(t *testing.T, port uint32) *exec.Cmd {
	t.Helper()
	command := exec.Command("/proc/self/exe")
	command.Env = []string{fmt.Sprintf("%s=%d", asHolder, port)}
	if os.Geteuid() == 0 {
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = command.Wait() // killed or not
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("the other run says %q, %v", line, err)
	}
	return command
}

// freeStretch finds n free ports in a row.
func freeStretch(t *testing.T, n uint32) uint32 {
	t.Helper()
	for first := uint32(20000); first < 30000; first += n {
		free := uint32(0)
		for free < n && bindable(first+free) == nil {
			free++
		}
		if free == n {
			return first
		}
	}
	t.Fatalf("no %d free ports in a row", n)
	return 0
}

func newSource(t *testing.T, first, last uint32, published ...uint32) *Source {
	t.Helper()
	offer, err := marathon.NewPorts(fmt.Sprintf("%d-%d", first, last))
	if err != nil {
		t.Fatal(err)
	}
	s := New(offer, func() ([]uint32, error) { return published, nil })
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestPortsOfAnotherRunArePassedOverUntilItDies(t *testing.T) {
	first := freeStretch(t, 2)
	other := otherRun(t, first)
	s := newSource(t, first, first+1)
	drawn, err := s.Draw([]uint32{0})
	if err != nil || !slices.Equal(drawn, []uint32{first + 1}) {
		t.Fatalf("drawn are %v, %v", drawn, err)
	}
	pid := fmt.Sprintf("process %d", other.Process.Pid)
	if _, err := s.Draw([]uint32{first}); !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), pid) {
		t.Errorf("the port of another run: %v", err)
	}
	if _, err := s.Draw([]uint32{0}); !errors.Is(err, marathon.ErrPortsExhausted) || !strings.Contains(err.Error(), pid) {
		t.Errorf("a port of any number: %v", err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait() // it was killed
	if drawn, err := s.Draw([]uint32{first}); err != nil || !slices.Equal(drawn, []uint32{first}) {
		t.Errorf("after the end of the other run: %v, %v", drawn, err)
	}
}

func TestPortsInUseArePassedOver(t *testing.T) {
	const tcp, udp, loopback, published, free = 0, 1, 2, 3, 4
	first := freeStretch(t, 5)
	stream, err := net.Listen("tcp", fmt.Sprintf(":%d", first+tcp))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	packets, err := net.ListenPacket("udp", fmt.Sprintf(":%d", first+udp))
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	local, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", first+loopback))
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()

	s := newSource(t, first, first+4, first+published)
	drawn, err := s.Draw([]uint32{0})
	if err != nil || !slices.Equal(drawn, []uint32{first + free}) {
		t.Fatalf("drawn are %v, %v", drawn, err)
	}
	_, err = s.Draw([]uint32{0, 0})
	if !errors.Is(err, marathon.ErrPortsExhausted) {
		t.Fatalf("drawing from ports in use gives %v", err)
	}
	for _, want := range []string{
		fmt.Sprintf("%d: tcp: ", first+tcp), fmt.Sprintf("%d: udp: ", first+udp), fmt.Sprintf("%d: published by the Docker Engine", first+published),
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
	// What a failed draw held for a while is free again.
	if drawn, err := newSource(t, first, first+4).Draw([]uint32{0}); err != nil || drawn[0] != first+published {
		t.Errorf("another run draws %v, %v", drawn, err)
	}
	if _, err := s.Draw([]uint32{first + tcp}); err != nil {
		t.Errorf("a port that was asked for by its number is refused: %v", err)
	}
}

// TestNothingOfAFailedDrawIsHeld has one wish granted and another refused.
func TestNothingOfAFailedDrawIsHeld(t *testing.T) {
	first := freeStretch(t, 3)
	one, two := newSource(t, first, first+2), newSource(t, first, first+2)
	if _, err := one.Draw([]uint32{first + 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Draw([]uint32{0, first + 1, first + 2}); !errors.Is(err, ErrHeld) {
		t.Fatalf("the port of another source: %v", err)
	}
	if drawn, err := one.Draw([]uint32{0, 0}); err != nil {
		t.Errorf("the others are not free: %v, %v", drawn, err)
	}
	one.Release(first)
	if drawn, err := two.Draw([]uint32{0}); err != nil || drawn[0] != first {
		t.Errorf("a port that was released: %v, %v", drawn, err)
	}
}

// TestManyRunsAtOnce has sources draw side by side; together they want all that there is.
func TestManyRunsAtOnce(t *testing.T) {
	const runs, each = 8, 3
	first := freeStretch(t, runs*each)
	var mu sync.Mutex
	owner := map[uint32]int{}
	var all sync.WaitGroup
	for run := range runs {
		s := newSource(t, first, first+runs*each-1)
		all.Go(func() {
			for range each {
				drawn, err := s.Draw([]uint32{0})
				mu.Lock()
				if err != nil {
					t.Errorf("run %d: %v", run, err)
				}
				for _, port := range drawn {
					if other, taken := owner[port]; taken {
						t.Errorf("port %d is that of runs %d and %d", port, other, run)
					}
					owner[port] = run
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(owner) != runs*each {
		t.Errorf("%d ports were drawn, want %d", len(owner), runs*each)
	}
}
