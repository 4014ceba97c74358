package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mesos-docker-containerizer/containerizer/dockercli/protocol"
)

// runDirectoryFile is the daemon's own setting run_dir, where that is not the standard one.
const runDirectoryFile = "/etc/mesos-docker-containerizer/run_dir"

// runDirectory is the daemon's standard run directory. The linker may set another one.
var runDirectory = "/run/mesos-docker-containerizer"

// daemonSocket is where the daemon answers. The run directory is that of the option, if it was given, else the file's.
func daemonSocket(option, file string) (string, error) {
	directory, source := option, "option --run_dir"
	if directory == "" {
		content, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("where the daemon runs: %w", err)
		}
		directory, source = strings.TrimSpace(string(content)), file
	}
	if directory == "" {
		directory = runDirectory
	}
	if !filepath.IsAbs(directory) {
		return "", fmt.Errorf("where the daemon runs: %s says %q: want an absolute path", source, directory)
	}
	return filepath.Join(directory, protocol.AdminSocket), nil
}
