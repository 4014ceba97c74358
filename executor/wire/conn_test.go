package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"mesos-docker-containerizer/internal/transport"
)

// pair returns two connected ends; the second is bare, to misbehave with.
func pair(t testing.TB) (*Conn, *net.UnixConn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ends := make([]*net.UnixConn, 2)
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		c, err := net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = c.(*net.UnixConn)
		t.Cleanup(func() { c.Close() })
	}
	return NewConn(ends[0]), ends[1]
}

func samples() []Message {
	now := time.Unix(1700000000, 12345).UTC()
	return []Message{
		{Attach: &Attach{Version: Version, Route: RouteDropIn, Framework: "f", Executor: "e", Sandbox: "/s", StopGrace: time.Second,
			TaskEnvironment: map[string]string{"A": "a=b\n", "": "é"},
			State: &State{Launch: Launch{Task: "t", TaskInfo: []byte{0, 255}}, ContainerID: "c", PrepareDeadline: now,
				OutputSince: now, Position: &Position{Since: now, Stdout: 1, Stderr: 2, Until: now, Again: true, Broken: true}, Kill: &Kill{Deadline: now, Grace: 1, Sent: now}, Exited: true}}},
		{Launch: &Launch{Task: "t\n=\"", TaskInfo: bytes.Repeat([]byte{1, 2, 3}, 1_000)}},
		{Kill: &Kill{Deadline: now, Grace: 1, Sent: now}},
		{Resume: &Resume{Since: now}},
		{Resume: &Resume{Since: now, Position: &Position{Stdout: 1}}},
		{Done: &Done{}},
		{Refused: &Refused{Reason: "no", Permanent: true}},
		{Accepted: &Accepted{PrepareDeadline: now, Warnings: []string{"w"}}},
		{Progress: &Progress{Message: "pulling", Pull: &Pull{Reference: "a/b:c", Bytes: 1, Total: 2, Layers: 3, Done: 1}}},
		{Created: &Created{ContainerID: "c"}},
		{Output: &Output{TTY: true}},
		{Output: &Output{Resumed: true, Past: &Past{Until: now, Whole: 1}}},
		{Output: &Output{Resumed: true, From: now, Lost: "l"}},
		{Running: &Running{IPv4: "172.17.0.2", Inspect: []byte(`{"Id":"c"}`)}},
		{Health: &Health{Message: "HTTP GET answered 503"}},
		{Check: &Check{ExitCode: new(int32(0))}},
		{Check: &Check{StatusCode: new(uint32(503)), Succeeded: new(false), Message: "m"}},
		{Gone: &Gone{}},
		{Exited: &Exited{Outcome: OutcomeExited, Code: 137, OOM: true, Foreign: true, Message: "m", Fault: FaultTask}},
		{Exited: &Exited{Outcome: OutcomeUnknown, Gone: true}},
	}
}

func TestEveryMessageArrives(t *testing.T) {
	receiver, bare := pair(t)
	sender := NewConn(bare)
	go func() {
		for _, m := range samples() {
			if err := sender.Send(m, nil); err != nil {
				t.Error(err)
			}
		}
		sender.Close()
	}()
	for _, want := range samples() {
		got, file, err := receiver.Receive()
		if err != nil || file != nil {
			t.Fatalf("Receive: %v, file %v", err, file)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("message changed on the way (-sent +received):\n%s", diff)
		}
	}
	if _, _, err := receiver.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last message: %v, want EOF", err)
	}
}

// Frames have no boundaries on the socket: whatever pieces they arrive in, the messages are the same.
func TestFramesInPieces(t *testing.T) {
	var stream []byte
	for _, m := range samples() {
		conn, bare := pair(t)
		done := make(chan []byte)
		go func() { b, _ := io.ReadAll(bare); done <- b }()
		if err := conn.Send(m, nil); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		stream = append(stream, <-done...)
	}
	rapid.Check(t, func(rt *rapid.T) {
		receiver, bare := pair(t)
		cuts := rapid.SliceOfN(rapid.IntRange(0, len(stream)), 0, 8).Draw(rt, "cuts")
		go func() {
			defer bare.Close()
			last := 0
			for _, cut := range cuts {
				if cut > last {
					bare.Write(stream[last:cut])
					last = cut
				}
			}
			bare.Write(stream[last:])
		}()
		for i, want := range samples() {
			got, _, err := receiver.Receive()
			if err != nil {
				rt.Fatalf("message %d: %v", i, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("message %d:\n%s", i, diff)
			}
		}
		receiver.Close()
	})
}

func TestBadFrames(t *testing.T) {
	frame := func(body string) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
	}
	for name, test := range map[string]struct {
		bytes []byte
		want  error
	}{
		"truncated header": {[]byte{0, 0}, io.ErrUnexpectedEOF},
		"truncated body":   {frame(`{"done":{}}`)[:8], io.ErrUnexpectedEOF},
		"no body":          {[]byte{0, 0, 0, 9}, io.ErrUnexpectedEOF},
		"oversized":        {binary.BigEndian.AppendUint32(nil, MaxFrame+1), transport.ErrFrameTooLarge},
		"huge":             {[]byte{255, 255, 255, 255}, transport.ErrFrameTooLarge},
		"not JSON":         {frame(`done`), transport.ErrFrame},
		"empty":            {frame(``), transport.ErrFrame},
		"wrong type":       {frame(`{"kill":{"deadline":7}}`), transport.ErrFrame},
		"two messages":     {frame(`{"done":{},"kill":{}}`), transport.ErrFrame},
	} {
		t.Run(name, func(t *testing.T) {
			receiver, bare := pair(t)
			go func() { bare.Write(test.bytes); bare.Close() }()
			if _, _, err := receiver.Receive(); !errors.Is(err, test.want) {
				t.Errorf("Receive: %v, want %v", err, test.want)
			}
		})
	}
}

