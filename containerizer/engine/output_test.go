package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/google/go-cmp/cmp"
)

const chatty = `i=0
while [ $i -lt 20000 ]; do echo "line $i of the output, long enough to fill a few buffers on its way"; i=$((i+1)); done
echo error >&2`

// checkChatty compares what the stream of chatty held with what it must hold.
func checkChatty(t *testing.T, stream io.Reader) {
	t.Helper()
	var stdout, stderr, want bytes.Buffer
	if _, err := stdcopy.StdCopy(&stdout, &stderr, stream); err != nil {
		t.Error(err)
	}
	for i := range 20000 {
		fmt.Fprintf(&want, "line %d of the output, long enough to fill a few buffers on its way\n", i)
	}
	if !bytes.Equal(stdout.Bytes(), want.Bytes()) {
		t.Errorf("stdout has %d bytes, want %d", stdout.Len(), want.Len())
	}
	if stderr.String() != "error\n" {
		t.Errorf("stderr is %q", stderr.String())
	}
}

func readAll(t *testing.T, f *os.File) string {
	t.Helper()
	if err := f.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Error(err)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		t.Errorf("after %d bytes: %v", len(b), err)
	}
	return string(b)
}

// The stream is handed to another process and closed here before the container starts: every byte arrives there.
func TestAttachOutputInAnotherProcess(t *testing.T) {
	socket := realSocket(t)
	c, ref := newClient(t, socket), busyboxImage(t, socket)
	id, _ := create(t, c, shell(ref, chatty), nil)
	stream, err := c.AttachOutput(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	received := filepath.Join(t.TempDir(), "received")
	reader := exec.Command("/bin/sh", "-c", `exec cat <&3 >"$1"`, "sh", received)
	reader.ExtraFiles = []*os.File{stream}
	reader.Stderr = os.Stderr
	if err := reader.Start(); err != nil {
		t.Fatal(err)
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, c, id)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := reader.Wait(); err != nil {
			t.Error(err)
		}
	}()
	within(t, "end of the stream", ended)
	f, err := os.Open(received)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	checkChatty(t, f)
}

