package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/liveagent"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/overlay"
	"mesos-docker-containerizer/config"
)

// lookTimeout bounds what an agent, a daemon or an Engine may take to say how things are.
const lookTimeout = 5 * time.Second

// knownLibexec is the folder of the last setup, else that which the agent uses; empty if neither is known. The agent's word is
// that of the process that listens on its port, which can be any user's while the agent is down, so it does not count for a folder of a user's.
func knownLibexec(path string, seen liveagent.Seen) (string, error) {
	if record, err := overlay.ReadRecord(path); err == nil {
		return record.Stock, nil
	}
	stock := seen.Flags["launcher_dir"]
	if !filepath.IsAbs(stock) {
		return "", nil
	}
	if err := overlay.Trusted(stock); err != nil {
		return "", fmt.Errorf("the agent's launcher_dir: %w; or say --mesos-libexec=%s if you know better", err, stock)
	}
	return stock, nil
}

// agentDirectory is the one that this host has.
func agentDirectory(candidates []string) (string, error) {
	var found []string
	for _, path := range candidates {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			found = append(found, path)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	if len(found) > 1 {
		return "", fmt.Errorf("both of %s are there: say with --agent-directory which one the agent's start script reads", strings.Join(found, ","))
	}
	return "", fmt.Errorf("neither of %s is there: make the one that the agent's start script reads, or name it with --agent-directory", strings.Join(candidates, ","))
}

// ourPrograms finds the executor and the docker command in a directory, or where `make install` or `make build` puts them.
func ourPrograms(directory string) (executor, docker string, err error) {
	candidates := []string{directory}
	if directory == "" {
		beside, libexec, err := programFolders()
		if err != nil {
			return "", "", fmt.Errorf("our own programs: %w", err)
		}
		candidates = []string{libexec, beside}
	}
	for _, d := range candidates {
		for _, name := range []string{overlay.DockerName, "mesos-docker-cli"} {
			executor, docker = filepath.Join(d, overlay.ExecutorName), filepath.Join(d, name)
			if isFile(executor) && isFile(docker) {
				executor, err = filepath.Abs(executor)
				if err == nil {
					docker, err = filepath.Abs(docker)
				}
				return executor, docker, err
			}
		}
	}
	return "", "", fmt.Errorf("our own programs %s and %s are in none of %s; name their folder with --programs", overlay.ExecutorName, overlay.DockerName, strings.Join(candidates, ","))
}

// programFolders are where `make build` and `make install` put the executor and the docker command, seen from this program.
func programFolders() (beside, libexec string, err error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	beside = filepath.Dir(self)
	return beside, filepath.Join(beside, "..", "libexec", "mesos-docker-containerizer"), err
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// agentUsage is the text on the flag of that name.
const agentUsage = "`HOST:PORT` of the agent; default: from its flags ip and port"

// askAgent asks the agent of this host, or at the given address.
func askAgent[T any](c *config.Config, address string, ask func(*liveagent.Agent, context.Context) (T, error)) (answer T, err error) {
	address, err = agentAddress(c, address)
	if err != nil {
		return answer, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	return ask(liveagent.New(address), ctx)
}

// errAddress says that the address given for the agent is none.
var errAddress = errors.New("want HOST:PORT")

// agentAddress is the given one, else that of the agent's flags.
func agentAddress(c *config.Config, given string) (string, error) {
	if given != "" {
		if _, _, err := net.SplitHostPort(given); err != nil {
			return "", fmt.Errorf("--agent=%s: %w", given, errAddress)
		}
		return given, nil
	}
	if c.Port == 0 {
		return "", fmt.Errorf("the agent listens on a port of its own choice (%s); name it with --agent", c.Origin("port"))
	}
	host := "127.0.0.1"
	if c.IP.IsValid() && !c.IP.IsUnspecified() {
		host = c.IP.String()
	}
	return net.JoinHostPort(host, strconv.Itoa(int(c.Port))), nil
}
