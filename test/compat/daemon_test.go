package compat

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mesos-docker-containerizer/test/environment"
)

// started describes an Engine of the test's own, beside the one that all tests use.
type started struct {
	before  []string // a command to run dockerd by
	flags   []string
	network *ownNetwork // nil for one of its own

	features object // of daemon.json
	fresh    bool   // it chooses how it stores images
	bridge   bool   // it makes one, with the rules of the packet filter
}

// ownEngine starts an Engine with flags.
func ownEngine(t *testing.T, flags ...string) *engine {
	t.Helper()
	return started{flags: flags}.engine(t)
}

// engine starts dockerd and ends it with the test. It has a network of its own: told to make no bridge it would remove the one of
// the other Engine.
func (s started) engine(t *testing.T) *engine {
	t.Helper()
	environment.Socket(t) // where there is no Engine there are no programs of one
	directory := shared(t)
	program := "dockerd"
	path := os.Getenv("PATH") + ":/usr/local/sbin:/usr/sbin:/sbin"
	if programs := os.Getenv("ENGINE_PROGRAMS"); programs != "" {
		program, path = filepath.Join(programs, program), programs+":"+path
	}
	write(t, directory+"/daemon.json", string(encoded(t, object{"features": s.features})))
	socket := directory + "/docker.sock"
	command := append(append([]string{}, s.before...), program,
		"--config-file", directory+"/daemon.json", "--host", "unix://"+socket, "--data-root", directory+"/data",
		"--exec-root", directory+"/exec", "--pidfile", directory+"/docker.pid", "--exec-opt", "native.cgroupdriver=cgroupfs",
		"--cgroup-parent", "/"+filepath.Base(directory))
	if !s.bridge {
		command = append(command, "--bridge", "none", "--iptables=false")
	}
	if !s.fresh {
		command = append(command, "--storage-driver", "vfs")
	}
	command = append(command, s.flags...)
	var log bytes.Buffer
	dockerd := exec.Command("env", append([]string{"PATH=" + path}, command...)...)
	dockerd.Stdout, dockerd.Stderr = &log, &log
	dockerd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if s.network == nil {
		s.network = newNetwork(t)
	}
	s.network.within(t, func() error { return dockerd.Start() })
	ended := make(chan struct{})
	go func() { defer close(ended); _ = dockerd.Wait() }()
	t.Cleanup(func() {
		_ = dockerd.Process.Signal(syscall.SIGTERM)
		<-ended
	})
	awaitSocket(t, socket, ended, &log)
	e := connect(t, socket)
	e.image = load(t, socket)
	return e
}

// awaitSocket waits until an Engine answers.
func awaitSocket(t *testing.T, socket string, ended <-chan struct{}, log *bytes.Buffer) {
	t.Helper()
	probe := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}, Timeout: patience}
	for deadline := time.Now().Add(2 * patience); ; {
		response, err := probe.Get("http://engine/_ping")
		if err == nil {
			response.Body.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("dockerd has ended:\n%s", log)
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("dockerd does not answer: %v", err)
		}
	}
}

// load puts the image with a shell into an Engine.
func load(t *testing.T, socket string) string {
	t.Helper()
	tag, err := environment.Shell(t.Context(), "unix://"+socket)
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

// plainRegistry serves the image app:1 over HTTP on the loopback interface and returns its address.
func (n *ownNetwork) plainRegistry(t *testing.T) string {
	t.Helper()
	files := ociFiles(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		if name == "1" {
			name = files.manifest
			w.Header().Set("Docker-Content-Digest", name)
		}
		content, found := files.blobs[name]
		switch {
		case r.URL.Path == "/v2/":
		case !found:
			w.WriteHeader(http.StatusNotFound)
		default:
			if name == files.manifest {
				w.Header().Set("Content-Type", manifestType)
			}
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		}
	}))
	server.Listener.Close()
	n.within(t, func() (err error) {
		server.Listener, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	})
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.Listener.Addr().String()
}
