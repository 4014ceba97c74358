package dockercli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"mesos-docker-containerizer/containerizer/dockercli"
	"mesos-docker-containerizer/containerizer/dockercli/protocol"
)

// handlerFixture is a daemon whose commands are carried out by a function of the test.
type handlerFixture struct {
	t      *testing.T
	socket string
	end    context.CancelFunc // of the daemon
	logs   *observer.ObservedLogs
}

// serveCalls starts a daemon. When the test ends, nothing of it may be left.
func serveCalls(t *testing.T, answer func(context.Context, dockercli.Call) int) *handlerFixture {
	t.Helper()
	before := goleak.IgnoreCurrent()
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	core, logs := observer.New(zapcore.DebugLevel)
	handler := dockercli.NewHandler(answer, zap.New(core))
	mux := http.NewServeMux()
	handler.Handle(mux)
	// Shorter than the time to the first sign of life, and long enough for a client on a busy machine to send its request.
	server := &http.Server{Handler: mux, ReadTimeout: time.Second, WriteTimeout: time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx }}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
		handler.Wait()
	}()
	t.Cleanup(func() {
		cancel()
		server.Close()
		<-done
		if err := goleak.Find(before); err != nil {
			t.Error(err)
		}
	})
	return &handlerFixture{t, socket, cancel, logs}
}

// call opens a conversation and makes a call.
func (f *handlerFixture) call(call protocol.Call) *protocol.Conn {
	f.t.Helper()
	c, err := protocol.Dial(f.t.Context(), f.socket)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() })
	if err := c.SendJSON(protocol.KindCall, call); err != nil {
		f.t.Fatal(err)
	}
	return c
}

func arguments(args ...string) (call protocol.Call) {
	for _, a := range args {
		call.Arguments = append(call.Arguments, []byte(a))
	}
	return call
}

// want receives the next frame that is no sign of life.
func want(t *testing.T, c *protocol.Conn, kind protocol.Kind) string {
	t.Helper()
	for {
		got, body, err := c.Receive()
		if err != nil {
			t.Fatalf("%v in place of a frame of kind %d", err, kind)
		}
		if got == kind {
			return string(body)
		}
		if got != protocol.KindAlive {
			t.Fatalf("a frame of kind %d (%q) in place of one of kind %d", got, body, kind)
		}
	}
}

func wantExit(t *testing.T, c *protocol.Conn, status int) {
	t.Helper()
	exit, err := protocol.Decode[protocol.Exit]([]byte(want(t, c, protocol.KindExit)))
	if err != nil || exit.Status != status {
		t.Errorf("exit status %d, %v; want %d", exit.Status, err, status)
	}
}

func TestHandlerHandsTheCallOn(t *testing.T) {
	f := serveCalls(t, func(_ context.Context, c dockercli.Call) int {
		fmt.Fprintf(c.Stdout, "%q %q %v %v", c.Arguments, c.Home, c.Terminal.Stdin, c.Terminal.Stdout)
		fmt.Fprintf(c.Stderr, "%v", <-c.Terminal.Sizes)
		return 7
	})
	call := arguments("ps", "\xff")
	call.Home, call.StdoutTerminal, call.Size = []byte("/sandbox"), true, &protocol.Size{Height: 24, Width: 80}
	c := f.call(call)
	if got, expected := want(t, c, protocol.KindStdout), `["ps" "\xff"] "/sandbox" false true`; got != expected {
		t.Errorf("stdout %s, want %s", got, expected)
	}
	if got := want(t, c, protocol.KindStderr); got != "{24 80}" {
		t.Errorf("stderr %s", got)
	}
	wantExit(t, c, 7)
	if kind, _, err := c.Receive(); err != io.EOF {
		t.Errorf("after the end: kind %d, %v", kind, err)
	}
}

