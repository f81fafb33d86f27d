package servers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func (d *Database) file(name string) string { return filepath.Join(d.dir, name) }

// makeCertificates makes an authority, a certificate for localhost and one for
// a client.
func (d *Database) makeCertificates(tb testing.TB) {
	tb.Helper()
	d.CA, d.ClientCert, d.ClientKey = d.file("ca.crt"), d.file("client.crt"), d.file("client.key")
	authority := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{CommonName: "test authority"}}
	caKey := d.issue(tb, "ca", authority, authority, nil)
	d.issue(tb, "server", &x509.Certificate{Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, authority, caKey)
	d.issue(tb, "client", &x509.Certificate{Subject: pkix.Name{CommonName: ClientName}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, authority, caKey)
}

// issue writes a certificate and its key, and gives the key. Without a key of
// the authority it signs itself.
func (d *Database) issue(tb testing.TB, name string, c, authority *x509.Certificate, authorityKey *ecdsa.PrivateKey) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(tb, err)
	if authorityKey == nil {
		authorityKey = key
	}
	c.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	check(tb, err)
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, c, authority, &key.PublicKey, authorityKey)
	check(tb, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	check(tb, err)
	for file, block := range map[string]*pem.Block{name + ".crt": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: keyDER}} {
		check(tb, os.WriteFile(d.file(file), pem.EncodeToMemory(block), 0o600))
	}
	return key
}
