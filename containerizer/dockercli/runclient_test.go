package dockercli

import (
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/internal/transport/stdcopy"
)

// runClient is the client of a run within the test.
type runClient struct {
	stdout, stderr io.Writer
	ends           chan protocol.OutputEnd
	reading        sync.WaitGroup

	mu        sync.Mutex
	container protocol.Container // guarded by mu
	outputs   int                // guarded by mu
	taken     []syscall.Signal   // guarded by mu
}

func newRunClient(stdout, stderr io.Writer) *runClient {
	return &runClient{stdout: stdout, stderr: stderr, ends: make(chan protocol.OutputEnd, 1)}
}

func (c *runClient) Created(container protocol.Container) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.container = container
	return nil
}

func (c *runClient) Output(o protocol.Output, file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var copied int
	if err := raw.Control(func(fd uintptr) { copied, err = syscall.Dup(int(fd)) }); err != nil || copied < 0 {
		return err
	}
	own := os.NewFile(uintptr(copied), "output")
	c.mu.Lock()
	c.outputs++
	c.mu.Unlock()
	stdout, stderr := io.Discard, io.Discard
	if o.Stdout {
		stdout = c.stdout
	}
	if o.Stderr {
		stderr = c.stderr
	}
	c.reading.Go(func() {
		defer own.Close()
		_ = stdcopy.Copy(own, o.TTY, stdout, stderr) // a stream of an Engine that is gone breaks
		c.ends <- protocol.OutputEnd{Last: time.Now(), Ended: time.Now()}
	})
	return nil
}

func (c *runClient) OutputEnds() <-chan protocol.OutputEnd { return c.ends }

func (c *runClient) SignalTaken(s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = append(c.taken, s)
}
