package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
)

// withAuthorities trusts the certificates in pem beside the system's. A plain request never goes through a proxy, which
// would see its secrets.
func withAuthorities(pem []byte) Option {
	return func(s *sender) {
		config, err := tlsConfig(pem)
		if err != nil {
			s.address = err
			return
		}
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = config
		transport.Proxy = func(r *http.Request) (*url.URL, error) {
			if r.URL.Scheme != "https" {
				return nil, nil
			}
			return http.ProxyFromEnvironment(r)
		}
		s.base = transport
	}
}

// tlsConfig trusts the system's certificates and those in pem, which may be empty.
func tlsConfig(pem []byte) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(pem) == 0 {
		return config, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("caFile holds no certificate in PEM; check the configuration")
	}
	config.RootCAs = pool
	return config, nil
}

// urlPasswordOf is the password in an address, "" if there is none.
func urlPasswordOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	password, _ := u.User.Password()
	return password
}

// postJSON makes one attempt. Only a 2xx is no error.
func postJSON(ctx context.Context, client *http.Client, to string, body []byte, header http.Header) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = header.Clone()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "hubaudit")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return errors.New("not accepted")
	}
	return nil
}

// explainPosted reads what is the same of every server that is posted to.
func explainPosted(x *exchange, _ error) *failure {
	if x.err == nil || !untrusted(x.err) {
		return nil
	}
	return &failure{reason: "TLS failed: " + x.quote(x.err.Error()) + x.sender.advise("name the certificate of its authority in KEY.caFile, or check the address"), cause: x.err}
}

// untrusted tells whether TLS failed because of a certificate, or for want of TLS.
func untrusted(err error) bool {
	_, verify := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return verify || authority || alert || record
}
