package containerizer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"mesos-docker-containerizer/internal/transport"
)

// passUpgrade is what a connection is upgraded to for one frame with a JSON body and a file.
const passUpgrade = "mesos-docker-file/1"

// passFormat is that of the frame.
var passFormat = transport.Format{Limit: func(byte) int { return 1 << 20 }, SendTimeout: adminTimeout}

// passFile answers a request of AskFile. The caller keeps the file.
func passFile(w http.ResponseWriter, answer any, file *os.File) error {
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", passUpgrade); err != nil {
		return err
	}
	return transport.New(conn, passFormat, nil).Send(0, body, file)
}

// RefusedError is the daemon's own word on why it does not do what it is asked.
type RefusedError struct {
	Status int // of HTTP
	Text   string
}

func (e *RefusedError) Error() string { return e.Text }

// AskFile asks the daemon at a socket for admins for a file, which is the caller's. The error is a *RefusedError if the daemon does not
// give it. The answer is decoded into a value.
func AskFile(ctx context.Context, socket, path string, body, answer any) (file *os.File, err error) {
	conn, err := transport.Dial(ctx, socket)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	frames := transport.New(conn, passFormat, nil)
	defer frames.Close()
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request := &http.Request{
		Method: http.MethodPost, URL: &url.URL{Scheme: "http", Host: "daemon", Path: path}, Body: io.NopCloser(bytes.NewReader(text)),
		ContentLength: int64(len(text)), Header: http.Header{"Connection": {"Upgrade"}, "Upgrade": {passUpgrade}},
	}
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	if err := upgraded(conn, request); err != nil {
		return nil, err
	}
	frame, err := frames.Receive()
	if err != nil {
		return nil, err
	}
	if frame.File == nil {
		return nil, errors.New("the daemon's answer has no file")
	}
	if err := json.Unmarshal(frame.Body, answer); err != nil {
		return nil, errors.Join(err, frame.File.Close())
	}
	return frame.File, nil
}

// upgraded reads the head of the answer, and no byte of what follows.
func upgraded(conn io.Reader, request *http.Request) error {
	response, err := http.ReadResponse(bufio.NewReader(transport.OneByte(conn)), request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return nil
	}
	return Refused(response)
}

// Refused reads why the daemon does not do what it was asked.
func Refused(response *http.Response) error {
	const enough = 4 << 10
	text, _ := io.ReadAll(io.LimitReader(response.Body, enough))
	said := strings.TrimSpace(string(text))
	if said == "" {
		said = "the daemon answers " + response.Status
	}
	return &RefusedError{response.StatusCode, said}
}
