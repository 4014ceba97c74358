package v1

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mesos-docker-containerizer/executor/agent"
)

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         any
	pem         []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	template, err = x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{template, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue returns a certificate with these names, and both of its files. An RSA key serves also the key exchange of old agents.
func (a *authority) issue(t *testing.T, commonName string, dns []string, ips ...string) (certificate tls.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: commonName}, DNSNames: dns,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, ip := range ips {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(ip))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	certificate, err = tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, file(t, "cert.pem", certPEM), file(t, "key.pem", keyPEM)
}

func file(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func tlsServer(t *testing.T, handler http.Handler, config *tls.Config) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestTLSVerifiesAsLibprocessDoes(t *testing.T) {
	ca := newAuthority(t)
	caFile := file(t, "ca.pem", ca.pem)
	caDir := t.TempDir()
	for name, content := range map[string]string{"1a2b3c4d.0": string(ca.pem), "README": "no certificate"} {
		if err := os.WriteFile(filepath.Join(caDir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(caDir, "subdirectory"), 0o700); err != nil {
		t.Fatal(err)
	}
	otherFile := file(t, "other.pem", newAuthority(t).pem)
	named := func(names ...string) func(context.Context, string) ([]string, error) {
		return func(_ context.Context, address string) ([]string, error) {
			if address != "127.0.0.1" {
				return nil, errors.New("asked for " + address)
			}
			return names, nil
		}
	}
	nameless := func(context.Context, string) ([]string, error) {
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	verify := func(change func(*agent.TLS)) agent.TLS {
		s := agent.TLS{Enabled: true, VerifyServerCert: true, CAFile: caFile, HostnameValidation: agent.LegacyValidation}
		change(&s)
		return s
	}
	openssl := func(s *agent.TLS) { s.HostnameValidation = agent.OpenSSLValidation }
	withIP := func(s *agent.TLS) { s.VerifyIPAddress = true }
	both := func(s *agent.TLS) { openssl(s); withIP(s) }

	both127 := func() tls.Certificate { c, _, _ := ca.issue(t, "", []string{"agent.example"}, "127.0.0.1"); return c }()
	onlyName := func() tls.Certificate { c, _, _ := ca.issue(t, "", []string{"agent.example"}); return c }()
	onlyCN := func() tls.Certificate { c, _, _ := ca.issue(t, "Agent.example", nil); return c }()

	for name, c := range map[string]struct {
		certificate tls.Certificate
		settings    agent.TLS
		host        string // of the endpoint
		lookup      func(context.Context, string) ([]string, error)
		err         string
	}{
		"unverified by default":                {onlyName, agent.TLS{Enabled: true}, "127.0.0.1", nameless, ""},
		"unverified, CA file absent":           {onlyName, agent.TLS{Enabled: true, CAFile: "/nonexistent"}, "127.0.0.1", nameless, ""},
		"unknown authority":                    {onlyName, verify(func(s *agent.TLS) { s.CAFile = otherFile }), "127.0.0.1", named("agent.example."), "unknown authority"},
		"authority of a directory":             {onlyName, verify(func(s *agent.TLS) { s.CAFile, s.CADir = "", caDir }), "127.0.0.1", named("agent.example."), ""},
		"legacy: first name":                   {onlyName, verify(func(*agent.TLS) {}), "127.0.0.1", named("agent.example.", "other.example."), ""},
		"legacy: second name":                  {onlyName, verify(func(*agent.TLS) {}), "127.0.0.1", named("other.example.", "agent.example."), "other.example"},
		"legacy: common name":                  {onlyCN, verify(func(*agent.TLS) {}), "127.0.0.1", named("agent.example."), ""},
		"legacy: no name":                      {onlyName, verify(func(*agent.TLS) {}), "127.0.0.1", nameless, "no such host"},
		"legacy: an empty list":                {onlyName, verify(func(*agent.TLS) {}), "127.0.0.1", named(), "it has none"},
		"legacy: the endpoint does not matter": {onlyName, verify(func(*agent.TLS) {}), "agent.example", named("other.example."), "other.example"},
		"legacy: address without VERIFY_IPADD": {both127, verify(func(*agent.TLS) {}), "127.0.0.1", nameless, "no such host"},
		"legacy: address with VERIFY_IPADD":    {both127, verify(withIP), "127.0.0.1", nameless, ""},
		"legacy: name with VERIFY_IPADD":       {onlyName, verify(withIP), "127.0.0.1", named("agent.example."), ""},
		"openssl: host":                        {onlyName, verify(openssl), "agent.example", nameless, ""},
		"openssl: common name":                 {onlyCN, verify(openssl), "agent.example", nameless, ""},
		"openssl: another host":                {onlyName, verify(openssl), "other.example", named("agent.example."), "other.example"},
		"openssl: address, no VERIFY_IPADD":    {both127, verify(openssl), "127.0.0.1", nameless, "LIBPROCESS_SSL_VERIFY_IPADD"},
		"openssl: address":                     {both127, verify(both), "127.0.0.1", nameless, ""},
		"openssl: address not in certificate":  {onlyName, verify(both), "127.0.0.1", nameless, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			server := tlsServer(t, http.NotFoundHandler(), &tls.Config{Certificates: []tls.Certificate{c.certificate}})
			d, err := newTLSDialer(c.settings, func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
			})
			if err != nil {
				t.Fatal(err)
			}
			d.lookupAddr = c.lookup
			conn, err := d.dialContext(t.Context(), "tcp", net.JoinHostPort(c.host, "5051"))
			if err == nil {
				conn.Close()
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q in it", err, c.err)
			}
		})
	}
}

func TestTLSShowsItsCertificate(t *testing.T) {
	ca := newAuthority(t)
	serverCertificate, _, _ := ca.issue(t, "", nil, "127.0.0.1")
	_, certFile, keyFile := ca.issue(t, "executor", nil)
	clients := x509.NewCertPool()
	clients.AddCert(ca.certificate)
	a := &scripted{}
	server := tlsServer(t, a, &tls.Config{
		Certificates: []tls.Certificate{serverCertificate}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert,
	})
	env := environment()
	env.AgentEndpoint = server.Listener.Addr().String()
	env.TLS = agent.TLS{
		Enabled: true, CertFile: certFile, KeyFile: keyFile, CAFile: file(t, "ca.pem", ca.pem),
		VerifyServerCert: true, VerifyIPAddress: true, HostnameValidation: agent.OpenSSLValidation,
	}
	subscribeAndUpdate(t, env, a)
	if got := a.requests[0].TLS.PeerCertificates[0].Subject.CommonName; got != "executor" {
		t.Errorf("the agent saw the certificate of %q", got)
	}
}

// With its default LIBPROCESS_SSL_CIPHERS an agent takes RSA key exchange or DHE; Go knows the former only, and not unasked.
func TestTLSWithTheDefaultCiphersOfLibprocess(t *testing.T) {
	ca := newAuthority(t)
	certificate, _, _ := ca.issue(t, "", nil, "127.0.0.1")
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
	f := start(t, env, nil, newLedger(), nil)
	if e := <-f.events; e.Type.String() != "SHUTDOWN" {
		t.Errorf("event %v", e.Type)
	}
	f.stop()
	if len(a.received()) != 0 {
		t.Error("a call went in the clear")
	}
}

func TestNewNamesUnusableCredentials(t *testing.T) {
	ca := newAuthority(t)
	_, certFile, keyFile := ca.issue(t, "", nil)
	big := file(t, "big", make([]byte, maxCredentialFile+1))
	empty := t.TempDir()
	for name, c := range map[string]struct {
		settings agent.TLS
		words    string
	}{
		"CA file absent":          {agent.TLS{VerifyServerCert: true, CAFile: "/nonexistent/ca.pem"}, "LIBPROCESS_SSL_CA_FILE"},
		"CA file is no PEM":       {agent.TLS{VerifyServerCert: true, CAFile: file(t, "x", []byte("x"))}, "no PEM certificate"},
		"CA file is a device":     {agent.TLS{VerifyServerCert: true, CAFile: "/dev/zero"}, "not a regular file"},
		"CA file is too large":    {agent.TLS{VerifyServerCert: true, CAFile: big}, "larger than"},
		"CA directory absent":     {agent.TLS{VerifyServerCert: true, CADir: "/nonexistent"}, "LIBPROCESS_SSL_CA_DIR"},
		"CA directory is empty":   {agent.TLS{VerifyServerCert: true, CADir: empty}, "LIBPROCESS_SSL_CA_DIR"},
		"certificate absent":      {agent.TLS{CertFile: "/nonexistent", KeyFile: keyFile}, "LIBPROCESS_SSL_CERT_FILE"},
		"key absent":              {agent.TLS{CertFile: certFile, KeyFile: "/nonexistent"}, "LIBPROCESS_SSL_KEY_FILE"},
		"key of someone else":     {agent.TLS{CertFile: certFile, KeyFile: func() string { _, _, k := ca.issue(t, "", nil); return k }()}, "does not match"},
		"certificate for the key": {agent.TLS{CertFile: keyFile, KeyFile: certFile}, "LIBPROCESS_SSL_CERT_FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			env := environment()
			env.TLS = c.settings
			env.TLS.Enabled = true
			if _, err := New(Options{Environment: env}); err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("error %v, want %q in it", err, c.words)
			}
		})
	}
}
