package agents

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// callAgent makes a call of the agent's v1 API. The body is the caller's to close; it is of status 200.
func (c *cluster) callAgent(ctx context.Context, call map[string]any) (*http.Response, error) {
	return callV1(ctx, c.agent, call)
}

// callMaster makes a call of the master's v1 API that is answered by a status alone.
func (c *cluster) callMaster(kind string, body map[string]any) error {
	response, err := callV1(context.Background(), c.master, map[string]any{"type": kind, strings.ToLower(kind): body})
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// errNoCall is the answer of an agent or master whose release does not know a call, or not for such containers.
var errNoCall = errors.New("this release has no such call")

// refusals are what releases answer, with status 400, to what they have no call for.
var refusals = []string{"Failed to find enum", "Nested containers are not supported"}

func callV1(ctx context.Context, address string, call map[string]any) (*http.Response, error) {
	body, err := json.Marshal(call)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/api/v1", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	if call["type"] == "LAUNCH_NESTED_CONTAINER_SESSION" {
		request.Header.Set("Accept", "application/recordio")
		request.Header.Set("Message-Accept", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", call["type"], err)
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(response.Body, 500))
		return nil, fmt.Errorf("%s: %s: %w", call["type"], response.Status, refusal(response.StatusCode, strings.TrimSpace(string(text))))
	}
	return response, nil
}

// refusal is the error of an answer other than 200; it wraps errNoCall where the release has no such call.
func refusal(status int, text string) error {
	unknown := slices.ContainsFunc(refusals, func(words string) bool { return strings.Contains(text, words) })
	if status == http.StatusBadRequest && unknown || status == http.StatusNotImplemented {
		return fmt.Errorf("%w: %s", errNoCall, text)
	}
	return errors.New(text)
}

// notOffered reports whether a scenario failed for a call alone that the release does not have.
func notOffered(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(joined.Unwrap(), func(err error) bool { return !notOffered(err) })
	}
	return errors.Is(err, errNoCall)
}

// readRecord reads one record: its length in bytes, a newline, and that many bytes.
func readRecord(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	length, err := strconv.ParseUint(strings.TrimSpace(line), 10, 31)
	if err != nil {
		return nil, fmt.Errorf("a record begins with %q, want its length: %w", line, err)
	}
	record := make([]byte, length)
	_, err = io.ReadFull(r, record)
	return record, err
}

// processIO is a record of a session's output.
type processIO struct {
	Data struct {
		Type string `json:"type"` // STDOUT or STDERR
		Data []byte `json:"data"`
	} `json:"data"`
}

// readOutput reads a session's output to its end.
func readOutput(r io.Reader) (stdout, stderr string, err error) {
	records := bufio.NewReader(r)
	for {
		text, err := readRecord(records)
		if err == io.EOF {
			return stdout, stderr, nil
		}
		if err != nil {
			return stdout, stderr, err
		}
		var record processIO
		if err := json.Unmarshal(text, &record); err != nil {
			return stdout, stderr, err
		}
		switch record.Data.Type {
		case "STDOUT":
			stdout += string(record.Data.Data)
		case "STDERR":
			stderr += string(record.Data.Data)
		}
	}
}

// session names a nested container below a task's.
func session(of update, id string) map[string]any {
	parent := of.ContainerStatus.GetContainerID()
	return map[string]any{"value": id, "parent": map[string]any{"value": parent.GetValue()}}
}

func launchSession(container map[string]any, line string) map[string]any {
	return map[string]any{"type": "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session": map[string]any{
		"container_id": container, "command": map[string]any{"value": line},
	}}
}

// waitSession asks for a nested container's exit status, as the kernel packs it.
func (c *cluster) waitSession(ctx context.Context, container map[string]any) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	response, err := c.callAgent(ctx, map[string]any{"type": "WAIT_CONTAINER", "wait_container": map[string]any{"container_id": container}})
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	var answer struct {
		WaitContainer struct {
			ExitStatus *int `json:"exit_status"`
		} `json:"wait_container"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return 0, err
	}
	if answer.WaitContainer.ExitStatus == nil {
		return 0, fmt.Errorf("WAIT_CONTAINER has no exit status")
	}
	return *answer.WaitContainer.ExitStatus, nil
}

// sandbox is the directory of a task's executor.
func (c *cluster) sandbox(f *framework, task mesos.TaskInfo) (string, error) {
	pattern := filepath.Join(c.work(), "slaves/*/frameworks", f.id, "executors", task.TaskID.Value, "runs/latest")
	found, err := filepath.Glob(pattern)
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%d sandboxes at %s", len(found), pattern)
	}
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(found[0])
}

// statisticsOf is the memory in bytes that the agent counts for an executor; 0 if it does not know it.
func (c *cluster) statisticsOf(executor string) int64 {
	response, err := http.Get("http://" + c.agent + "/monitor/statistics")
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	var all []struct {
		ExecutorID string `json:"executor_id"`
		Statistics struct {
			Memory int64 `json:"mem_total_bytes"`
			RSS    int64 `json:"mem_rss_bytes"`
		} `json:"statistics"`
	}
	if json.NewDecoder(response.Body).Decode(&all) != nil {
		return 0
	}
	for _, e := range all {
		if e.ExecutorID == executor {
			return max(e.Statistics.Memory, e.Statistics.RSS)
		}
	}
	return 0
}
