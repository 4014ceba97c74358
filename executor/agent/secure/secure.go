// Package secure is TLS between an executor and its agent as LIBPROCESS_SSL_* describes it, for connections of either direction.
//
// TLS.Dialer wraps a dial function, TLS.Accept a connection that was accepted. Both shake hands and verify the peer as
// libprocess does: not at all unless told to, and then its certificate's chain and one of its names. Nothing is ever sent in
// the clear: LIBPROCESS_SSL_SUPPORT_DOWNGRADE is not honoured.
package secure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/internal/regularfile"
)

// maxCredentialFile bounds each file that LIBPROCESS_SSL_* names. A task can make them name anything.
const maxCredentialFile = 4 << 20

// cipherSuites are Go's own for TLS 1.2 and, behind them, those with RSA key exchange, which Go no longer offers unasked:
// libprocess accepts nothing else by default (LIBPROCESS_SSL_CIPHERS), since Go has none of its DHE suites.
var cipherSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA,
}

// DialFunc is net.Dialer.DialContext.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// TLS holds the credentials and the rules of verification. It is safe for concurrent use.
type TLS struct {
	config     *tls.Config
	settings   agent.TLS
	roots      *x509.CertPool // nil for the system's
	lookupAddr func(ctx context.Context, address string) ([]string, error)
}

// New reads the files that settings name. Its error names the variable that is at fault.
func New(settings agent.TLS) (*TLS, error) {
	t := &TLS{
		// The standard verification knows one way to name a server. Ours runs in its place, on every connection.
		config:     &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, CipherSuites: cipherSuites},
		settings:   settings,
		lookupAddr: net.DefaultResolver.LookupAddr,
	}
	if settings.CertFile != "" {
		certificate, err := loadKeyPair(settings.CertFile, settings.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("LIBPROCESS_SSL_CERT_FILE %s with LIBPROCESS_SSL_KEY_FILE %s: %w", settings.CertFile, settings.KeyFile, err)
		}
		t.config.Certificates = []tls.Certificate{certificate}
	}
	if settings.VerifyServerCert || settings.RequireClientCert {
		var err error
		if t.roots, err = loadRoots(settings.CAFile, settings.CADir); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Dialer returns a DialFunc that connects by dial and shakes hands. The error of an agent that is not verified says why.
func (t *TLS) Dialer(dial DialFunc) DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		config := t.config.Clone()
		config.ServerName = host
		if t.settings.VerifyServerCert {
			config.VerifyConnection = func(state tls.ConnectionState) error {
				return t.verifyAgent(ctx, state.PeerCertificates, host, conn.RemoteAddr())
			}
		}
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, fmt.Errorf("TLS with the agent at %s: %w", address, err)
		}
		return secured, nil
	}
}

// Accept shakes hands on a connection that the agent opened. It closes conn if that fails. It needs a certificate of our own.
func (t *TLS) Accept(ctx context.Context, conn net.Conn) (net.Conn, error) {
	config := t.config.Clone()
	if t.settings.RequireClientCert {
		config.ClientAuth = tls.RequireAnyClientCert
		config.VerifyConnection = func(state tls.ConnectionState) error {
			if err := t.verifyChain(state.PeerCertificates, x509.ExtKeyUsageClientAuth); err != nil {
				return err
			}
			if t.settings.HostnameValidation == agent.OpenSSLValidation {
				return nil // this scheme names servers only
			}
			return t.verifyPeer(ctx, state.PeerCertificates[0], conn.RemoteAddr())
		}
	}
	secured := tls.Server(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("TLS with %s: %w", conn.RemoteAddr(), err)
	}
	return secured, nil
}

func (t *TLS) verifyAgent(ctx context.Context, certificates []*x509.Certificate, host string, peer net.Addr) error {
	if err := t.verifyChain(certificates, x509.ExtKeyUsageServerAuth); err != nil {
		return err
	}
	if t.settings.HostnameValidation == agent.OpenSSLValidation {
		return t.verifyHost(certificates[0], host)
	}
	return t.verifyPeer(ctx, certificates[0], peer)
}

