package runspec

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// directoryMode is that of the directories docker creates for binds.
const directoryMode = 0o755

// PrepareHost prepares the host for the spec. It creates missing sources of mounts, which Engines before API 1.42 do not create (all
// Engines create those of binds), and checks that paths mounted from the sandbox are in the sandbox after symlinks are resolved. It
// lets SandboxGroup write to the sandbox. The error is an *Error if the task is at fault. Call it right before the create: a process
// with write access to the sandbox can still add a symlink afterwards.
func (s *Spec) PrepareHost(ctx context.Context) error {
	for _, source := range s.MountSources {
		if source == s.SandboxDirectory {
			continue
		}
		if err := createDirectories(source); err != nil {
			return err
		}
	}
	if err := s.prepareSandboxPaths(); err != nil || s.SandboxGroup == 0 {
		return err
	}
	if err := shareWithGroup(ctx, s.SandboxDirectory, s.SandboxGroup); err != nil {
		return fmt.Errorf("let group %d write to the sandbox: %w", s.SandboxGroup, err)
	}
	return nil
}

// prepareSandboxPaths checks, and creates if missing, the paths that are mounted from the sandbox.
func (s *Spec) prepareSandboxPaths() error {
	if len(s.SandboxPaths) == 0 {
		return nil
	}
	root, err := os.OpenRoot(s.SandboxDirectory)
	if err != nil {
		return fmt.Errorf("open sandbox: %w", err)
	}
	defer root.Close()
	for _, name := range s.SandboxPaths {
		if err := prepareInSandbox(root, name); err != nil {
			return err
		}
	}
	return nil
}

// prepareInSandbox makes sure that a path exists in the sandbox, as a directory if nothing is there. A root refuses every
// symlink that leads out of it.
func prepareInSandbox(root *os.Root, name string) error {
	_, err := root.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		err = root.MkdirAll(name, directoryMode)
	}
	if err != nil {
		return &Error{
			Field: "container.volumes",
			Text:  fmt.Sprintf("%s cannot be mounted from the sandbox: %v", Quote(name), err),
			cause: err,
		}
	}
	return nil
}

// createDirectories creates what is missing of an absolute path, and nothing behind a symlink that dangles.
func createDirectories(name string) error {
	if _, err := os.Stat(name); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	current := "/"
	for part := range strings.SplitSeq(strings.TrimPrefix(filepath.Clean(name), "/"), "/") {
		current = filepath.Join(current, part)
		err := os.Mkdir(current, directoryMode)
		if err == nil {
			continue
		}
		if _, statErr := os.Stat(current); !errors.Is(err, fs.ErrExist) || statErr != nil {
			return &Error{
				Field: "container.volumes",
				Text:  fmt.Sprintf("host path %s does not exist and cannot be created: %v", Quote(name), err),
				cause: err,
			}
		}
	}
	return nil
}
