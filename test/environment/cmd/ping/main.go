// Command ping says whether a Docker Engine answers at DOCKER_HOST, for set-up scripts. It uses the standard library alone, so
// that it is there within a second on a machine where nothing has been built yet.
//
//	go run ./test/environment/cmd/ping [-wait DURATION]
//
// It prints the Engine's version and exits 0, or says on stderr why not and exits 1.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	callTimeout = 5 * time.Second
	pause       = 50 * time.Millisecond // between two tries with -wait
)

func main() {
	wait := flag.Duration("wait", 0, "how long to go on trying")
	flag.Parse()
	ctx := context.Background()
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		host = "unix:///var/run/docker.sock"
	}
	version, err := ask(ctx, host)
	for deadline, tick := time.Now().Add(*wait), time.Tick(pause); err != nil && time.Now().Before(deadline); {
		<-tick
		version, err = ask(ctx, host)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "no Engine answers at %s: %v\n", host, err)
		os.Exit(1)
	}
	fmt.Println(version)
}

// ask returns the Engine's version as it is said to a person. A TCP Engine behind TLS is not reached.
func ask(ctx context.Context, host string) (string, error) {
	network, address, ok := strings.Cut(host, "://")
	if !ok {
		return "", errors.New("an address has the form unix:///path or tcp://host:port")
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	engine := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, address)
		},
		DisableKeepAlives: true,
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine/version", nil)
	if err != nil {
		return "", err
	}
	response, err := engine.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("it answers %s", response.Status)
	}
	var v struct{ Version, APIVersion string }
	if err := json.NewDecoder(response.Body).Decode(&v); err != nil {
		return "", fmt.Errorf("its answer is not that of an Engine: %w", err)
	}
	return fmt.Sprintf("Docker Engine %s, API %s", v.Version, v.APIVersion), nil
}
