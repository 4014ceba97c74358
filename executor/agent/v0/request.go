package v0

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"mesos-docker-containerizer/executor/agent"
)

// Bounds of one request. A framework decides how large a TaskInfo is, but a master accepts far less than this.
const (
	maxHead = 16 << 10
	maxBody = 64 << 20
)

// errRequest is the error for bytes that libprocess does not send. The rest of the connection cannot be parsed either.
var errRequest = errors.New("not a libprocess message")

// request is a message on the wire, HTTP in the forms that libprocess has used since Mesos 0.20 (contract 5.2).
type request struct {
	method   string
	receiver string // "executor(1)" of "/executor(1)/mesos.internal.RunTaskMessage"
	name     string // "mesos.internal.RunTaskMessage" of it
	sender   string // of Libprocess-From, or else of User-Agent: libprocess/...; empty if it is no libprocess message
	body     []byte
	last     bool // the sender will send no more on this connection
}

// readRequest returns the next request. The error is io.EOF if the connection ends between two requests, and io.ErrUnexpectedEOF if
// it ends within one. Go's own parser ignores the Transfer-Encoding of HTTP/1.0, with which agents before 0.22 send every message.
func readRequest(r *bufio.Reader) (*request, error) {
	left := maxHead
	var line string
	var err error
	for line == "" { // there may be empty lines before a request
		if line, err = headLine(r, &left); err != nil {
			return nil, err
		}
	}
	req := &request{}
	if err := req.start(line); err != nil {
		return nil, err
	}
	var b bodyHead
	for {
		line, err := headLine(r, &left)
		if err != nil {
			return nil, unexpected(err)
		}
		if line == "" {
			break
		}
		if err := req.header(line, &b); err != nil {
			return nil, err
		}
	}
	if req.body, err = b.read(r); err != nil {
		return nil, unexpected(err)
	}
	return req, nil
}

// headLine reads a line of at most *left bytes and subtracts its length from *left.
func headLine(r *bufio.Reader, left *int) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if *left -= len(part); *left < 0 {
			return "", fmt.Errorf("%w: its head is longer than %d bytes", errRequest, maxHead)
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return string(bytes.TrimSuffix(line[:len(line)-1], []byte("\r"))), nil
		case err == io.EOF && len(line) > 0:
			return "", io.ErrUnexpectedEOF
		case err != bufio.ErrBufferFull:
			return "", err
		}
	}
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// start takes the line "POST /executor(1)/mesos.internal.RunTaskMessage HTTP/1.1".
func (req *request) start(line string) error {
	method, rest, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(rest, " ")
	if method == "" || !strings.HasPrefix(target, "/") || version != "HTTP/1.1" && version != "HTTP/1.0" {
		return fmt.Errorf("%w: it begins with %.100q", errRequest, line)
	}
	path, _, _ := strings.Cut(target, "?")
	path, err := url.PathUnescape(path)
	if err != nil {
		return fmt.Errorf("%w: %w", errRequest, err)
	}
	req.method = method
	req.receiver, req.name, _ = strings.Cut(path[1:], "/")
	return nil
}

// header parses one line. It refuses an obsolete folded line like any other line that is not a header.
func (req *request) header(line string, b *bodyHead) error {
	name, value, found := strings.Cut(line, ":")
	if !found || name == "" || strings.ContainsAny(name, " \t") {
		return fmt.Errorf("%w: header %.100q", errRequest, line)
	}
	value = strings.Trim(value, " \t")
	switch strings.ToLower(name) {
	case "libprocess-from":
		req.sender = value
	case "user-agent":
		if from, ok := strings.CutPrefix(value, "libprocess/"); ok && req.sender == "" {
			req.sender = from
		}
	case "connection":
		req.last = strings.EqualFold(value, "close") // HTTP/1.0 alone does not say so: libprocess goes on
	case "transfer-encoding":
		if !strings.EqualFold(value, "chunked") {
			return fmt.Errorf("%w: Transfer-Encoding %.100q", errRequest, value)
		}
		b.chunked = true
	case "content-length":
		n, err := strconv.ParseUint(value, 10, 63)
		if err != nil || b.sized && n != b.length {
			return fmt.Errorf("%w: Content-Length %.100q", errRequest, value)
		}
		b.sized, b.length = true, n
	}
	return nil
}

// bodyHead has the headers that describe the body. Without them the body is empty, as is the protocol buffer of such a message.
type bodyHead struct {
	chunked bool
	sized   bool
	length  uint64
}

func (b bodyHead) read(r *bufio.Reader) ([]byte, error) {
	switch {
	case b.chunked && b.sized:
		return nil, fmt.Errorf("%w: both Content-Length and Transfer-Encoding", errRequest)
	case b.chunked:
		return readChunks(r)
	}
	return appendExactly(nil, r, b.length)
}

func readChunks(r *bufio.Reader) (body []byte, err error) {
	for {
		left := maxHead
		line, err := headLine(r, &left)
		if err != nil {
			return nil, err
		}
		size, _, _ := strings.Cut(line, ";") // extensions have no meaning
		n, err := strconv.ParseUint(strings.Trim(size, " \t"), 16, 63)
		if err != nil {
			return nil, fmt.Errorf("%w: chunk of size %.100q", errRequest, size)
		}
		if n == 0 {
			return body, skipTrailer(r)
		}
		if body, err = appendExactly(body, r, n); err != nil {
			return nil, err
		}
		if line, err := headLine(r, &left); err != nil || line != "" {
			return nil, errors.Join(err, fmt.Errorf("%w: a chunk is longer than its size", errRequest))
		}
	}
}

func skipTrailer(r *bufio.Reader) error {
	for left := maxHead; ; {
		if line, err := headLine(r, &left); err != nil || line == "" {
			return err
		}
	}
}

// appendExactly appends n bytes of r to body, which may become as long as maxBody.
func appendExactly(body []byte, r io.Reader, n uint64) ([]byte, error) {
	if n > uint64(maxBody-len(body)) {
		return nil, fmt.Errorf("%w: it is larger than %d MiB", errRequest, maxBody>>20)
	}
	for n > 0 {
		part := int(min(n, max(agent.FirstAllocation, uint64(len(body)))))
		at := len(body)
		body = append(body, make([]byte, part)...)
		if _, err := io.ReadFull(r, body[at:]); err != nil {
			return nil, unexpected(err)
		}
		n -= uint64(part)
	}
	return body, nil
}

// appendRequest appends a message in the form of current agents and the stock executor.
func appendRequest(buf []byte, from, to upid, name string, body []byte) []byte {
	buf = fmt.Appendf(buf, "POST /%s/%s%s HTTP/1.1\r\nUser-Agent: libprocess/%s\r\nLibprocess-From: %s\r\nConnection: Keep-Alive\r\nHost: %s\r\n",
		to.id, messagePrefix, name, from, from, to.address)
	if len(body) == 0 {
		return append(buf, "\r\n"...)
	}
	buf = fmt.Appendf(buf, "Transfer-Encoding: chunked\r\n\r\n%x\r\n", len(body))
	buf = append(buf, body...)
	return append(buf, "\r\n0\r\n\r\n"...)
}
