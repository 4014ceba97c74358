package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// statusPage asks for the status page at an address, as one that a browser knows by a name.
func statusPage(t *testing.T, network, address, host string) (status int, text string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
	answer, err := client.Get("http://" + host + "/")
	must(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must(t, err)
	return answer.StatusCode, string(body)
}

// TestStatusAddress shows the page at a socket, which is root's alone, without an Engine. A reload changes the settings on it.
func TestStatusAddress(t *testing.T) {
	directory := t.TempDir()
	path := func(name string) string { return filepath.Join(directory, name) }
	write := func(name, value string) {
		t.Helper()
		must(t, os.WriteFile(path(name), []byte(value), 0o600))
	}
	write("log_level", "info")
	write("docker_config", `{"auths": {"registry.example": {"auth": "dXNlcjpzd29yZGZpc2g="}}}`)
	flags := []string{"serve", "--run_dir=" + directory, "--socket=" + path("executor.sock"), "--docker_socket=" + path("none"),
		"--docker_config=" + path("docker_config"), "--log_level=file://" + path("log_level"), "--pull_policy=task"}
	daemon := start(t, append(flags, "--status_address="+path("status.sock"))...)
	daemon.await("the status page is shown")
	info, err := os.Stat(path("status.sock"))
	must(t, err)
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("the socket's mode is %v", mode)
	}
	status, text := statusPage(t, "unix", path("status.sock"), "localhost")
	for _, want := range []string{"<b>0</b> <span>running", "the Docker Engine does not answer", "docker_config", "status_address", path("status.sock"), "command line"} {
		if status != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("status %d, without %q:\n%s", status, want, text)
		}
	}
	for _, never := range []string{"dXNlcjpzd29yZGZpc2g", "swordfish", "log_level", "pull_policy"} {
		if strings.Contains(text, never) {
			t.Errorf("the page has %q:\n%s", never, text)
		}
	}
	if status, text := statusPage(t, "unix", path("status.sock"), "rebound.example"); status != http.StatusForbidden || strings.Contains(text, "running") {
		t.Errorf("under another name: %d %s", status, text)
	}
	write("log_level", "warn")
	p := start(t, "reload", flags[1])
	p.wantStatus(exitOK)
	if _, text := statusPage(t, "unix", path("status.sock"), "localhost"); !strings.Contains(text, "log_level") || !strings.Contains(text, "<bdi>warn</bdi>") {
		t.Errorf("the reload is not seen:\n%s", text)
	}
	second := start(t, "serve", "--run_dir="+path("second"), "--socket="+path("second.sock"), "--docker_socket="+path("none"), "--status_address="+path("status.sock"))
	second.wantStatus(exitFailed)
	if !strings.Contains(second.err(), "status_address (") {
		t.Error("it does not say which setting names a socket that is in use")
	}
	daemon.signal(syscall.SIGTERM)
	daemon.wantStatus(exitOK)
	if _, err := os.Stat(path("status.sock")); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

// TestStatusAddressOfTCP shows the page at a loopback address, and nowhere else.
func TestStatusAddressOfTCP(t *testing.T) {
	directory := t.TempDir()
	flags := []string{"serve", "--run_dir=" + directory, "--socket=" + filepath.Join(directory, "executor.sock"), "--docker_socket=" + filepath.Join(directory, "none")}
	refused := start(t, append(flags, "--status_address=0.0.0.0:9406")...)
	refused.wantStatus(exitUsage)
	if !strings.Contains(refused.err(), "no loopback address, and what is shown there is shown without a password") {
		t.Error("it does not say why it refuses")
	}
	daemon := start(t, append(flags, "--status_address=localhost:0")...)
	daemon.await("the status page is shown")
	shown := regexp.MustCompile(`"the status page is shown","address":"(127\.0\.0\.1:\d+)"`).FindStringSubmatch(daemon.err())
	if shown == nil {
		t.Fatal("the log does not say where")
	}
	if status, text := statusPage(t, "tcp", shown[1], shown[1]); status != http.StatusOK || !strings.Contains(text, "<h1>") {
		t.Errorf("%d %s", status, text)
	}
	daemon.interrupt()
	daemon.wantStatus(exitOK)
}
