package secure

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/test/certificates"
)

// serve shakes hands with each client that connects, until the test's end.
func serve(t *testing.T, config *tls.Config) (address string) {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.(*tls.Conn).Handshake()
			conn.Close()
		}
	}()
	return listener.Addr().String()
}

func TestDialerVerifiesAsLibprocessDoes(t *testing.T) {
	ca := certificates.NewAuthority(t)
	caFile := certificates.File(t, "ca.pem", ca.PEM)
	caDir := t.TempDir()
	for name, content := range map[string]string{"1a2b3c4d.0": string(ca.PEM), "README": "no certificate"} {
		if err := os.WriteFile(filepath.Join(caDir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(caDir, "subdirectory"), 0o700); err != nil {
		t.Fatal(err)
	}
	otherFile := certificates.File(t, "other.pem", certificates.NewAuthority(t).PEM)
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

	both127 := func() tls.Certificate { c, _, _ := ca.Issue(t, "", []string{"agent.example"}, "127.0.0.1"); return c }()
	onlyName := func() tls.Certificate { c, _, _ := ca.Issue(t, "", []string{"agent.example"}); return c }()
	onlyCN := func() tls.Certificate { c, _, _ := ca.Issue(t, "Agent.example", nil); return c }()

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
			address := serve(t, &tls.Config{Certificates: []tls.Certificate{c.certificate}})
			secured, err := New(c.settings)
			if err != nil {
				t.Fatal(err)
			}
			secured.lookupAddr = c.lookup
			dial := secured.Dialer(func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, address)
			})
			conn, err := dial(t.Context(), "tcp", net.JoinHostPort(c.host, "5051"))
			if err == nil {
				conn.Close()
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q in it", err, c.err)
			}
		})
	}
}

func TestNewNamesUnusableCredentials(t *testing.T) {
	ca := certificates.NewAuthority(t)
	_, certFile, keyFile := ca.Issue(t, "", nil)
	big := certificates.File(t, "big", make([]byte, maxCredentialFile+1))
	empty := t.TempDir()
	for name, c := range map[string]struct {
		settings agent.TLS
		words    string
	}{
		"CA file absent":          {agent.TLS{VerifyServerCert: true, CAFile: "/nonexistent/ca.pem"}, "LIBPROCESS_SSL_CA_FILE"},
		"CA file is no PEM":       {agent.TLS{VerifyServerCert: true, CAFile: certificates.File(t, "x", []byte("x"))}, "no PEM certificate"},
		"CA file is a device":     {agent.TLS{VerifyServerCert: true, CAFile: "/dev/zero"}, "not a regular file"},
		"CA file is too large":    {agent.TLS{VerifyServerCert: true, CAFile: big}, "larger than"},
		"CA directory absent":     {agent.TLS{VerifyServerCert: true, CADir: "/nonexistent"}, "LIBPROCESS_SSL_CA_DIR"},
		"CA directory is empty":   {agent.TLS{VerifyServerCert: true, CADir: empty}, "LIBPROCESS_SSL_CA_DIR"},
		"certificate absent":      {agent.TLS{CertFile: "/nonexistent", KeyFile: keyFile}, "LIBPROCESS_SSL_CERT_FILE"},
		"key absent":              {agent.TLS{CertFile: certFile, KeyFile: "/nonexistent"}, "LIBPROCESS_SSL_KEY_FILE"},
		"key of someone else":     {agent.TLS{CertFile: certFile, KeyFile: func() string { _, _, k := ca.Issue(t, "", nil); return k }()}, "does not match"},
		"certificate for the key": {agent.TLS{CertFile: keyFile, KeyFile: certFile}, "LIBPROCESS_SSL_CERT_FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			c.settings.Enabled = true
			if _, err := New(c.settings); err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("error %v, want %q in it", err, c.words)
			}
		})
	}
}

// The agent connects to us as well. It shows a certificate only if we ask, and then it must bear the agent's name.
func TestAcceptVerifiesAsLibprocessDoes(t *testing.T) {
	ca := certificates.NewAuthority(t)
	_, certFile, keyFile := ca.Issue(t, "", []string{"executor.example"})
	ours := agent.TLS{Enabled: true, CertFile: certFile, KeyFile: keyFile, CAFile: certificates.File(t, "ca.pem", ca.PEM), HostnameValidation: agent.LegacyValidation}
	named, _, _ := ca.Issue(t, "", []string{"agent.example"})
	foreign, _, _ := certificates.NewAuthority(t).Issue(t, "", []string{"agent.example"})
	require := func(change func(*agent.TLS)) agent.TLS {
		s := ours
		s.RequireClientCert, s.VerifyServerCert = true, true
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		settings agent.TLS
		shown    []tls.Certificate
		lookup   string
		err      string
	}{
		"not asked for":       {ours, nil, "", ""},
		"none":                {require(func(*agent.TLS) {}), nil, "", "certificate"},
		"legacy: name":        {require(func(*agent.TLS) {}), []tls.Certificate{named}, "agent.example.", ""},
		"legacy: other name":  {require(func(*agent.TLS) {}), []tls.Certificate{named}, "other.example.", "other.example"},
		"openssl: chain only": {require(func(s *agent.TLS) { s.HostnameValidation = agent.OpenSSLValidation }), []tls.Certificate{named}, "other.example.", ""},
		"unknown authority":   {require(func(*agent.TLS) {}), []tls.Certificate{foreign}, "agent.example.", "unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			secured, err := New(c.settings)
			if err != nil {
				t.Fatal(err)
			}
			secured.lookupAddr = func(context.Context, string) ([]string, error) { return []string{c.lookup}, nil }
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go func() {
				conn, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, Certificates: c.shown})
				if err == nil {
					conn.Read(make([]byte, 1))
					conn.Close()
				}
			}()
			conn, err := listener.Accept()
			if err != nil {
				t.Fatal(err)
			}
			accepted, err := secured.Accept(t.Context(), conn)
			if err == nil {
				accepted.Close()
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q in it", err, c.err)
			}
		})
	}
}
