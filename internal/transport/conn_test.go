package transport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The two formats that are in use, with small limits.
var (
	plain = Format{Limit: func(byte) int { return maxBody }, Retain: 1 << 10}
	kinds = Format{Kinds: true, Limit: func(kind byte) int {
		if kind == large {
			return maxLarge
		}
		return maxBody
	}, Retain: 1 << 10}
)

const (
	maxBody  = 100 << 10
	maxLarge = 4 << 20
	large    = 1 // the kind whose body may be larger
)

// frame is what goes over the wire.
func frame(f Format, kind byte, body []byte) []byte {
	var header []byte
	if f.Kinds {
		header = append(header, kind)
	}
	return append(binary.BigEndian.AppendUint32(header, uint32(len(body))), body...)
}

// pair returns two connected sockets.
func pair(t testing.TB) (a, b *net.UnixConn) {
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
	return ends[0], ends[1]
}

// ended is a connection that has come to its end.
type ended struct{ net.Conn }

func (ended) Read([]byte) (int, error) { return 0, io.EOF }

// reader receives what was read ahead, and no more.
func reader(f Format, content []byte) *Conn { return New(ended{}, f, content) }

func TestFormatIsWhatGoesOverTheWire(t *testing.T) {
	for want, f := range map[string]Format{"\x00\x00\x00\x02ab": plain, "\x07\x00\x00\x00\x02ab": kinds} {
		a, b := pair(t)
		if err := New(a, f, nil).Send(7, []byte("ab"), nil); err != nil {
			t.Fatal(err)
		}
		a.Close()
		if got, err := io.ReadAll(b); err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
}

// Frames have no boundaries on a socket: in whatever pieces they arrive, and however much was read before, they are the same.
func TestFramesArriveAsSent(t *testing.T) {
	type sent struct {
		Kind byte
		Body string
	}
	rapid.Check(t, func(rt *rapid.T) {
		format := rapid.SampledFrom([]Format{plain, kinds}).Draw(rt, "format")
		frames := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) sent {
			kind := rapid.Byte().Draw(t, "kind")
			if !format.Kinds {
				kind = 0
			}
			return sent{kind, string(bytes.Repeat([]byte("x"), rapid.SampledFrom([]int{0, 1, 300, bodyStep, maxBody}).Draw(t, "size")))}
		}), 0, 6).Draw(rt, "frames")
		var stream []byte
		for _, f := range frames {
			stream = append(stream, frame(format, f.Kind, []byte(f.Body))...)
		}
		cuts := rapid.SliceOfN(rapid.IntRange(0, len(stream)), 0, 8).Draw(rt, "cuts")
		a, b := pair(t)
		ahead := 0
		if len(cuts) > 0 {
			ahead = cuts[0]
		}
		go func() {
			defer a.Close()
			last := ahead
			for _, cut := range cuts {
				if cut > last {
					a.Write(stream[last:cut])
					last = cut
				}
			}
			a.Write(stream[last:])
		}()
		defer b.Close()
		c := New(b, format, stream[:ahead])
		var got []sent
		for {
			f, err := c.Receive()
			if err == io.EOF {
				break
			}
			if err != nil || f.File != nil {
				rt.Fatal(err, f.File)
			}
			got = append(got, sent{f.Kind, string(f.Body)})
		}
		if len(got) != len(frames) || len(frames) > 0 && !cmp.Equal(got, frames) {
			rt.Fatalf("%d frames sent, %d received, or others", len(frames), len(got))
		}
		if cap(c.buffer) > format.Retain {
			rt.Fatalf("%d bytes are kept", cap(c.buffer))
		}
	})
}

// TestReceiveEnds tells the orderly end of the peer from that in the middle of a frame.
func TestReceiveEnds(t *testing.T) {
	for _, f := range []Format{plain, kinds} {
		whole := frame(f, 7, []byte("text"))
		for n := range whole {
			want := io.ErrUnexpectedEOF
			if n == 0 {
				want = io.EOF
			}
			if _, err := reader(f, whole[:n]).Receive(); err != want {
				t.Errorf("%d bytes of a frame: %v, want %v", n, err, want)
			}
			a, b := pair(t)
			a.Write(whole[:n])
			a.Close()
			if _, err := New(b, f, nil).Receive(); err != want {
				t.Errorf("%d bytes of a frame from a socket: %v, want %v", n, err, want)
			}
		}
	}
}

