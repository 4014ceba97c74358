package image_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/test/dockerregistry"
)

// A registry with a certificate of a CA of its own is denied until the Engine knows the CA.
func TestRegistryWithTLS(t *testing.T) {
	realSocket(t) // or there is nothing to test
	// The Engine takes any certificate on the loopback.
	address := outerAddress(t)
	directory := makeCertificates(t, address)
	h := newHost(t, dockerregistry.Options{Address: address.String() + ":0", TLS: directory})
	p := newPuller(t, h, nil)

	wantKind(t, pullError(t, p, h.registry.Address+"/app:v1"), image.TLS, h.registry.Address, "x509")

	trusted := filepath.Join("/etc/docker/certs.d", h.registry.Address)
	if err := os.MkdirAll(trusted, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(trusted) })
	ca, err := os.ReadFile(filepath.Join(directory, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(trusted, "ca.crt"), ca, 0o644); err != nil {
		t.Fatal(err)
	}
	ref := h.publish(t, 1000)
	if _, err := p.Pull(t.Context(), image.Request{Reference: ref}); err != nil {
		t.Error(err)
	}
}

// outerAddress is an address of this host outside the loopback.
func outerAddress(t *testing.T) net.IP {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP
		}
	}
	missing(t, "this test needs an IPv4 address outside the loopback")
	return nil
}

// makeCertificates makes ca.crt, and server.crt with server.key, for an address.
func makeCertificates(t *testing.T, address net.IP) (directory string) {
	t.Helper()
	directory = t.TempDir()
	caKey, serverKey := makeKey(t), makeKey(t)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA of a test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: address.String()}, IPAddresses: []net.IP{address},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	save := func(name, kind string, content []byte, err error) {
		t.Helper()
		if err == nil {
			err = os.WriteFile(filepath.Join(directory, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	content, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	save("ca.crt", "CERTIFICATE", content, err)
	content, err = x509.CreateCertificate(rand.Reader, server, ca, serverKey.Public(), caKey)
	save("server.crt", "CERTIFICATE", content, err)
	content, err = x509.MarshalPKCS8PrivateKey(serverKey)
	save("server.key", "PRIVATE KEY", content, err)
	return directory
}

func makeKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
