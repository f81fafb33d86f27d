package hubdb

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// TestServerFailures: every error has the cause that an operator has to mend,
// and one line of advice. That servers really say so, test/hubdb shows.
func TestServerFailures(t *testing.T) {
	pg := func(code string) error {
		return fmt.Errorf("reading: %w", &pgconn.PgError{Code: code, Message: "two\nlines\x1b"})
	}
	my := func(n uint16) error {
		return fmt.Errorf("reading: %w", &mysql.MySQLError{Number: n, Message: "two\nlines\x1b"})
	}
	tests := map[facts.Cause][]error{
		facts.CauseForbidden: {pg("28P01"), pg("28000"), pg("42501"), my(1045), my(1044), my(1142), my(1143), my(1130), my(1820), my(3159), fs.ErrPermission},
		facts.CauseMissing:   {pg("3D000"), my(1049)},
		facts.CauseUnreachable: {pg("53300"), pg("57P01"), pg("57P02"), pg("57P03"), pg("08006"), my(1040), my(1053), my(1129), my(1203), my(1226), my(1927),
			mysql.ErrInvalidConn, mysql.ErrNoTLS, errors.New("server refused TLS connection"), &net.DNSError{Err: "no such host", Name: "db"},
			syscall.ECONNREFUSED, syscall.ECONNRESET, io.ErrUnexpectedEOF, fs.ErrNotExist,
			x509.UnknownAuthorityError{}, x509.HostnameError{Certificate: &x509.Certificate{}, Host: "db"}, x509.CertificateInvalidError{Reason: x509.Expired}},
		facts.CauseTimeout:    {pg("55P03"), pg("57014"), pg("25P03"), my(1205), my(1317), my(1969), my(3024), &net.OpError{Op: "dial", Err: context.DeadlineExceeded}},
		facts.CauseUnreadable: {pg("40001"), pg("42P01"), pg("53100"), pg("XX001"), pg("22P02"), pg(""), my(1146), my(1054), my(1412), my(9999), errAltered, errors.New("what")},
	}
	for want, errs := range tests {
		for _, err := range errs {
			engine, d := PostgreSQL, dialect(&postgres{})
			if number(err) != 0 || errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, mysql.ErrNoTLS) {
				engine, d = MySQL, &mySQL{}
			}
			failure := serverFailed(t.Context(), target{URL: URL{Engine: engine, Host: "db", Database: "hub"}}, d, err)
			made, ok := errors.AsType[*source.Error](failure)
			if !ok || made.Cause != want || !errors.Is(failure, err) {
				t.Errorf("%v: %v, want the cause %s", err, failure, want)
			}
			if text := failure.Error(); strings.ContainsAny(text, "\n\x1b") || !strings.HasPrefix(text, "reading the hub's database "+engine+"://db/hub: ") {
				t.Errorf("not one clean line: %q", text)
			}
		}
	}
}

// TestDeadlineOfServer: what broke because the time was over is told as
// that.
func TestDeadlineOfServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	for _, err := range []error{mysql.ErrInvalidConn, io.ErrUnexpectedEOF, context.DeadlineExceeded} {
		failure := serverFailed(ctx, target{}, &mySQL{}, err)
		made, ok := errors.AsType[*source.Error](failure)
		if !ok || made.Cause != facts.CauseTimeout || !errors.Is(failure, context.DeadlineExceeded) {
			t.Errorf("%v: %v", err, failure)
		}
	}
}

func TestParseCut(t *testing.T) {
	whole := facts.SpawnerState{Form: "object", PodName: "p", PVCName: "c"}
	for state, want := range map[string]facts.SpawnerState{
		`{"pod_name": "p", "pvc_name": "c", "x": "aaa`: whole,
		`{"pod_name": "p", "pvc_name": "c", "x`:        whole,
		`{"pod_name": "p", "pvc_name": "c", `:          whole,
		`{"pod_name": "p", "pvc_na`:                    {Form: "object", PodName: "p"},
		`{"pod_name": "p`:                              {Form: "object"},
		`[1, 2`:                                        {Form: "broken"},
		`   `:                                          {Form: "broken"},
	} {
		if got := parseCut(state); got != want {
			t.Errorf("%s: %+v, want %+v", state, got, want)
		}
	}
}

// FuzzParseCut cuts off anything, and looks for clean text or a broken state.
func FuzzParseCut(f *testing.F) {
	f.Add(`{"pod_name": "p", "pvc_name": "c", "namespace": {"a": ["}"]}}`, uint(30))
	f.Add(`{"pod_name": "\u0000\ud800", "a": 1e999`, uint(100))
	f.Add("[[[[", uint(2))
	f.Fuzz(func(t *testing.T, state string, at uint) {
		got := parseCut(state[:min(at, uint(len(state)))])
		text := got.PodName + got.Namespace + got.PVCName + got.KubeSpawnerVersion
		if text != clean(text) || got.Form != "object" && (got.Form != "broken" || text != "") {
			t.Errorf("%q cut at %d: %+v", state, at, got)
		}
	})
}
