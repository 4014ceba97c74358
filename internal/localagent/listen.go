package localagent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// domainSocketMode lets executors of any user connect, as the agent's does.
const domainSocketMode = 0o666

// domainSocketKey marks the context of connections that came over the domain socket.
type domainSocketKey struct{}

// listen opens the agent's sockets and starts to serve them. The first time it settles the address, later it takes the same.
func (a *Agent) listen() error {
	address := a.address
	if address == "" {
		address = net.JoinHostPort(a.options.listenIP(), strconv.Itoa(a.options.Port))
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", address, err)
	}
	if a.address == "" {
		a.address = listener.Addr().String()
	}
	if a.options.TLS != nil {
		listener = tls.NewListener(listener, a.options.TLS)
	}
	listeners := []net.Listener{listener}

	if path := a.options.DomainSocket; path != "" {
		local, err := listenDomainSocket(path)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		listeners = append(listeners, local)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.serving = new(sync.WaitGroup)
	a.servers = nil
	for _, l := range listeners {
		a.serve(l)
	}
	return nil
}

// listenDomainSocket replaces what a previous run left at path.
func listenDomainSocket(path string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the old domain socket: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen on domain socket %s: %w", path, err)
	}
	// A stopped agent leaves the path behind, and connecting to it is refused.
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(path, domainSocketMode); err != nil {
		return nil, errors.Join(fmt.Errorf("domain socket: %w", err), l.Close())
	}
	return l, nil
}

// serve answers one listener until its server is closed. The caller holds mu.
func (a *Agent) serve(l net.Listener) {
	serving := a.serving
	_, overDomainSocket := l.(*net.UnixListener)
	errorLog, err := zap.NewStdLogAt(a.log, zapcore.DebugLevel)
	if err != nil {
		panic(err) // only an unknown level fails
	}
	server := &http.Server{
		Handler:  http.HandlerFunc(a.handle),
		ErrorLog: errorLog,
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, domainSocketKey{}, overDomainSocket)
		},
		// Each connection is counted before Serve can return, so that waiting for all never misses one.
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				serving.Add(1)
			case http.StateClosed:
				serving.Done()
			}
		},
	}
	a.servers = append(a.servers, server)
	serving.Add(1)
	go func() {
		defer serving.Done()
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("agent endpoint failed", zap.Error(err))
		}
	}()
}

// hangUp closes listeners and connections and waits for the goroutines that served them. For good, it also removes the domain socket.
func (a *Agent) hangUp(forGood bool) error {
	a.mu.Lock()
	servers, serving := a.servers, a.serving
	a.servers = nil
	a.mu.Unlock()

	var failed []error
	forking.Lock()
	for _, s := range servers {
		failed = append(failed, s.Close())
	}
	if serving != nil {
		serving.Wait()
	}
	forking.Unlock()
	if path := a.options.DomainSocket; forGood && path != "" {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// port is the port part of the agent's address.
func (a *Agent) port() string {
	_, port, err := net.SplitHostPort(a.address)
	if err != nil {
		return ""
	}
	return port
}

// ip is the address part, which the agent reports for tasks that have no address of their own.
func (a *Agent) ip() string {
	host, _, err := net.SplitHostPort(a.address)
	if err != nil {
		return ""
	}
	return host
}