// TestHandlerLogsNoSecrets: arguments of run hold the task's environment.
func TestHandlerLogsNoSecrets(t *testing.T) {
	f := serveCalls(t, func(context.Context, dockercli.Call) int { return 0 })
	for _, call := range []protocol.Call{arguments("run", "-e", "TOKEN=secret"), arguments("TOKEN=secret"), {}} {
		wantExit(t, f.call(call), 0)
	}
	f.end()
	for _, entry := range f.logs.All() {
		if strings.Contains(fmt.Sprint(entry.Message, entry.Context), "secret") {
			t.Errorf("the log holds a secret: %v %v", entry.Message, entry.ContextMap())
		}
	}
	if f.logs.FilterMessage("docker command answered").Len() != 3 {
		t.Errorf("the log is %v", f.logs.All())
	}
}

// TestStdinIsReadAsTheCommandReads: not before, and not beyond.
func TestStdinIsReadAsTheCommandReads(t *testing.T) {
	begin := make(chan struct{})
	f := serveCalls(t, func(_ context.Context, c dockercli.Call) int {
		fmt.Fprint(c.Stdout, "not yet")
		<-begin
		text, err := io.ReadAll(io.LimitReader(c.Stdin, 6))
		fmt.Fprintf(c.Stdout, "%s %v", text, err)
		rest, err := io.ReadAll(c.Stdin)
		fmt.Fprintf(c.Stdout, "%s %v", rest, err)
		n, err := c.Stdin.Read(make([]byte, 1))
		fmt.Fprintf(c.Stdout, "%d %v", n, err)
		return 0
	})
	c := f.call(arguments("exec"))
	if got := want(t, c, protocol.KindStdout); got != "not yet" {
		t.Error(got)
	}
	close(begin)
	want(t, c, protocol.KindReadStdin)
	send(t, c, protocol.KindStdin, "one ")
	want(t, c, protocol.KindReadStdin)
	send(t, c, protocol.KindStdin, "two three")
	if got := want(t, c, protocol.KindStdout); got != "one tw <nil>" {
		t.Error(got)
	}
	want(t, c, protocol.KindReadStdin)
	send(t, c, protocol.KindStdinEnd, "")
	for _, expected := range []string{"o three <nil>", "0 EOF"} {
		if got := want(t, c, protocol.KindStdout); got != expected {
			t.Errorf("%q, want %q", got, expected)
		}
	}
	wantExit(t, c, 0)
}