// TestTwoMessagesInOneFrame has each kind of message beside another.
func TestTwoMessagesInOneFrame(t *testing.T) {
	kinds := reflect.TypeFor[Message]()
	for i := range kinds.NumField() {
		var m Message
		for _, set := range []int{i, (i + 1) % kinds.NumField()} {
			reflect.ValueOf(&m).Elem().Field(set).Set(reflect.New(kinds.Field(set).Type.Elem()))
		}
		body, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(body); !errors.Is(err, transport.ErrFrame) {
			t.Errorf("%s: %v, want %v", body, err, transport.ErrFrame)
		}
	}
}

func TestUnknownMessageIsSkippable(t *testing.T) {
	receiver, bare := pair(t)
	body := `{"of_a_later_version":{"a":1}}`
	go func() { bare.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)) }()
	m, _, err := receiver.Receive()
	if err != nil || m != (Message{}) {
		t.Errorf("Receive: %+v, %v", m, err)
	}
}

func TestOversizedMessageIsNotSent(t *testing.T) {
	conn, _ := pair(t)
	err := conn.Send(Message{Launch: &Launch{TaskInfo: make([]byte, MaxFrame)}}, nil)
	if !errors.Is(err, transport.ErrFrameTooLarge) {
		t.Errorf("Send: %v", err)
	}
}

func TestFileComesWithItsMessage(t *testing.T) {
	receiver, bare := pair(t)
	sender := NewConn(bare)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	go func() {
		sender.Send(Message{Created: &Created{ContainerID: "c"}}, nil)
		sender.Send(Message{Output: &Output{}}, r)
		r.Close()
		sender.Send(Message{Exited: &Exited{}}, nil)
		sender.Close()
	}()
	var got *os.File
	for _, wantFile := range []bool{false, true, false} {
		m, file, err := receiver.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if (file != nil) != wantFile {
			t.Errorf("%+v came with file %v", m, file)
		}
		if file != nil {
			got = file
		}
	}
	defer got.Close()
	w.Write([]byte("through another process"))
	w.Close()
	if b, err := io.ReadAll(got); err != nil || string(b) != "through another process" {
		t.Errorf("read %q, %v", b, err)
	}
}

// A peer that passes files nobody asked for must not fill our descriptor table.
func TestUnwantedFilesAreClosed(t *testing.T) {
	receiver, bare := pair(t)
	sender := NewConn(bare)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		sender.Send(Message{Done: &Done{}}, w)
		w.Close()
	}()
	if _, file, err := receiver.Receive(); err != nil || file != nil {
		t.Fatalf("Receive: file %v, %v", file, err)
	}
	// Every copy of the write end is closed, or this would block.
	if b, err := io.ReadAll(r); err != nil || len(b) != 0 {
		t.Errorf("read %q, %v", b, err)
	}
}

func TestProcess(t *testing.T) {
	self, err := FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if alive, err := self.Alive(); !alive || err != nil {
		t.Errorf("this process: alive %v, %v", alive, err)
	}
	other := self
	other.StartTime++
	if alive, err := other.Alive(); alive || err != nil {
		t.Errorf("same pid, other start: alive %v, %v", alive, err)
	}

	cmd := exec.Command("cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	child, err := FindProcess(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	stdin.Close()
	io.ReadAll(stdout)
	// The pipe closes a moment before the process is a zombie, so ask until it is; it is not reaped before Wait.
	for deadline := time.Now().Add(10 * time.Second); ; {
		alive, err := child.Alive()
		if err != nil {
			t.Fatal(err)
		}
		if !alive {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a process that ended and was not reaped counts as alive")
		}
	}
	cmd.Wait()
	if alive, err := child.Alive(); alive || err != nil {
		t.Errorf("reaped process: alive %v, %v", alive, err)
	}
}

func TestParseStat(t *testing.T) {
	rest := func(state string, threads int) string {
		return fmt.Sprintf(" %s%s %d 1 4711 0 0", state, strings.Repeat(" 1", 16), threads)
	}
	for name, tt := range map[string]struct {
		line  string
		ended bool
	}{
		"plain":                           {"12 (cat)" + rest("S", 1), false},
		"blanks":                          {"12 (a b)" + rest("S", 1), false},
		"parentheses":                     {"12 (x) Z 1 (y)" + rest("R", 9), false},
		"not reaped":                      {"12 (cat)" + rest("Z", 1), true},
		"not reaped, without signals":     {"12 (cat)" + rest("Z", 0), true},
		"reaped":                          {"12 (cat)" + rest("X", 2), true},
		"other threads than first do run": {"12 (cat)" + rest("Z", 2), false},
	} {
		if _, ended, start, err := parseStat([]byte(tt.line)); ended != tt.ended || start != 4711 || err != nil {
			t.Errorf("%s: %t, %d, %v", name, ended, start, err)
		}
	}
	for name, line := range map[string]string{"empty": "", "short": "12 (cat) S 1", "no number": "12 (c) S" + strings.Repeat(" x", 30)} {
		if _, _, _, err := parseStat([]byte(line)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, '{', '}'})
	f.Add(append([]byte{0, 0, 0, 11}, `{"done":{}}`...))
	f.Add(append([]byte{0, 0, 0, 36}, `{"stop":{"grace":1000,"reason":"x"}}`...))
	f.Add([]byte{0xff, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		receiver, bare := pair(t)
		go func() { bare.Write(data); bare.Close() }()
		for {
			m, file, err := receiver.Receive()
			if file != nil {
				t.Fatal("a file out of nowhere")
			}
			if err != nil {
				return
			}
			if m.kinds() > 1 {
				t.Fatalf("two messages in one: %+v", m)
			}
		}
	})
}
