package localagent

import (
	"fmt"
	"os"
	"path/filepath"
)

// sandboxMode keeps a task's data from other users, as the agent does.
const sandboxMode = 0o750

// makeSandbox creates the directory of an executor's run in the agent's layout, and points "latest" to it.
func (a *Agent) makeSandbox(e *executorRun) (string, error) {
	runs := filepath.Join(a.options.WorkDir, "slaves", a.options.AgentID, "frameworks", e.framework.info.ID.Value,
		"executors", e.info.ExecutorID.Value, "runs")
	if err := os.MkdirAll(runs, 0o755); err != nil {
		return "", fmt.Errorf("make sandbox: %w", err)
	}
	sandbox := filepath.Join(runs, e.containerID)
	if err := os.Mkdir(sandbox, sandboxMode); err != nil {
		return "", fmt.Errorf("make sandbox: %w", err)
	}
	// Replaced in one step, so that a reader always finds one run or the other.
	fresh := filepath.Join(runs, "latest."+e.containerID)
	if err := os.Symlink(sandbox, fresh); err != nil {
		return "", fmt.Errorf("make sandbox: %w", err)
	}
	if err := os.Rename(fresh, filepath.Join(runs, "latest")); err != nil {
		return "", fmt.Errorf("make sandbox: %w", err)
	}
	return sandbox, nil
}

// openOutput opens one of the sandbox's output files for the executor to append to.
func openOutput(sandbox, name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(sandbox, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}