func TestOutputOfATerminal(t *testing.T) {
	socket := realSocket(t)
	c, ref := newClient(t, socket), busyboxImage(t, socket)
	cfg := shell(ref, "echo out; echo err >&2")
	cfg.Tty = true
	id, _ := create(t, c, cfg, nil)
	stream, err := c.AttachOutput(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	start(t, c, id)
	if got := readAll(t, stream); got != "out\r\nerr\r\n" {
		t.Errorf("got %q", got)
	}
}

func TestLogOutput(t *testing.T) {
	socket := realSocket(t)
	c, ref := newClient(t, socket), busyboxImage(t, socket)
	host := &container.HostConfig{NetworkMode: "none", LogConfig: container.LogConfig{Type: "local"}}

	id, _ := create(t, c, shell(ref, chatty), host)
	start(t, c, id)
	stream, err := c.LogOutput(t.Context(), id, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	checkChatty(t, strings.NewReader(readAll(t, stream)))

	t.Run("since", func(t *testing.T) {
		id, _ := create(t, c, shell(ref, "echo old; read line </wait; echo new"), withWaitFile(t, host))
		attached, err := c.AttachOutput(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		defer attached.Close()
		start(t, c, id)
		old := make([]byte, len("12345678old\n"))
		if _, err := io.ReadFull(attached, old); err != nil {
			t.Fatal(err)
		}
		since := time.Now()
		release(t, host)
		stream, err := c.LogOutput(t.Context(), id, since)
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		var stdout bytes.Buffer
		if _, err := stdcopy.StdCopy(&stdout, io.Discard, strings.NewReader(readAll(t, stream))); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff("new\n", stdout.String()); diff != "" {
			t.Error(diff)
		}
	})
}

// withWaitFile mounts a fifo at /wait, on which a container can wait for release.
func withWaitFile(t *testing.T, host *container.HostConfig) *container.HostConfig {
	t.Helper()
	fifo := filepath.Join(t.TempDir(), "wait")
	if out, err := exec.Command("mkfifo", fifo).CombinedOutput(); err != nil {
		t.Fatalf("mkfifo: %v: %s", err, out)
	}
	host.Binds = []string{fifo + ":/wait"}
	return host
}

func release(t *testing.T, host *container.HostConfig) {
	t.Helper()
	fifo, _, _ := strings.Cut(host.Binds[0], ":")
	if err := os.WriteFile(fifo, []byte("go\n"), 0); err != nil {
		t.Fatal(err)
	}
}

func TestStreamsOfNoContainer(t *testing.T) {
	c := newClient(t, realSocket(t))
	name := uniqueName()
	if _, err := c.AttachOutput(t.Context(), name); !IsNotFound(err) || !strings.Contains(err.Error(), "No such container") {
		t.Errorf("attach: %v", err)
	}
	if _, err := c.LogOutput(t.Context(), name, time.Time{}); !IsNotFound(err) {
		t.Errorf("log: %v", err)
	}
}

// streamDouble answers requests for streams with raw bytes, written in pieces.
func streamDouble(t *testing.T, pieces ...string) *double {
	return newDouble(t, "", engineOf("1.41", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		for _, piece := range pieces {
			_, _ = conn.Write([]byte(piece))
		}
	}))
}

// Output that comes in one packet with the header, or around it in whatever pieces, is neither lost nor repeated.
func TestHeaderIsTakenExactly(t *testing.T) {
	const head = "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
	const output = "\r\n\r\noutput\r\n\r\n"
	whole := head + output
	for cut := range len(whole) {
		c := newClient(t, streamDouble(t, whole[:cut], whole[cut:]).socket)
		stream, err := c.AttachOutput(t.Context(), "c1")
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if got := readAll(t, stream); got != output {
			t.Errorf("cut at %d: %q", cut, got)
		}
		_ = stream.Close()
	}
}

func TestStreamsThatDoNotOpen(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		is           func(error) bool
		text         string
	}{
		{"end of file", "", IsUnavailable, "no answer"},
		{"cut header", "HTTP/1.1 101 UPGR", IsUnavailable, "no answer"},
		{"no HTTP", "hello\r\n\r\n", IsUnavailable, "malformed"},
		{"endless header", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxHead), IsUnavailable, "exceeds"},
		{"refusal", "HTTP/1.1 409 Conflict\r\nContent-Length: 22\r\n\r\n{\"message\":\"is paused\"}", IsConflict, "is paused"},
		{"refusal in words", "HTTP/1.1 400 Bad Request\r\n\r\nin words", IsInvalid, "in words"},
		{"refusal without a body", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", IsNotFound, "404"},
		{"refusal cut short", "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n", IsNotFound, "404"},
	} {
		c := newClient(t, streamDouble(t, tt.answer).socket)
		_, err := c.AttachOutput(t.Context(), "c1")
		if !tt.is(err) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestStreamOfAHungEngine(t *testing.T) {
	d, asked := hangingDouble(t)
	c := newClient(t, d.socket)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := c.AttachOutput(ctx, "c1"); !IsUnavailable(err) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	<-asked
	cancelled, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := c.LogOutput(cancelled, "c1", time.Time{}); !errors.Is(err, context.Canceled) || IsUnavailable(err) {
		t.Error(err)
	}
}

func FuzzReadHead(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\n\r\nrest"), 3)
	f.Add([]byte("\r\n\r\n\r\n"), 0)
	f.Add([]byte("no end"), 1)
	f.Fuzz(func(t *testing.T, sent []byte, cut int) {
		if len(sent) > 8192 || cut < 0 || cut > len(sent) {
			return
		}
		pair := socketPair(t)
		go func() {
			defer pair[1].Close()
			_, _ = pair[1].Write(sent[:cut])
			_, _ = pair[1].Write(sent[cut:])
		}()
		defer pair[0].Close()
		head, err := readHead(pair[0])
		rest, _ := io.ReadAll(pair[0])
		end := bytes.Index(sent, endOfHead)
		if end < 0 {
			if err == nil {
				t.Fatalf("no end, but head %q", head)
			}
			return
		}
		end += len(endOfHead)
		if err != nil || !bytes.Equal(head, sent[:end]) || !bytes.Equal(rest, sent[end:]) {
			t.Fatalf("head %q, rest %q, %v", head, rest, err)
		}
	})
}

func socketPair(t *testing.T) (pair [2]*net.UnixConn) {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s")})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if pair[0], err = net.DialUnix("unix", nil, listener.Addr().(*net.UnixAddr)); err != nil {
		t.Fatal(err)
	}
	if pair[1], err = listener.AcceptUnix(); err != nil {
		t.Fatal(err)
	}
	return pair
}
