package parameters

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/internal/bounded"
)

// Subcommand is the hidden first argument with which the program is started as a parser.
const Subcommand = "parse-parameters"

const (
	// parseTimeout ends a child that is stuck. A child needs some 15 ms on an idle host, and what it may work is bounded by its limit
	// of processor time (confine.go). A host that is so loaded that the child gets no processor is not the task's fault.
	parseTimeout = time.Minute

	// exitGrace is how long a killed child's pipes may stay open.
	exitGrace = time.Second

	// maxDiagnosis bounds what is kept of a child's stderr, in bytes.
	maxDiagnosis = 4096
)

// Subprocess is a runspec.ParameterParser. It is safe for concurrent use.
type Subprocess struct {
	// slots bounds how many children run at once: each has some 20 MB, and more than there are CPUs would only wait.
	slots chan struct{}

	maxReply int           // bytes
	timeout  time.Duration // parseTimeout, but in tests
}

// NewSubprocess returns a parser that runs as many children at once as there are CPUs to run them.
func NewSubprocess() *Subprocess {
	return &Subprocess{slots: make(chan struct{}, runtime.GOMAXPROCS(0)), maxReply: maxReply, timeout: parseTimeout}
}

// Parse starts a child and returns its answer. Besides *runspec.OptionError it fails when ctx ends, when the child cannot be
// started or dies, and when a bound is exceeded; only the last is the task's doing, and then the error is a *runspec.Error.
func (s *Subprocess) Parse(ctx context.Context, asked runspec.ParseRequest) (runspec.ParseResult, error) {
	answer, err := s.ask(ctx, request{ParseRequest: asked})
	switch {
	case err != nil:
		return runspec.ParseResult{}, err
	case answer.Result == nil || answer.Result.Config == nil || answer.Result.HostConfig == nil:
		return runspec.ParseResult{}, errors.New("the parser process answered without a result")
	}
	return *answer.Result, nil
}

// ask starts a child, hands it a request and returns its answer.
func (s *Subprocess) ask(ctx context.Context, asked request) (reply, error) {
	var answer reply
	input, err := json.Marshal(asked)
	if err != nil {
		return answer, fmt.Errorf("encode request: %w", err)
	}
	if len(input) > maxRequest {
		return answer, tooLarge(fmt.Sprintf("the task's options have %d bytes, more than the %d that can be read", len(input), maxRequest))
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return answer, fmt.Errorf("wait for a free parser: %w", context.Cause(ctx))
	}
	output, err := s.run(ctx, input)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(output, &answer); err != nil {
		return answer, fmt.Errorf("decode answer of the parser process: %w", err)
	}
	if answer.Error != nil {
		return answer, answer.Error
	}
	return answer, nil
}

// run starts the child, hands it its input and returns its output.
func (s *Subprocess) run(ctx context.Context, input []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	// /proc/self/exe is this program even when its file has been replaced by an upgrade.
	command := exec.CommandContext(ctx, "/proc/self/exe", Subcommand)
	command.Env = []string{}
	command.Dir = "/"
	command.WaitDelay = exitGrace
	command.Stdin = bytes.NewReader(input)
	output := &bounded.Buffer{Limit: s.maxReply, Full: cancel}
	diagnosis := &bounded.Buffer{Limit: maxDiagnosis}
	command.Stdout, command.Stderr = output, diagnosis

	err := command.Run()
	switch {
	case output.Exceeded():
		return nil, tooLarge(fmt.Sprintf("the options amount to more than the %d bytes that can be handled", s.maxReply))
	case err == nil:
		return output.Bytes(), nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("parser process: %w", context.Cause(ctx))
	case overworked(command.ProcessState, cpuSeconds*time.Second):
		return nil, tooLarge(fmt.Sprintf("the options need more than %d s of processor time; ranges of ports are the usual reason", cpuSeconds))
	}
	text := string(diagnosis.Bytes())
	if strings.Contains(text, "out of memory") || strings.Contains(text, "cannot allocate memory") {
		return nil, tooLarge("the options need more memory than there is for them; ranges of ports are the usual reason")
	}
	line, _, _ := strings.Cut(text, "\n")
	return nil, fmt.Errorf("parser process: %w: %s", err, line)
}

// overworked reports whether the kernel has killed a process for its limit of processor time. It says so by SIGKILL alone, where the
// soft limit is the hard one. For the limit the kernel counts whole ticks of the clock, and it reports what was used, which on a busy
// host is far less: half of the limit suffices.
func overworked(ended *os.ProcessState, limit time.Duration) bool {
	status, ok := ended.Sys().(syscall.WaitStatus)
	used := ended.UserTime() + ended.SystemTime()
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL && used >= limit/2
}

// tooLarge is the error of a task whose options exceed a bound.
func tooLarge(text string) *runspec.Error {
	return &runspec.Error{Field: "container.docker.parameters", Text: text}
}

// Bounds of what passes between the two processes, in bytes. A TaskInfo of several megabytes fits; a reply is larger than its
// request because it names its fields, and a range of ports becomes a list of ports.
const (
	maxRequest = 32 << 20
	maxReply   = 64 << 20
)

// request is what the child reads: a task's options, or a command line.
type request struct {
	runspec.ParseRequest
	IsLine bool     `json:",omitempty"`
	Line   []string `json:",omitempty"`
}

// reply is what the child writes: a result of the kind that was asked for, or docker's complaint.
type reply struct {
	Result *runspec.ParseResult `json:",omitempty"`
	Line   *runspec.RunLine     `json:",omitempty"`
	Error  *runspec.OptionError `json:",omitempty"`
}

// ParseMain is the child's main: it confines the process, reads one request, writes one answer and returns the exit status.
// It must not be called in a process that is to do anything else.
func ParseMain(stdin io.Reader, stdout io.Writer) int {
	if err := confine(); err != nil {
		fmt.Fprintln(os.Stderr, "confine parser process:", err)
		return 1
	}
	var asked request
	if err := json.NewDecoder(io.LimitReader(stdin, maxRequest)).Decode(&asked); err != nil {
		fmt.Fprintln(os.Stderr, "read request:", err)
		return 1
	}
	answer, err := answerTo(asked)
	if err != nil && !errors.As(err, &answer.Error) {
		fmt.Fprintln(os.Stderr, "parse:", err)
		return 1
	}
	if err := json.NewEncoder(stdout).Encode(answer); err != nil {
		fmt.Fprintln(os.Stderr, "write answer:", err)
		return 1
	}
	return 0
}

func answerTo(asked request) (answer reply, err error) {
	if asked.IsLine {
		answer.Line, err = readLine(asked.Line)
		return answer, err
	}
	result, err := parse(asked.ParseRequest)
	if err == nil {
		answer.Result = &result
	}
	return answer, err
}