// TestLimits: neither a frame nor its mere header costs memory without end.
func TestLimits(t *testing.T) {
	a, _ := pair(t)
	for kind, size := range map[byte]int{large: maxLarge + 1, 2: maxBody + 1} {
		for _, err := range []error{New(a, kinds, nil).Send(kind, make([]byte, size), nil), New(a, kinds, nil).TrySend(kind, make([]byte, size))} {
			if !errors.Is(err, ErrFrameTooLarge) {
				t.Errorf("%d bytes of kind %d are sent: %v", size, kind, err)
			}
		}
	}
	for kind, size := range map[byte]uint32{large: maxLarge + 1, 2: maxBody + 1, 200: 1<<32 - 1} {
		header := binary.BigEndian.AppendUint32([]byte{kind}, size)
		if _, err := reader(kinds, header).Receive(); !errors.Is(err, ErrFrameTooLarge) {
			t.Errorf("%d bytes of kind %d: %v", size, kind, err)
		}
		if _, err := reader(plain, header[1:]).Receive(); !errors.Is(err, ErrFrameTooLarge) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := reader(kinds, binary.BigEndian.AppendUint32([]byte{large}, maxLarge)).Receive(); err != io.ErrUnexpectedEOF {
		t.Errorf("a header alone: %v", err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("a header alone cost %d bytes", grown)
	}
	c := reader(kinds, append(frame(kinds, large, make([]byte, maxLarge)), frame(kinds, 2, nil)...))
	if f, err := c.Receive(); err != nil || len(f.Body) != maxLarge || c.buffer != nil {
		t.Errorf("the largest frame: %d bytes, %v, %d kept", len(f.Body), err, cap(c.buffer))
	}
	if f, err := c.Receive(); err != nil || f.Kind != 2 || len(f.Body) != 0 {
		t.Errorf("after the largest frame: %+v, %v", f, err)
	}
}

// TestDeadlines: one that passes between two frames is no harm, and a peer that reads nothing holds up no sender for good.
func TestDeadlines(t *testing.T) {
	a, b := pair(t)
	c := New(a, plain, nil)
	if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Receive(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("after its deadline: %v", err)
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	b.Write(frame(plain, 0, []byte("text")))
	if f, err := c.Receive(); err != nil || string(f.Body) != "text" {
		t.Errorf("after a deadline: %q, %v", f.Body, err)
	}
	impatient := plain
	impatient.SendTimeout = 20 * time.Millisecond
	c = New(a, impatient, nil)
	for {
		if err := c.Send(0, make([]byte, maxBody), nil); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a peer that does not read: %v", err)
			}
			break
		}
	}
}

func TestTrySendYields(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	c := New(b, kinds, nil)
	sent := make(chan error, 1)
	go func() { sent <- c.Send(7, []byte("text"), nil) }()
	first := make([]byte, 1)
	if _, err := a.Read(first); err != nil { // so the frame is being sent
		t.Fatal(err)
	}
	if err := c.TrySend(8, nil); err != nil {
		t.Fatal(err)
	}
	peer := New(a, kinds, first)
	if f, err := peer.Receive(); f.Kind != 7 || string(f.Body) != "text" || err != nil {
		t.Errorf("%+v, %v", f, err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	go func() { sent <- c.TrySend(8, nil) }()
	if f, err := peer.Receive(); f.Kind != 8 || len(f.Body) != 0 || err != nil {
		t.Errorf("%+v, %v", f, err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte(nil), true)
	f.Add([]byte{0, 0, 0, 2, '{', '}'}, false)
	f.Add([]byte{0xff, 0, 0, 0}, false)
	f.Add(append(frame(kinds, 6, []byte("text")), frame(kinds, 11, []byte(`{"status":1}`))...), true)
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0}, true)
	f.Add(append(frame(kinds, 99, []byte("of a later version")), 2, 0, 0), true)
	f.Fuzz(func(t *testing.T, content []byte, withKinds bool) {
		format := plain
		if withKinds {
			format = kinds
		}
		c := reader(format, content)
		var consumed []byte
		for {
			f, err := c.Receive()
			if err != nil {
				if err == io.EOF && !bytes.Equal(consumed, content) {
					t.Fatalf("the orderly end of %q after %q", content, consumed)
				}
				return
			}
			consumed = append(consumed, frame(format, f.Kind, f.Body)...)
			if !bytes.HasPrefix(content, consumed) {
				t.Fatalf("%q was received as %q", content, consumed)
			}
		}
	})
}

// pipe returns a pipe that holds a text.
func pipe(t *testing.T, text string) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	fmt.Fprint(w, text)
	w.Close()
	return r
}

// TestFilesArriveWithTheirFrames: of frames that are all there before the first is read, each brings its own file, whether the
// sender passes it with the header, as this package does, or with the whole frame, as older peers do.
func TestFilesArriveWithTheirFrames(t *testing.T) {
	for _, f := range []Format{plain, kinds} {
		a, b := pair(t)
		sender, receiver := New(a, f, nil), New(b, f, nil)
		const many = 5
		for i := range many {
			if err := sender.Send(2, []byte("none"), nil); err != nil {
				t.Fatal(err)
			}
			file := pipe(t, fmt.Sprint(i))
			if i%2 == 0 {
				if err := sender.Send(3, []byte("file"), file); err != nil {
					t.Fatal(err)
				}
			} else if _, _, err := a.WriteMsgUnix(frame(f, 3, []byte("file")), syscall.UnixRights(int(file.Fd())), nil); err != nil {
				t.Fatal(err)
			}
		}
		for i := range many {
			if got, err := receiver.Receive(); err != nil || string(got.Body) != "none" || got.File != nil {
				t.Fatalf("%+v, %v", got, err)
			}
			got, err := receiver.Receive()
			if err != nil || string(got.Body) != "file" || got.File == nil {
				t.Fatalf("%+v, %v", got, err)
			}
			text, err := io.ReadAll(got.File)
			if string(text) != fmt.Sprint(i) || err != nil {
				t.Errorf("file %d has %q, %v", i, text, err)
			}
			got.File.Close()
		}
	}
}

// TestUnwantedFilesAreClosed: a peer that passes more than was agreed does not fill our table of descriptors.
func TestUnwantedFilesAreClosed(t *testing.T) {
	for _, c := range []struct {
		files int
		fails bool
	}{{2, false}, {20, true}} { // more than there is space for
		a, b := pair(t)
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		fds := make([]int, c.files)
		for i := range fds {
			fds[i] = int(w.Fd())
		}
		if _, _, err := a.WriteMsgUnix(frame(plain, 0, []byte("text")), syscall.UnixRights(fds...), nil); err != nil {
			t.Fatal(err)
		}
		w.Close()
		got, err := New(b, plain, nil).Receive()
		if c.fails != errors.Is(err, ErrFrame) {
			t.Errorf("%d files: %v", c.files, err)
		}
		if got.File != nil {
			got.File.Close()
		}
		// Every copy of the write end is closed, or this would block.
		if b, err := io.ReadAll(r); err != nil || len(b) != 0 {
			t.Errorf("read %q, %v", b, err)
		}
	}
}

// TestFilesOfAnUnfinishedFrame: a peer that passes files with each byte of a frame, and does not finish it, does not fill our table either.
func TestFilesOfAnUnfinishedFrame(t *testing.T) {
	a, b := pair(t)
	file := pipe(t, "")
	var status syscall.Stat_t
	if err := syscall.Fstat(int(file.Fd()), &status); err != nil {
		t.Fatal(err)
	}
	c := New(b, plain, nil)
	for range 20 {
		if _, _, err := a.WriteMsgUnix([]byte{0}, syscall.UnixRights(int(file.Fd()), int(file.Fd())), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := c.read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if got := descriptorsOf(t, status.Ino); got > 2 { // ours, and the frame's
		t.Errorf("%d descriptors of one file are open", got)
	}
	a.Close()
	if _, err := c.Receive(); err != io.EOF {
		t.Error(err)
	}
	if got := descriptorsOf(t, status.Ino); got > 1 {
		t.Errorf("%d descriptors are open after the end", got)
	}
}

// descriptorsOf counts this process's descriptors of a pipe.
func descriptorsOf(t *testing.T, inode uint64) (count int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && target == fmt.Sprintf("pipe:[%d]", inode) {
			count++
		}
	}
	return count
}

func TestFilesNeedASocket(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	c := New(a, kinds, nil)
	if err := c.Send(3, nil, os.Stdin); !errors.Is(err, errNoSocket) {
		t.Errorf("Send: %v", err)
	}
	if err := c.CloseWrite(); !errors.Is(err, errNoSocket) {
		t.Errorf("CloseWrite: %v", err)
	}
	s, _ := pair(t)
	closed := pipe(t, "")
	closed.Close()
	if err := New(s, kinds, nil).Send(3, nil, closed); err == nil {
		t.Error("a closed file is passed")
	}
}
