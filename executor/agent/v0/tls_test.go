package v0

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"

	"mesos-docker-containerizer/test/certificates"
	"mesos-docker-containerizer/test/fakeagent"
)

// With LIBPROCESS_SSL_ENABLED both connections are TLS, each side shows its certificate and checks the other's.
func TestTLS(t *testing.T) {
	ca := certificates.NewAuthority(t)
	agents, _, _ := ca.Issue(t, "", nil, "127.0.0.1")
	_, certFile, keyFile := ca.Issue(t, "", nil, "127.0.0.1")
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	for name, suites := range map[string][]uint16{
		"current ciphers": nil,
		"old ciphers":     {tls.TLS_RSA_WITH_AES_128_CBC_SHA},
	} {
		t.Run(name, func(t *testing.T) {
			config := &tls.Config{
				Certificates: []tls.Certificate{agents}, RootCAs: roots, ClientCAs: roots, ServerName: "127.0.0.1",
				ClientAuth: tls.RequireAndVerifyClientCert, CipherSuites: suites, MaxVersion: tls.VersionTLS12,
			}
			a := newAgent(t, fakeagent.Options{Server: config, Client: config})
			f := start(t, environment(t, a, "LIBPROCESS_SSL_ENABLED=1", "LIBPROCESS_SSL_CERT_FILE="+certFile, "LIBPROCESS_SSL_KEY_FILE="+keyFile,
				"LIBPROCESS_SSL_CA_FILE="+certificates.File(t, "ca.pem", ca.PEM), "LIBPROCESS_SSL_VERIFY_IPADD=1",
				"LIBPROCESS_SSL_REQUIRE_CLIENT_CERT=1"))
			f.launched(a)
			f.acknowledged(status(1, mesos.TASK_RUNNING))
			a.Stop()
			must(t, a.Start(true)) // looks whether we live, without a word of TLS
			must(t, a.Reconnect())
			f.expect(executor.Event_SUBSCRIBED)
			f.acknowledged(status(2, mesos.TASK_FINISHED))
		})
	}
	t.Run("foreign agent", func(t *testing.T) {
		foreign, _, _ := certificates.NewAuthority(t).Issue(t, "", nil, "127.0.0.1")
		config := &tls.Config{Certificates: []tls.Certificate{foreign}}
		a := newAgent(t, fakeagent.Options{Server: config, Client: config})
		f := start(t, environment(t, a, "LIBPROCESS_SSL_ENABLED=1", "LIBPROCESS_SSL_CERT_FILE="+certFile, "LIBPROCESS_SSL_KEY_FILE="+keyFile,
			"LIBPROCESS_SSL_CA_FILE="+certificates.File(t, "ca.pem", ca.PEM), "LIBPROCESS_SSL_VERIFY_CERT=1", "LIBPROCESS_SSL_VERIFY_IPADD=1"))
		f.expect(executor.Event_SHUTDOWN)
		if len(a.Received()) != 0 {
			t.Error("the agent was told something")
		}
	})
}
