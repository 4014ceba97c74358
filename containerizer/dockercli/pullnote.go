package dockercli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"mesos-docker-containerizer/containerizer/image"
)

// pullNote is what a later daemon must know of a deferred pull; without it a run would use an old image. It has no credentials;
// those in the sandbox are read again.
type pullNote struct {
	Reference string
	Platform  *ocispec.Platform `json:",omitempty"`
	Sandbox   string            `json:",omitempty"` // HOME of the agent's pull, where that is the sandbox
	Agent     string            `json:",omitempty"` // HOME of the agent's pull, where that is a directory of its docker_config
	Until     time.Time         // the end of the hold

	file string
}

// request returns the pull of a note. The agent has removed the directory with its docker_config, so the operator's credentials
// replace it.
func (n pullNote) request() image.Request {
	return image.Request{
		Reference: n.Reference, Task: executorOf(n.Sandbox), Platform: n.Platform, Force: true, ByAgent: true, SandboxDirectory: n.Sandbox,
	}
}

// pullNotes are files in a directory, one for each pull, from before the answer until the pull succeeds or its hold ends. An
// empty directory stores nothing.
type pullNotes struct{ directory string }

// write stores a note and sets its file.
func (p pullNotes) write(n *pullNote) error {
	if p.directory == "" {
		return nil
	}
	content, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(p.directory, 0o700); err != nil {
		return fmt.Errorf("note a pull: %w", err)
	}
	file, err := os.CreateTemp(p.directory, "*.json")
	if err != nil {
		return fmt.Errorf("note a pull: %w", err)
	}
	n.file = file.Name()
	_, err = file.Write(content)
	if err := errors.Join(err, file.Close()); err != nil {
		p.remove(*n)
		return fmt.Errorf("note a pull: %w", err)
	}
	return nil
}

// read returns the notes of an earlier daemon. It removes a malformed note and returns an error for it; the daemon died before
// its answer then.
func (p pullNotes) read() (notes []pullNote, err error) {
	if p.directory == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(p.directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, entry := range entries {
		n := pullNote{file: filepath.Join(p.directory, entry.Name())}
		content, readErr := os.ReadFile(n.file)
		if readErr == nil {
			readErr = json.Unmarshal(content, &n)
		}
		if readErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", n.file, readErr))
			p.remove(n)
			continue
		}
		notes = append(notes, n)
	}
	return notes, err
}

// remove removes a note, if it has a file.
func (p pullNotes) remove(n pullNote) {
	if n.file != "" {
		_ = os.Remove(n.file) // one that stays has an end of its own
	}
}
