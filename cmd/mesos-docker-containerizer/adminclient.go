package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer/dockercli/protocol"
)

// errNoDaemon says that nobody answers at the socket for admins.
var errNoDaemon = errors.New("is it running (systemctl status mesos-docker-containerizer), and are you root?")

// refusedError is the daemon's own word on why it does not do what it is asked.
type refusedError string

func (e refusedError) Error() string { return string(e) }

// askDaemon asks the daemon of the configuration's run_dir and decodes its JSON answer. Its error has the status exitEnvironment,
// or is a refusedError.
func askDaemon(c *config.Config, method, path string, limit time.Duration, answer any) error {
	socket := filepath.Join(c.RunDir, protocol.AdminSocket)
	client := http.Client{Timeout: limit, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	request, err := http.NewRequest(method, "http://daemon"+path, nil)
	if err != nil {
		return withStatus(exitEnvironment, err)
	}
	response, err := client.Do(request)
	if err != nil {
		return withStatus(exitEnvironment, fmt.Errorf("no daemon answers at %s: %w; %w", socket, err, errNoDaemon))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		const enough = 4 << 10
		text, _ := io.ReadAll(io.LimitReader(response.Body, enough))
		if said := strings.TrimSpace(string(text)); said != "" {
			return refusedError(said)
		}
		return refusedError("the daemon at " + socket + " answers " + response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return withStatus(exitEnvironment, fmt.Errorf("the answer of the daemon at %s: %w", socket, err))
	}
	return nil
}
