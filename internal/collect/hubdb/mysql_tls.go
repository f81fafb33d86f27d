package hubdb

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// tlsConfig is the client's side of TLS for a host; nil for none.
func (m *mysqlOptions) tlsConfig(host string) (*tls.Config, error) {
	if m.tls == tlsDisabled {
		return nil, nil
	}
	c := &tls.Config{ServerName: host, InsecureSkipVerify: m.tls < tlsVerifyIdentity}
	if m.tls >= tlsVerifyCA {
		var err error
		if c.RootCAs, err = m.roots(); err != nil {
			return nil, err
		}
	}
	if m.tls == tlsVerifyCA {
		c.VerifyConnection = func(state tls.ConnectionState) error { return verifyChain(state, c.RootCAs) }
	}
	if m.certFile == "" {
		return c, nil
	}
	keyFile := m.keyFile
	if keyFile == "" {
		keyFile = m.certFile
	}
	own, err := tls.LoadX509KeyPair(m.certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the client's certificate (ssl_cert, ssl_key): %w", err)
	}
	c.Certificates = []tls.Certificate{own}
	return c, nil
}

// roots are the certificates to trust; nil stands for the system's.
func (m *mysqlOptions) roots() (*x509.CertPool, error) {
	files := []string{m.caFile}
	if m.caDir != "" {
		entries, err := os.ReadDir(m.caDir)
		if err != nil {
			return nil, fmt.Errorf("reading the certificates to trust (ssl_capath): %w", err)
		}
		for _, e := range entries {
			files = append(files, filepath.Join(m.caDir, e.Name()))
		}
	}
	if m.caFile+m.caDir == "" {
		return nil, nil
	}
	pool, found := x509.NewCertPool(), false
	for _, file := range files {
		if file == "" {
			continue
		}
		pem, err := os.ReadFile(file)
		if err != nil && (file == m.caFile || !isDir(file)) {
			return nil, fmt.Errorf("reading the certificates to trust (ssl_ca, ssl_capath): %w", err)
		}
		found = pool.AppendCertsFromPEM(pem) || found
	}
	if !found {
		return nil, errors.New("the files to trust (ssl_ca, ssl_capath) have no certificate in PEM form")
	}
	return pool, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// verifyChain is VERIFY_CA: the certificate must be signed by one that is
// trusted, whatever name it has.
func verifyChain(state tls.ConnectionState, roots *x509.CertPool) error {
	others := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		others.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: others})
	return err
}
