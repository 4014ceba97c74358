package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/internal/localagent"
)

// certificate makes a key pair for 127.0.0.1 that has signed itself, and writes the certificate to a file.
func certificate(t *testing.T) (pair tls.Certificate, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "agent"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, file
}

// However the agent is reached, tasks run.
func TestTransports(t *testing.T) {
	t.Parallel()
	pair, ca := certificate(t)
	verified := map[string]string{
		"LIBPROCESS_SSL_ENABLED": "1", "LIBPROCESS_SSL_CA_FILE": ca, "LIBPROCESS_SSL_VERIFY_SERVER_CERT": "1",
		"LIBPROCESS_SSL_VERIFY_IPADD": "1", "LIBPROCESS_SSL_HOSTNAME_VALIDATION_SCHEME": "openssl",
	}
	secured := func(o *localagent.Options) { o.TLS = &tls.Config{Certificates: []tls.Certificate{pair}} }
	for name, test := range map[string]struct {
		options     func(*localagent.Options)
		environment map[string]string
	}{
		"token":         {func(o *localagent.Options) { o.Tokens = true }, nil},
		"TLS":           {secured, verified},
		"domain socket": {func(o *localagent.Options) { o.DomainSocket = filepath.Join(shortDirectory(t), "agent.sock") }, nil},
		"all of them": {func(o *localagent.Options) {
			secured(o)
			o.Tokens = true
			o.DomainSocket = filepath.Join(shortDirectory(t), "agent.sock")
		}, verified},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, test.options)
			k := h.launch(t, probe(t, "hold"), func(r *localagent.LaunchRequest) { r.Environment = test.environment })
			k.await(t, mesos.TASK_RUNNING)
			wantCleanProcess(t, k)
			if err := h.agent.Restart(patiently(t), outage); err != nil {
				t.Fatal(err)
			}
			repeat(t, 100*time.Millisecond, func() { h.agent.Kill(k.ID, nil) }, func() { k.await(t, mesos.TASK_KILLED) })
			k.end(t)
			k.wantStates(t, "STARTING RUNNING KILLING KILLED")
		})
	}
}

// An agent whose certificate nobody has vouched for is not spoken to, and its task never runs.
func TestAgentThatIsNotTrusted(t *testing.T) {
	t.Parallel()
	pair, _ := certificate(t)
	_, other := certificate(t)
	h := newHost(t, func(o *localagent.Options) {
		o.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
		o.RegistrationTimeout = 3 * time.Second
	})
	k := h.launch(t, shell(t, `echo ran`), func(r *localagent.LaunchRequest) {
		r.Environment = map[string]string{
			"LIBPROCESS_SSL_ENABLED": "1", "LIBPROCESS_SSL_CA_FILE": other, "LIBPROCESS_SSL_VERIFY_SERVER_CERT": "1",
			"LIBPROCESS_SSL_VERIFY_IPADD": "1", "LIBPROCESS_SSL_HOSTNAME_VALIDATION_SCHEME": "openssl",
		}
	})
	status, err := k.Wait(patiently(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := k.output(t, "stdout"); got != "" || status.GetState() != mesos.TASK_FAILED {
		t.Errorf("%s, stdout %q", status.GetState(), got)
	}
}
