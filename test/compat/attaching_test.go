package compat

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// stamp is a time as logs have it before each record.
var stamp = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z `)

// attaching are rows about processes started in a container, and about streams.
func attaching() []row {
	return []row{
		{
			name: "attach-content-type", request: "attach with Upgrade: status, Content-Type; of a container with a terminal",
			ask: func(t *testing.T, e *engine) string {
				var all []string
				for _, tty := range []bool{false, true} {
					id := e.must(t, object{"Tty": tty})
					all = append(all, e.upgrade(t, "POST", "/containers/"+id+"/attach?stream=1&stdout=1", "").head())
				}
				return strings.Join(all, "; ")
			},
			answers: []said{{"20.10", "101 \"application/vnd.docker.raw-stream\"; 101 \"application/vnd.docker.raw-stream\""}, {"26", "101 \"application/vnd.docker.multiplexed-stream\"; 101 \"application/vnd.docker.raw-stream\""}},
			product: "reads the status only, and knows of a terminal by the container's configuration",
		},
		{
			name: "attach-to-ended", request: "attach to a container that has ended, to one that is not there",
			ask: func(t *testing.T, e *engine) string {
				id, _ := e.ran(t, object{"Cmd": []string{"echo", "hello"}})
				u := e.upgrade(t, "POST", "/containers/"+id+"/attach?stream=1&stdout=1", "")
				return fmt.Sprintf("%s %q; %s", u.head(), u.rest(t), e.upgrade(t, "POST", "/containers/nosuch/attach?stream=1&stdout=1", "").head())
			},
			answers: []said{{"20.10", "101 \"application/vnd.docker.raw-stream\" \"(nothing, and no end)\"; 404 \"application/vnd.docker.raw-stream\""}, {"26", "101 \"application/vnd.docker.multiplexed-stream\" \"(nothing, and no end)\"; 404 \"application/vnd.docker.raw-stream\""}},
			product: "attaches before the start only; the output of one that has ended is read from its log",
		},
		{
			name: "logs-content-type", request: "logs: Content-Type, without and with a terminal",
			ask: func(t *testing.T, e *engine) string {
				var all []string
				for _, tty := range []bool{false, true} {
					id, _ := e.ran(t, object{"Tty": tty, "Cmd": []string{"echo", "hello"}})
					a := e.ask(t, "GET", "/containers/"+id+"/logs?stdout=1", nil)
					all = append(all, fmt.Sprintf("%d %q", a.status, a.header.Get("Content-Type")))
				}
				return strings.Join(all, "; ")
			},
			answers: []said{{"20.10", "200 \"\"; 200 \"\""}, {"26", "200 \"application/vnd.docker.multiplexed-stream\"; 200 \"application/vnd.docker.raw-stream\""}},
			product: "reads the status only",
		},
		{
			name: "logs-since", request: "logs?since= the nanosecond of a line; one later; its second",
			ask: func(t *testing.T, e *engine) string {
				id, _ := e.ran(t, object{"Cmd": []string{"echo", "hello"}})
				a := e.ask(t, "GET", "/containers/"+id+"/logs?stdout=1&timestamps=1", nil)
				stamp, _, _ := strings.Cut(unframe(a.body), " ")
				at, err := time.Parse(time.RFC3339Nano, stamp)
				if err != nil {
					t.Fatal(err)
				}
				var all []string
				for _, since := range []time.Time{at, at.Add(1), at.Truncate(time.Second), at.Truncate(time.Second).Add(time.Second)} {
					b := e.ask(t, "GET", fmt.Sprintf("/containers/%s/logs?stdout=1&since=%d.%09d", id, since.Unix(), since.Nanosecond()), nil)
					all = append(all, fmt.Sprintf("%q", unframe(b.body)))
				}
				return strings.Join(all, ", ")
			},
			answers: []said{{"20.10", "\"hello\\n\", \"\", \"hello\\n\", \"\""}},
			product: "a task's output is resumed by what its executor has received; for the docker command, from two seconds before the last byte",
		},
		{
			name: "logs-of-driver-none", request: "logs of a container with the log driver none",
			ask: func(t *testing.T, e *engine) string {
				id, _ := e.ran(t, object{"Cmd": []string{"echo", "hello"}, "HostConfig": object{"LogConfig": object{"Type": "none"}}})
				a := e.ask(t, "GET", "/containers/"+id+"/logs?stdout=1", nil)
				return fmt.Sprintf("%d %q", a.status, strings.TrimSpace(string(a.body)))
			},
			answers: []said{{"20.10", "501 \"{\\\"message\\\":\\\"configured logging driver does not support reading\\\"}\""}},
			product: "a task with the log driver none loses what it writes while the Engine is away",
		},
		{
			name: "exec-of-missing-program", request: "exec of a program that is not there: start detached, attached; exec's ExitCode",
			ask:     func(t *testing.T, e *engine) string { return e.execs(t, "/nosuch") },
			answers: []said{{"20.10", "400, ExitCode 126; 101, says why, ExitCode 126"}, {"28", "400, ExitCode 127; 101, says why, ExitCode 127"}},
			product: "takes the exit status where there is one, and the answer's words where there is none",
		},
		{
			name: "exec-of-no-program", request: "exec of a file that is not executable, the same",
			ask:     func(t *testing.T, e *engine) string { return e.execs(t, "/etc/passwd") },
			answers: []said{{"20.10", "400, ExitCode 126; 101, says why, ExitCode 126"}},
			product: "takes the exit status where there is one, and the answer's words where there is none",
		},
		{
			name: "exec-in-missing-directory", request: "exec with a WorkingDir that is not there: start detached, ExitCode",
			ask: func(t *testing.T, e *engine) string {
				id := e.started(t, object{"Cmd": []string{"sleep", "60"}})
				x := e.exec(t, id, object{"Cmd": []string{"true"}, "WorkingDir": "/nosuch"})
				a := e.ask(t, "POST", "/exec/"+x+"/start", object{"Detach": true})
				return fmt.Sprintf("%v, ExitCode %s", a, e.execEnd(t, x).at("ExitCode"))
			},
			answers: []said{{"20.10", "400, ExitCode 126"}, {"28", "400, ExitCode 127"}},
			product: "takes the exit status where there is one, and the answer's words where there is none",
		},
		{
			name: "exec-of-unknown-user", request: "exec with User \"nosuch\": create, start detached, ExitCode",
			ask: func(t *testing.T, e *engine) string {
				id := e.started(t, object{"Cmd": []string{"sleep", "60"}})
				a := e.ask(t, "POST", "/containers/"+id+"/exec", object{"Cmd": []string{"true"}, "User": "nosuch"})
				x := strings.Trim(a.at("Id"), `"`)
				b := e.ask(t, "POST", "/exec/"+x+"/start", object{"Detach": true})
				return fmt.Sprintf("%v, %v, ExitCode %s", a, b, e.execEnd(t, x).at("ExitCode"))
			},
			answers: []said{{"20.10", "201, 500, ExitCode 126"}, {"28", "400, 404, ExitCode absent"}},
			product: "takes the exit status where there is one, and the answer's words where there is none",
		},
		{
			name: "exec-when-container-ends", request: "exec runs while its container is killed: exec's Running and ExitCode after the wait",
			ask: func(t *testing.T, e *engine) string {
				id := e.started(t, object{"Cmd": []string{"sleep", "60"}})
				x := e.exec(t, id, object{"Cmd": []string{"sleep", "60"}})
				e.ask(t, "POST", "/exec/"+x+"/start", object{"Detach": true})
				e.ask(t, "POST", "/containers/"+id+"/kill", nil)
				e.wait(t, id)
				a := e.ask(t, "GET", "/exec/"+x+"/json", nil)
				return fmt.Sprintf("%v Running %s, ExitCode %s", a, a.at("Running"), a.at("ExitCode"))
			},
			answers: []said{{"20.10", "200 Running false, ExitCode 137"}},
			product: "a command whose container has ended says nothing of the task's health",
		},
		{
			name: "log-of-long-line", request: "a line of 40000 bytes, logs?timestamps=1, with the drivers local and json-file: time stamps, how many of them different, bytes without them",
			ask: func(t *testing.T, e *engine) string {
				var all []string
				for _, driver := range []string{"local", "json-file"} {
					id, _ := e.ran(t, object{"Cmd": []string{"printf", "%040000d\n", "0"}, "HostConfig": object{"LogConfig": object{"Type": driver}}})
					text := unframe(e.ask(t, "GET", "/containers/"+id+"/logs?stdout=1&timestamps=1", nil).body)
					stamps := stamp.FindAllString(text, -1)
					different := map[string]bool{}
					for _, s := range stamps {
						different[s] = true
					}
					all = append(all, fmt.Sprintf("%d, %d, %d", len(stamps), len(different), len(stamp.ReplaceAllString(text, ""))))
				}
				return strings.Join(all, "; ")
			},
			answers: []said{{"20.10", "3, 1, 40000; 3, 1, 40001"}, {"26", "3, 1, 40001; 3, 1, 40001"}},
			product: "adds the newline that the driver local of Engine 20.10 loses; the place to resume from lies between the times of records",
		},
		{
			name: "log-of-unterminated-line", request: "logs of a container that has written \"up\" without a newline and runs; once it has ended; with a terminal",
			ask: func(t *testing.T, e *engine) string {
				var all []string
				for _, tty := range []bool{false, true} {
					id := e.must(t, object{"Tty": tty, "Cmd": []string{"sh", "-c", "printf up; sleep 60"}})
					u := e.upgrade(t, "POST", "/containers/"+id+"/attach?stream=1&stdout=1", "")
					e.start(t, id)
					if _, err := u.buffered.ReadByte(); err != nil {
						t.Fatal(err)
					}
					running := e.ask(t, "GET", "/containers/"+id+"/logs?stdout=1", nil)
					e.ask(t, "POST", "/containers/"+id+"/kill", nil)
					e.wait(t, id)
					ended := e.ask(t, "GET", "/containers/"+id+"/logs?stdout=1", nil)
					all = append(all, fmt.Sprintf("%d bytes, %d", len(running.body), len(ended.body)))
				}
				return strings.Join(all, "; ")
			},
			answers: []said{{"20.10", "0 bytes, 10; 0 bytes, 2"}},
			product: "counts on it that a dying Engine has sent what it had not logged, and compares",
		},
	}
}

