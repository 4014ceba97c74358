package v1

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/test/certificates"
)

func tlsServer(t *testing.T, handler http.Handler, config *tls.Config) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestTLSShowsItsCertificate(t *testing.T) {
	ca := certificates.NewAuthority(t)
	serverCertificate, _, _ := ca.Issue(t, "", nil, "127.0.0.1")
	_, certFile, keyFile := ca.Issue(t, "executor", nil)
	clients := x509.NewCertPool()
	clients.AddCert(ca.Certificate)
	a := &scripted{}
	server := tlsServer(t, a, &tls.Config{
		Certificates: []tls.Certificate{serverCertificate}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert,
	})
	env := environment()
	env.AgentEndpoint = server.Listener.Addr().String()
	env.TLS = agent.TLS{
		Enabled: true, CertFile: certFile, KeyFile: keyFile, CAFile: certificates.File(t, "ca.pem", ca.PEM),
		VerifyServerCert: true, VerifyIPAddress: true, HostnameValidation: agent.OpenSSLValidation,
	}
	subscribeAndUpdate(t, env, a)
	if got := a.requests[0].TLS.PeerCertificates[0].Subject.CommonName; got != "executor" {
		t.Errorf("the agent saw the certificate of %q", got)
	}
}

// With its default LIBPROCESS_SSL_CIPHERS an agent takes RSA key exchange or DHE; Go knows the former only, and not unasked.
func TestTLSWithTheDefaultCiphersOfLibprocess(t *testing.T) {
	ca := certificates.NewAuthority(t)
	certificate, _, _ := ca.Issue(t, "", nil, "127.0.0.1")
	for _, suite := range []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA} {
		t.Run(tls.CipherSuiteName(suite), func(t *testing.T) {
			a := &scripted{}
			server := tlsServer(t, a, &tls.Config{
				Certificates: []tls.Certificate{certificate}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite},
			})
			env := environment()
			env.AgentEndpoint = server.Listener.Addr().String()
			env.TLS = agent.TLS{Enabled: true}
			subscribeAndUpdate(t, env, a)
		})
	}
}

func TestPlainAgentWhereTLSIsEnabled(t *testing.T) {
	a := &scripted{subscribe: alwaysSubscribed}
	env := overTCP(t, a)
	env.TLS = agent.TLS{Enabled: true}
	env.RecoveryTimeout = 300 * time.Millisecond
	env.AuthenticationToken = "token"
	f := start(t, env, nil, newOutbox(), nil)
	if e := <-f.events; e.Type.String() != "SHUTDOWN" {
		t.Errorf("event %v", e.Type)
	}
	f.stop()
	if len(a.received()) != 0 {
		t.Error("a call went in the clear")
	}
}

func TestNewNamesUnusableCredentials(t *testing.T) {
	env := environment()
	env.TLS = agent.TLS{Enabled: true, CertFile: "/nonexistent", KeyFile: "/nonexistent"}
	if _, err := New(env, zap.NewNop()); err == nil || !strings.Contains(err.Error(), "LIBPROCESS_SSL_CERT_FILE") {
		t.Errorf("error %v", err)
	}
}
