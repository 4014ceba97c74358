package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"mesos-docker-containerizer/internal/transport"
)

// pair returns the two ends of a conversation.
func pair(t testing.TB) (client, daemon *Conn) {
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	return newConn(a, nil), newConn(b, nil)
}

// reader is a Conn that receives the bytes.
func reader(content []byte) *Conn {
	return newConn(ended{}, content)
}

// ended is a connection that has come to its end.
type ended struct{ net.Conn }

func (ended) Read([]byte) (int, error) { return 0, io.EOF }

func frame(kind Kind, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{byte(kind)}, uint32(len(body))), body...)
}

func TestFramesArriveAsSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type sent struct {
			Kind Kind
			Body string
		}
		frames := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) sent {
			return sent{Kind(rapid.Byte().Draw(t, "kind")), string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "body"))}
		}), 0, 20).Draw(t, "frames")
		a, b := net.Pipe()
		from, to := newConn(a, nil), newConn(b, nil)
		go func() {
			defer a.Close()
			for _, f := range frames {
				if err := from.Send(f.Kind, []byte(f.Body)); err != nil {
					panic(err)
				}
			}
		}()
		var got []sent
		for {
			kind, body, err := to.Receive()
			if err != nil {
				if err != io.EOF {
					t.Fatal(err)
				}
				break
			}
			got = append(got, sent{kind, string(body)})
		}
		if len(got) != len(frames) || len(frames) > 0 && !cmp.Equal(got, frames) {
			t.Fatalf("sent %q, received %q", frames, got)
		}
	})
}

// TestCallKeepsBytes: command lines and paths are bytes.
func TestCallKeepsBytes(t *testing.T) {
	client, daemon := pair(t)
	want := Call{Arguments: [][]byte{[]byte("exec"), {0xff, 0xfe}, []byte("ü"), {}}, Home: []byte("/\x80"), StdinTerminal: true, Size: &Size{1, 2}}
	go func() { _ = client.SendJSON(KindCall, want) }()
	kind, body, err := daemon.Receive()
	if err != nil || kind != KindCall {
		t.Fatal(kind, err)
	}
	got, err := Decode[Call](body)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if _, err := Decode[Call]([]byte("{")); !errors.Is(err, transport.ErrFrame) {
		t.Errorf("half a call: %v", err)
	}
}

func TestWriterCutsIntoFrames(t *testing.T) {
	client, daemon := pair(t)
	text := bytes.Repeat([]byte("0123456789"), 10_000)
	go func() {
		n, err := daemon.Writer(KindStdout).Write(text)
		if n != len(text) || err != nil {
			panic(err)
		}
		_ = daemon.Close()
	}()
	var got []byte
	for {
		kind, body, err := client.Receive()
		if err == io.EOF {
			break
		}
		if err != nil || kind != KindStdout {
			t.Fatal(kind, err)
		}
		got = append(got, body...)
	}
	if !bytes.Equal(got, text) {
		t.Errorf("%d bytes arrived, or others than the %d sent", len(got), len(text))
	}
}

// TestReceiveEnds tells the orderly end of the peer from that in the middle of a frame.
func TestReceiveEnds(t *testing.T) {
	whole := frame(KindStdout, []byte("text"))
	for n := range whole {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if _, _, err := reader(whole[:n]).Receive(); err != want {
			t.Errorf("%d bytes of a frame: %v, want %v", n, err, want)
		}
	}
}

// TestLimits: neither a frame nor its mere header costs memory without end.
func TestLimits(t *testing.T) {
	client, _ := pair(t)
	if err := client.Send(KindStdin, make([]byte, MaxBody+1)); !errors.Is(err, transport.ErrFrameTooLarge) {
		t.Errorf("a large frame is sent: %v", err)
	}
	for kind, size := range map[Kind]uint32{KindCall: MaxCall + 1, KindStdout: MaxBody + 1, 200: MaxBody + 1, KindSize: 1<<32 - 1} {
		header := binary.BigEndian.AppendUint32([]byte{byte(kind)}, size)
		if _, _, err := reader(header).Receive(); !errors.Is(err, transport.ErrFrameTooLarge) {
			t.Errorf("%d bytes of kind %d: %v", size, kind, err)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, _, err := reader(binary.BigEndian.AppendUint32([]byte{byte(KindCall)}, MaxCall)).Receive(); err != io.ErrUnexpectedEOF {
		t.Errorf("a header alone: %v", err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("a header alone cost %d bytes", grown)
	}
	c := reader(append(frame(KindCall, make([]byte, MaxCall)), frame(KindStdin, nil)...))
	if _, body, err := c.Receive(); err != nil || len(body) != MaxCall {
		t.Errorf("the longest call: %d bytes, %v", len(body), err)
	}
	if kind, _, err := c.Receive(); err != nil || kind != KindStdin {
		t.Errorf("after the longest call: kind %d, %v", kind, err)
	}
}

// TestAliveYieldsToOutput: a client that does not read must not block who says that the daemon is alive.
func TestAliveYieldsToOutput(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	daemon := newConn(b, nil)
	defer daemon.Close()
	written := make(chan error, 1)
	go func() { written <- daemon.Send(KindStdout, []byte("text")) }()
	first := make([]byte, 1)
	if _, err := a.Read(first); err != nil { // so the frame is being sent
		t.Fatal(err)
	}
	client := newConn(a, first)
	if err := daemon.SendAlive(); err != nil {
		t.Fatal(err)
	}
	if kind, body, err := client.Receive(); kind != KindStdout || string(body) != "text" || err != nil {
		t.Errorf("kind %d, %q, %v", kind, body, err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	go func() { written <- daemon.SendAlive() }()
	if kind, body, err := client.Receive(); kind != KindAlive || len(body) != 0 || err != nil {
		t.Errorf("kind %d, %q, %v", kind, body, err)
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(frame(KindCall, []byte(`{"arguments":["cHM=","LWE="]}`)))
	f.Add(append(frame(KindStdout, []byte("text")), frame(KindExit, []byte(`{"status":1}`))...))
	f.Add(frame(KindSize, []byte(`{"height":-1}`)))
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0})
	f.Add(append(frame(99, []byte("of a later version")), 2, 0, 0))
	f.Fuzz(func(t *testing.T, content []byte) {
		c := reader(content)
		var consumed []byte
		for {
			kind, body, err := c.Receive()
			if err != nil {
				if err == io.EOF && !bytes.Equal(consumed, content) {
					t.Fatalf("the orderly end of %q after %q", content, consumed)
				}
				return
			}
			consumed = append(consumed, frame(kind, body)...)
			if !bytes.HasPrefix(content, consumed) {
				t.Fatalf("%q was received as %q", content, consumed)
			}
			switch kind {
			case KindCall:
				_, _ = Decode[Call](body)
			case KindSignal:
				_, _ = Decode[Signal](body)
			case KindSize:
				_, _ = Decode[Size](body)
			case KindExit:
				_, _ = Decode[Exit](body)
			}
		}
	})
}