// exec creates a process in a container.
func (e *engine) exec(t *testing.T, id string, config object) string {
	t.Helper()
	var created struct{ ID string }
	e.ask(t, "POST", "/containers/"+id+"/exec", config).into(t, &created)
	return created.ID
}

// execEnd waits until a process does not run.
func (e *engine) execEnd(t *testing.T, exec string) (a answer) {
	t.Helper()
	e.until(t, func() bool {
		a = e.ask(t, "GET", "/exec/"+exec+"/json", nil)
		return a.at("Running") != "true" && a.at("ExitCode") != "null"
	})
	return a
}

// execs starts a program that cannot be started, in both ways.
func (e *engine) execs(t *testing.T, program string) string {
	t.Helper()
	id := e.started(t, object{"Cmd": []string{"sleep", "60"}})
	detached := e.exec(t, id, object{"Cmd": []string{program}})
	a := e.ask(t, "POST", "/exec/"+detached+"/start", object{"Detach": true})
	attached := e.exec(t, id, object{"Cmd": []string{program}, "AttachStdout": true, "AttachStderr": true})
	u := e.upgrade(t, "POST", "/exec/"+attached+"/start", `{}`)
	rest := u.rest(t)
	words := "says why"
	if !strings.Contains(rest, program) {
		words = fmt.Sprintf("says %q", rest)
	}
	return fmt.Sprintf("%v, ExitCode %s; %d, %s, ExitCode %s", a, e.execEnd(t, detached).at("ExitCode"), u.response.StatusCode, words, e.execEnd(t, attached).at("ExitCode"))
}

