// Package pushgateway tests pushing the numbers of runs to a real Pushgateway,
// Debian's.
package pushgateway

import (
	"testing"

	"hubaudit/test/servers"
)

// start runs a Pushgateway that speaks TLS and asks for a password, until the end
// of the test.
func start(t testing.TB) *servers.Program {
	t.Helper()
	p := servers.NewProgram(t, "prometheus-pushgateway")
	p.Start(t, "/-/ready", "--web.listen-address="+p.Address, "--web.config.file="+p.Secure(t))
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