func (t *TLS) verifyChain(certificates []*x509.Certificate, usage x509.ExtKeyUsage) error {
	intermediates := x509.NewCertPool()
	for _, c := range certificates[1:] {
		intermediates.AddCert(c)
	}
	options := x509.VerifyOptions{Roots: t.roots, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{usage}}
	if _, err := certificates[0].Verify(options); err != nil {
		return fmt.Errorf("verify the agent's certificate (LIBPROCESS_SSL_CA_FILE, LIBPROCESS_SSL_CA_DIR): %w", err)
	}
	return nil
}

// verifyHost is the scheme "openssl": the certificate must bear the host of the endpoint.
func (t *TLS) verifyHost(leaf *x509.Certificate, host string) error {
	if net.ParseIP(host) == nil {
		return bears(leaf, host)
	}
	if !t.settings.VerifyIPAddress {
		return fmt.Errorf("the agent's endpoint is the address %s, which no certificate can prove unless LIBPROCESS_SSL_VERIFY_IPADD is true", host)
	}
	return leaf.VerifyHostname(host)
}

// verifyPeer is the scheme "legacy": the certificate must bear the first name that the peer's address resolves to or, if
// addresses count, the address.
func (t *TLS) verifyPeer(ctx context.Context, leaf *x509.Certificate, peer net.Addr) error {
	tcp, ok := peer.(*net.TCPAddr)
	if !ok {
		return fmt.Errorf("the agent's address %s is not an IP address", peer)
	}
	address := tcp.IP.String()
	if t.settings.VerifyIPAddress && leaf.VerifyHostname(address) == nil {
		return nil
	}
	names, err := t.lookupAddr(ctx, address)
	if err == nil && len(names) == 0 {
		err = errors.New("it has none")
	}
	if err != nil {
		return fmt.Errorf("find the name of the agent's address %s, which its certificate must bear (LIBPROCESS_SSL_HOSTNAME_VALIDATION_SCHEME=legacy): %w", address, err)
	}
	return bears(leaf, strings.TrimSuffix(names[0], "."))
}

// bears accepts name as a subject alternative name or, which Go's own check no longer does, as the common name of a certificate
// without such names.
func bears(leaf *x509.Certificate, name string) error {
	if len(leaf.DNSNames) == 0 && name != "" && strings.EqualFold(leaf.Subject.CommonName, name) {
		return nil
	}
	return leaf.VerifyHostname(name)
}

func loadKeyPair(certFile, keyFile string) (tls.Certificate, error) {
	certificate, err := readCredential(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readCredential(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certificate, key)
}

// loadRoots returns the certificates of a file and of the files in a directory, or nil where neither is named.
func loadRoots(file, directory string) (*x509.CertPool, error) {
	if file == "" && directory == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if file != "" {
		pem, err := readCredential(file)
		if err != nil {
			return nil, fmt.Errorf("LIBPROCESS_SSL_CA_FILE: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("LIBPROCESS_SSL_CA_FILE: %s contains no PEM certificate", file)
		}
	}
	if directory == "" {
		return pool, nil
	}
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil, fmt.Errorf("LIBPROCESS_SSL_CA_DIR: %w", err)
	}
	for _, entry := range entries {
		// OpenSSL looks only at the file it needs, so others in the directory may be unreadable or no certificates.
		if pem, err := readCredential(filepath.Join(directory, entry.Name())); err == nil {
			pool.AppendCertsFromPEM(pem)
		}
	}
	if pool.Equal(x509.NewCertPool()) {
		return nil, fmt.Errorf("LIBPROCESS_SSL_CA_DIR: %s contains no file with a PEM certificate", directory)
	}
	return pool, nil
}

// readCredential reads a file that the task may have named.
func readCredential(path string) ([]byte, error) {
	return regularfile.Read(path, maxCredentialFile)
}