// silence is how long a stream may say nothing before it counts as one that does not end.
const silence = 5 * time.Second

// upgraded is an answer to a request that asks for the bare connection.
type upgraded struct {
	response *http.Response
	conn     net.Conn
	buffered *bufio.Reader
}

// upgrade makes such a request.
func (e *engine) upgrade(t *testing.T, method, path, body string) *upgraded {
	t.Helper()
	conn, err := net.Dial("unix", e.socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(callLimit))
	_, err = fmt.Fprintf(conn, "%s /v%s%s HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", method, e.api, path, len(body), body)
	if err != nil {
		t.Fatal(err)
	}
	u := &upgraded{conn: conn, buffered: bufio.NewReader(conn)}
	if u.response, err = http.ReadResponse(u.buffered, nil); err != nil {
		t.Fatal(err)
	}
	return u
}

// head is the status and what the stream is said to be.
func (u *upgraded) head() string {
	return fmt.Sprintf("%d %q", u.response.StatusCode, u.response.Header.Get("Content-Type"))
}

// rest is what comes until the Engine closes the connection, or the body of a refusal.
func (u *upgraded) rest(t *testing.T) string {
	t.Helper()
	if u.response.StatusCode != http.StatusSwitchingProtocols && u.response.ContentLength >= 0 {
		body, _ := io.ReadAll(u.response.Body)
		return strings.TrimSpace(string(body))
	}
	_ = u.conn.SetDeadline(time.Now().Add(silence))
	content, err := io.ReadAll(u.buffered)
	if errors.Is(err, os.ErrDeadlineExceeded) && len(content) == 0 {
		return "(nothing, and no end)"
	}
	if err != nil {
		t.Fatal(err)
	}
	if text := unframe(content); text != "" {
		return strings.TrimSpace(text)
	}
	return strings.TrimSpace(string(content))
}
