package v0

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"mesos-docker-containerizer/executor/agent"

	"github.com/google/go-cmp/cmp"
)

func TestReadRequest(t *testing.T) {
	run := func(change func(*request)) *request {
		r := &request{method: "POST", receiver: "executor(1)", name: "mesos.internal.RunTaskMessage", sender: "slave(1)@127.0.0.1:5051", body: []byte("hello")}
		change(r)
		return r
	}
	const line = "POST /executor(1)/mesos.internal.RunTaskMessage HTTP/1.1\r\n"
	const from = "Libprocess-From: slave(1)@127.0.0.1:5051\r\n"
	for name, c := range map[string]struct {
		said string
		want *request
	}{
		"current":            {line + "User-Agent: libprocess/slave(1)@127.0.0.1:5051\r\n" + from + "Connection: Keep-Alive\r\nHost: 127.0.0.1:1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", run(func(*request) {})},
		"0.22, empty Host":   {line + from + "Host: \r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", run(func(*request) {})},
		"0.21":               {strings.Replace(line, "1.1", "1.0", 1) + "User-Agent: libprocess/slave(1)@127.0.0.1:5051\r\nConnection: Keep-Alive\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", run(func(*request) {})},
		"both names":         {line + "user-agent: libprocess/other(1)@127.0.0.1:1\r\n" + from + "\r\n", run(func(r *request) { r.body = nil })},
		"names, other order": {line + from + "user-agent: libprocess/other(1)@127.0.0.1:1\r\n\r\n", run(func(r *request) { r.body = nil })},
		"Content-Length":     {line + from + "content-length:5\r\n\r\nhello", run(func(*request) {})},
		"chunks":             {line + from + "Transfer-Encoding: Chunked\r\n\r\n2;x=y\r\nhe\r\n003\r\nllo\r\n0\r\nTrailer: x\r\n\r\n", run(func(*request) {})},
		"newlines":           {strings.ReplaceAll(line+from+"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "\r\n", "\n"), run(func(*request) {})},
		"empty":              {line + from + "\r\n", run(func(r *request) { r.body = nil })},
		"escaped":            {strings.Replace(line, "(1)", "%281%29", 1) + from + "\r\n", run(func(r *request) { r.body = nil })},
		"query":              {strings.Replace(line, "Message ", "Message?x=y ", 1) + from + "\r\n", run(func(r *request) { r.body = nil })},
		"close":              {line + from + "Connection: close\r\n\r\n", run(func(r *request) { r.body, r.last = nil, true })},
		"nobody":             {line + "User-Agent: curl/8\r\n\r\n", run(func(r *request) { r.body, r.sender = nil, "" })},
		"empty line before":  {"\r\n" + line + from + "\r\n", run(func(r *request) { r.body = nil })},
		"other path":         {"GET / HTTP/1.1\r\n\r\n", &request{method: "GET"}},
	} {
		t.Run(name, func(t *testing.T) {
			// Twice, as on a connection, and in pieces.
			for _, stream := range []io.Reader{strings.NewReader(c.said + c.said), iotest.OneByteReader(strings.NewReader(c.said + c.said))} {
				r := bufio.NewReaderSize(stream, 16)
				for range 2 {
					got, err := readRequest(r)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(request{})); diff != "" {
						t.Errorf("request (-want +got):\n%s", diff)
					}
				}
				if _, err := readRequest(r); err != io.EOF {
					t.Errorf("behind the last: %v", err)
				}
			}
		})
	}
}

func TestReadRequestRefuses(t *testing.T) {
	const head = "POST /x/y HTTP/1.1\r\n"
	for name, said := range map[string]string{
		"no HTTP":            "hello\r\n\r\n",
		"HTTP/2":             "PRI * HTTP/2.0\r\n\r\n",
		"later version":      "POST /x HTTP/1.2\r\n\r\n",
		"TLS":                "\x16\x03\x01\x00\xa5\x01\x00\n",
		"bad escape":         "POST /%zz HTTP/1.1\r\n\r\n",
		"no colon":           head + "Host\r\n\r\n",
		"folded":             head + "Host: x\r\n y\r\n\r\n",
		"long head":          head + "X: " + strings.Repeat("x", maxHead) + "\r\n\r\n",
		"many headers":       head + strings.Repeat("X: y\r\n", maxHead) + "\r\n",
		"endless":            strings.Repeat("\r\n", maxHead),
		"coding":             head + "Transfer-Encoding: gzip\r\n\r\n",
		"length":             head + "Content-Length: -1\r\n\r\n",
		"lengths":            head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
		"length and chunks":  head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"too large":          head + "Content-Length: 67108865\r\n\r\n",
		"far too large":      head + "Content-Length: 9223372036854775808\r\n\r\n",
		"chunk too large":    head + "Transfer-Encoding: chunked\r\n\r\n4000001\r\n",
		"chunks too large":   head + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n4000000\r\n",
		"negative chunk":     head + "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
		"no chunk":           head + "Transfer-Encoding: chunked\r\n\r\nhello\r\n",
		"chunk is longer":    head + "Transfer-Encoding: chunked\r\n\r\n1\r\nhello\r\n0\r\n\r\n",
		"long chunk size":    head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("0", maxHead) + "1\r\nx\r\n0\r\n\r\n",
		"long trailer":       head + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("X: y\r\n", maxHead) + "\r\n",
		"long request line":  "POST /" + strings.Repeat("x", maxHead) + " HTTP/1.1\r\n\r\n",
		"space in a name":    head + "Content-Length : 1\r\n\r\nx",
		"whitespace in path": "POST /x y HTTP/1.1\r\n\r\n",
	} {
		if got, err := readRequest(bufio.NewReaderSize(strings.NewReader(said), 16)); !errors.Is(err, errRequest) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, said := range map[string]string{
		"line": "POST /x", "head": head + "Host: x\r\n", "body": head + "Content-Length: 5\r\n\r\nhell",
		"large body": head + "Content-Length: 67108864\r\n\r\nhello", "no body": head + "Content-Length: 5\r\n\r\n",
		"chunk": head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhell", "size": head + "Transfer-Encoding: chunked\r\n\r\n",
		"trailer": head + "Transfer-Encoding: chunked\r\n\r\n0\r\n",
	} {
		if got, err := readRequest(bufio.NewReader(strings.NewReader(said))); err != io.ErrUnexpectedEOF {
			t.Errorf("ends within the %s: %+v, %v", name, got, err)
		}
	}
}

// Memory follows what arrives, not what is announced.
func TestLargeBodyIsNotAllocatedOnItsWord(t *testing.T) {
	allocated := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if _, err := appendExactly(nil, strings.NewReader("x"), maxBody); err != io.ErrUnexpectedEOF {
				b.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	if allocated > 4*agent.FirstAllocation {
		t.Errorf("%d bytes allocated", allocated)
	}
}

func FuzzReadRequest(f *testing.F) {
	f.Add(appendRequest(nil, upid{"slave(1)", "127.0.0.1:5051"}, upid{processID, "127.0.0.1:1"}, runTask, []byte("hello")))
	f.Add([]byte("POST /executor(1)/mesos.internal.X HTTP/1.0\r\nUser-Agent: libprocess/slave(1)@127.0.0.1:5051\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))
	f.Add([]byte("POST /a/b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcPOST /a/b HTTP/1.1\r\n\r\n"))
	for _, name := range captures {
		for _, row := range recorded(f, name).Rows {
			f.Add(row.Data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(data), 64)
		for {
			req, err := readRequest(r)
			if err != nil {
				if err == io.EOF && r.Buffered() > 0 {
					t.Error("EOF before the end")
				}
				return
			}
			if len(req.body) > len(data) {
				t.Error("a body that was not there")
			}
			from, err := parseUPID(req.sender)
			if err != nil {
				continue
			}
			// What we send to a sender we can read ourselves.
			sent := appendRequest(nil, from, upid{id: "x", address: from.address}, "M", req.body)
			again, err := readRequest(bufio.NewReader(bytes.NewReader(sent)))
			if err != nil || again.sender != from.String() || !bytes.Equal(again.body, req.body) || again.name != messagePrefix+"M" || again.receiver != "x" {
				t.Errorf("%q: %+v, %v", sent, again, err)
			}
		}
	})
}

func TestParseUPID(t *testing.T) {
	for _, good := range []string{"slave(1)@10.0.0.7:5051", "agent_x-2.b@h:1", "slave(1)@[2001:db8::7]:5051"} {
		if u, err := parseUPID(good); err != nil || u.String() != good {
			t.Errorf("%s: %v, %v", good, u, err)
		}
	}
	for _, bad := range []string{"", "slave(1)", "@1:2", "slave(1)@:5051", "slave(1)@h:", "slave(1)@h", "a b@h:1", "a@h:1\r\nX: y", "a/b@h:1", "é@h:1"} {
		if u, err := parseUPID(bad); err == nil {
			t.Errorf("%q: %v", bad, fmt.Sprint(u))
		}
	}
}
