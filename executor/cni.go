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

// cniNetworks returns those of the task's networks that CNI configurations define, each with its file. Agents of ClusterD attach
// them to the container and this daemon does not: it fails the task with a message that names the file, unless Docker has a
// network of that name.
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

// searchCNI adds to found the networks wanted that files of a directory define; the first file counts. Its error names the
// files that were skipped.
func searchCNI(directory string, wanted []string, found map[string]string) error {
	opened, err := os.Open(directory)
	if err != nil {
		return err
	}
	defer opened.Close()
	names, err := opened.Readdirnames(maxCNIFiles + 1)
	var errs []error
	if err != nil && err != io.EOF {
		errs = append(errs, err)
	}
	if len(names) > maxCNIFiles {
		names = names[:maxCNIFiles]
		errs = append(errs, fmt.Errorf("only %d of its files were looked at", maxCNIFiles))
	}
	slices.Sort(names)
	for _, name := range names {
		file := filepath.Join(directory, name)
		network, err := cniNetwork(file)
		if err != nil {
			errs = append(errs, err)
		} else if slices.Contains(wanted, network) && found[network] == "" {
			found[network] = file
		}
	}
	return errors.Join(errs...)
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
