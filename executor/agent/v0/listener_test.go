package v0

import (
	"context"
	"net"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

var sender = upid{"slave(1)", "127.0.0.1:5051"}

// serveOne serves the other end of a pipe, whose waiting a synctest bubble understands.
func serveOne(t *testing.T) (conn net.Conn, messages <-chan message, stop func()) {
	t.Helper()
	received := make(chan message)
	s := &server{self: upid{processID, "127.0.0.1:1"}, messages: received, logger: zap.NewNop()}
	ours, theirs := net.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { s.connection(ctx, ours, 1) })
	return theirs, received, func() {
		cancel()
		serving.Wait()
		theirs.Close()
	}
}

// A sender that reads no answers still gets its messages through, and is waited for once.
func TestAnswersThatNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, messages, stop := serveOne(t)
		defer stop()
		began := time.Now()
		go func() {
			for n := range 10 {
				conn.Write(appendRequest(nil, sender, upid{id: processID, address: "x"}, killTask, []byte(strconv.Itoa(n))))
			}
		}()
		for n := range 10 {
			if m := <-messages; string(m.body) != strconv.Itoa(n) || m.from != sender || m.name != killTask {
				t.Fatalf("message %d is %+v", n, m)
			}
		}
		if took := time.Since(began); took != answerTimeout {
			t.Errorf("it took %v, one answer may take %v", took, answerTimeout)
		}
	})
}

// An agent may be silent between messages, but not within one or before the first.
func TestSilentConnections(t *testing.T) {
	complete := string(appendRequest(nil, sender, upid{id: processID, address: "x"}, killTask, []byte("x")))
	for name, c := range map[string]struct {
		said  string
		lasts bool
	}{
		"nothing":          {"", false},
		"part of a head":   {"POST /exec", false},
		"part of a body":   {complete[:len(complete)-4], false},
		"a message":        {complete, true},
		"more than one":    {complete + complete, true},
		"one and a half":   {complete + complete[:20], false},
		"two and a letter": {complete + complete + "P", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, messages, stop := serveOne(t)
				defer stop()
				closed := make(chan struct{})
				go func() {
					defer close(closed)
					for buf := make([]byte, 512); ; {
						if _, err := conn.Read(buf); err != nil {
							return
						}
					}
				}()
				go conn.Write([]byte(c.said))
				go func() {
					for {
						select {
						case <-messages:
						case <-closed:
							return
						case <-t.Context().Done():
							return
						}
					}
				}()
				select {
				case <-closed:
					if c.lasts {
						t.Error("closed")
					}
				case <-time.After(100 * requestTimeout):
					if !c.lasts {
						t.Error("not closed")
					}
				}
				conn.Close()
				<-closed
			})
		})
	}
}
