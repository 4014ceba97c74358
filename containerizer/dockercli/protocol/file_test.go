package protocol

import (
	"fmt"
	"io"
	"os"
	"testing"
)

// TestFilesArriveWithTheirFrames: each of several files that are sent at once is the one of its frame, between others.
func TestFilesArriveWithTheirFrames(t *testing.T) {
	const many = 5
	socket := serve(t, upgrading(t, same, func(c *Conn, err error) {
		if err != nil {
			t.Error(err)
			return
		}
		for i := range many + 1 { // one more than is taken
			r, w, err := os.Pipe()
			if err != nil {
				t.Error(err)
				return
			}
			_ = c.Send(KindStderr, []byte("text"))
			if err := c.SendFile(KindOutput, Output{Stdout: true}, r); err != nil && i < many { // by then the client may have gone
				t.Error(err)
			}
			fmt.Fprint(w, i)
			r.Close()
			w.Close()
		}
		_, _, _ = c.Receive() // until the client is done
	}))
	c, err := Dial(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range many {
		for _, want := range []Kind{KindStderr, KindOutput} {
			if kind, _, err := c.Receive(); kind != want || err != nil {
				t.Fatal(kind, err)
			}
		}
		file := c.File()
		if file == nil {
			t.Fatalf("file %d did not come", i)
		}
		text, err := io.ReadAll(file)
		if string(text) != fmt.Sprint(i) || err != nil {
			t.Errorf("file %d has %q, %v", i, text, err)
		}
		file.Close()
	}
}

func TestFilesNeedASocket(t *testing.T) {
	_, daemon := pair(t)
	if err := daemon.SendFile(KindOutput, Output{}, os.Stdin); err == nil {
		t.Error("a pipe passes files")
	}
	if daemon.File() != nil {
		t.Error("a file out of nothing")
	}
}
