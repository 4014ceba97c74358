package executor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"
)

// Bounds of a directory of CNI configurations. It is an admin's, and hosts have a handful of small files in it.
const (
	maxCNIFiles    = 1000
	maxCNIFileSize = 1 << 20
)

// cniNetworks finds which of the networks that a task names are CNI's, and the file that says so. Agents of ClusterD attach
// those to the container; nobody does here, so the daemon is told and the task fails in words unless Docker has the network.
func (e *executor) cniNetworks(info *mesos.TaskInfo) map[string]string {
	var wanted []string
	for _, network := range info.GetContainer().GetNetworkInfos() {
		if name := network.GetName(); name != "" {
			wanted = append(wanted, name)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	found := map[string]string{}
	for _, directory := range e.CNIDirectories {
		if err := searchCNI(directory, wanted, found); err != nil {
			e.Logger.Warn("CNI configurations cannot be read", zap.String("directory", directory), zap.Error(err))
		}
	}
	return found
}

// searchCNI adds to found the networks wanted that files of a directory define; the first file counts. Its error tells of what
// had to be passed over.
func searchCNI(directory string, wanted []string, found map[string]string) error {
	opened, err := os.Open(directory)
	if err != nil {
		return err
	}
	defer opened.Close()
	names, err := opened.Readdirnames(maxCNIFiles + 1)
	var troubles []error
	if err != nil && err != io.EOF {
		troubles = append(troubles, err)
	}
	if len(names) > maxCNIFiles {
		names = names[:maxCNIFiles]
		troubles = append(troubles, fmt.Errorf("only %d of its files were looked at", maxCNIFiles))
	}
	slices.Sort(names)
	for _, name := range names {
		file := filepath.Join(directory, name)
		network, err := cniNetwork(file)
		if err != nil {
			troubles = append(troubles, err)
		} else if slices.Contains(wanted, network) && found[network] == "" {
			found[network] = file
		}
	}
	return errors.Join(troubles...)
}

// cniNetwork is the name of the network that a file defines, empty for what is no file.
func cniNetwork(file string) (string, error) {
	if status, err := os.Stat(file); err != nil || !status.Mode().IsRegular() { // opening a pipe would hang
		return "", err
	}
	opened, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer opened.Close()
	content, err := io.ReadAll(io.LimitReader(opened, maxCNIFileSize+1))
	switch {
	case err != nil:
		return "", err
	case len(content) > maxCNIFileSize:
		return "", fmt.Errorf("%s is larger than %d bytes", file, maxCNIFileSize)
	}
	network, err := parseCNI(content)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return network, nil
}

// parseCNI reads the name out of a network configuration or a list of such, which have it in the same place.
func parseCNI(content []byte) (string, error) {
	var configuration struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(content, &configuration); err != nil {
		return "", err
	}
	return configuration.Name, nil
}