func send(t *testing.T, c *protocol.Conn, kind protocol.Kind, body string) {
	t.Helper()
	if err := c.Send(kind, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

func TestSignalsAndSizes(t *testing.T) {
	f := serveCalls(t, func(_ context.Context, c dockercli.Call) int {
		if err := c.Terminal.Raw(); err != nil {
			t.Error(err)
		}
		size := <-c.Terminal.Sizes
		first, second := <-c.Signals, <-c.Signals
		fmt.Fprint(c.Stdout, size, first, second)
		return 128 + int(second)
	})
	c := f.call(arguments("run"))
	want(t, c, protocol.KindRaw)
	send(t, c, 77, "of a later version")
	send(t, c, protocol.KindSize, `{"height":1,"width":2,"of_a_later_version":3}`)
	send(t, c, protocol.KindSignal, `{"number":1}`)
	send(t, c, protocol.KindSignal, `{"number":15}`)
	if got, expected := want(t, c, protocol.KindStdout), fmt.Sprint(protocol.Size{Height: 1, Width: 2}, syscall.SIGHUP, syscall.SIGTERM); got != expected {
		t.Errorf("%s, want %s", got, expected)
	}
	wantExit(t, c, 143)
}

// TestSignalsNeedNobody: a command that takes none is not kept from seeing the end of its client.
func TestSignalsNeedNobody(t *testing.T) {
	ended := make(chan struct{})
	f := serveCalls(t, func(ctx context.Context, _ dockercli.Call) int {
		<-ctx.Done()
		close(ended)
		return 0
	})
	c := f.call(arguments("wait"))
	for range 1000 {
		send(t, c, protocol.KindSignal, `{"number":1}`)
		send(t, c, protocol.KindSize, `{"height":1}`)
	}
	c.Close()
	<-ended
}

// TestTheEndOfTheClientEndsTheCommand wherever the command is.
func TestTheEndOfTheClientEndsTheCommand(t *testing.T) {
	for name, wait := range map[string]func(context.Context, dockercli.Call){
		"waiting": func(ctx context.Context, _ dockercli.Call) { <-ctx.Done() },
		"reading": func(_ context.Context, c dockercli.Call) { _, _ = io.Copy(io.Discard, c.Stdin) },
		"writing": func(_ context.Context, c dockercli.Call) {
			for {
				if _, err := c.Stdout.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan error, 1)
			f := serveCalls(t, func(ctx context.Context, c dockercli.Call) int {
				fmt.Fprint(c.Stderr, "begun")
				wait(ctx, c)
				<-ctx.Done()
				ended <- ctx.Err()
				return 0
			})
			c := f.call(arguments("logs"))
			want(t, c, protocol.KindStderr)
			c.Close()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

// TestTheEndOfTheDaemonTellsNothing: the output and status of a command that is cut short are not its own. The daemon closes the
// connection while the command ends, and in some of the rounds the command is faster.
func TestTheEndOfTheDaemonTellsNothing(t *testing.T) {
	for range 20 {
		f := serveCalls(t, func(ctx context.Context, c dockercli.Call) int {
			fmt.Fprint(c.Stdout, "begun")
			<-ctx.Done()
			fmt.Fprint(c.Stdout, "[]")
			fmt.Fprint(c.Stderr, "cut short")
			return 1
		})
		c := f.call(arguments("ps"))
		want(t, c, protocol.KindStdout)
		f.end()
		if kind, body, err := c.Receive(); err == nil {
			t.Fatalf("kind %d, %q", kind, body)
		}
	}
}

// TestASlowReaderHoldsUpItselfAlone, and loses nothing.
func TestASlowReaderHoldsUpItselfAlone(t *testing.T) {
	const size = 32 << 20
	f := serveCalls(t, func(_ context.Context, c dockercli.Call) int {
		if c.Arguments[0] == "ps" {
			n, err := c.Stdout.Write(bytes.Repeat([]byte("x"), size))
			if n != size || err != nil {
				return 1
			}
		}
		return 0
	})
	slow := f.call(arguments("ps"))
	total := len(want(t, slow, protocol.KindStdout)) // so it is being written, to nobody from here on
	for range 20 {
		wantExit(t, f.call(arguments("inspect")), 0)
	}
	for total < size {
		total += len(want(t, slow, protocol.KindStdout))
	}
	if total != size {
		t.Errorf("%d bytes, want %d", total, size)
	}
	wantExit(t, slow, 0)
}

// TestNonsense: the daemon hangs up on a client that talks nonsense, and the command ends.
func TestNonsense(t *testing.T) {
	for name, frames := range map[string][]struct {
		kind protocol.Kind
		body string
	}{
		"no call":           {{protocol.KindStdin, "text"}},
		"a call in no JSON": {{protocol.KindCall, "{"}},
		"two calls":         {{protocol.KindCall, "{}"}, {protocol.KindCall, "{}"}},
		"stdin unasked for": {{protocol.KindCall, "{}"}, {protocol.KindStdin, "a"}, {protocol.KindStdin, "b"}},
		"a signal, broken":  {{protocol.KindCall, "{}"}, {protocol.KindSignal, "TERM"}},
		"a size, broken":    {{protocol.KindCall, "{}"}, {protocol.KindSize, `{"height":-1}`}},
	} {
		t.Run(name, func(t *testing.T) {
			f := serveCalls(t, func(ctx context.Context, _ dockercli.Call) int {
				<-ctx.Done()
				return 0
			})
			c, err := protocol.Dial(t.Context(), f.socket)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for _, frame := range frames {
				_ = c.Send(frame.kind, []byte(frame.body)) // the daemon may have hung up already
			}
			if kind, _, err := c.Receive(); err == nil {
				t.Errorf("a frame of kind %d", kind)
			}
		})
	}
}

func TestHandlerSaysThatItIsAlive(t *testing.T) {
	f := serveCalls(t, func(ctx context.Context, _ dockercli.Call) int {
		<-ctx.Done()
		return 0
	})
	c := f.call(arguments("stop"))
	if kind, body, err := c.Receive(); kind != protocol.KindAlive || len(body) != 0 || err != nil {
		t.Errorf("kind %d, %q, %v", kind, body, err)
	}
}
