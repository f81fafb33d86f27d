package outputs

import (
	"maps"
	"net/http"
	"slices"
	"testing"
)

// every writes all reports to files.
var every = []string{"--output", "terminal", "--output", "markdown=out/report.md", "--output", "html=out/report.html", "--output", "json=out/report.json",
	"--output", "openmetrics=out/report.prom"}

// now are the arguments of a run with short deadlines.
func now(more ...string) []string {
	return append(append([]string{"now", "--timeout", "3s"}, every...), more...)
}

// secret fails for every secret that a command has shown, left in a file, or sent to
// who must not have it.
func (p *planted) secret(t testing.TB, what string, r result) {
	t.Helper()
	p.absent(t, what+": standard output", []byte(r.out))
	p.absent(t, what+": standard error", []byte(r.errOut))
	for name, content := range p.files(t, "secrets", "hubaudit.yaml") {
		p.absent(t, what+": "+name, content)
	}
	for name, s := range p.sinks {
		p.absent(t, what+": what "+name+" was sent", s.received(), whose[name]...)
	}
}

// run runs a command that must end with one of these statuses and show no secret.
func (p *planted) run(t testing.TB, args []string, statuses ...int) result {
	t.Helper()
	r := p.audit(t, args...)
	p.secret(t, args[0]+" "+args[1], r)
	if !slices.Contains(statuses, r.status) {
		t.Errorf("audit %q: status %d, want one of %d\n%s", args, r.status, statuses, r.errOut)
	}
	return r
}

// answers are the ways in which those who are asked refuse.
var answers = map[string]answer{
	"refused":          refuse(http.StatusBadRequest),
	"refused in JSON":  refuseJSON(http.StatusBadRequest),
	"wrong login":      refuse(http.StatusUnauthorized),
	"forbidden":        refuseJSON(http.StatusForbidden),
	"not found":        refuse(http.StatusNotFound),
	"redirected":       refuse(http.StatusFound),
	"redirected again": refuse(http.StatusTemporaryRedirect),
	"slowed down":      refuse(http.StatusTooManyRequests),
	"broken":           refuse(http.StatusServiceUnavailable),
	"not its answer":   refuse(http.StatusOK),
	"not its JSON":     refuseJSON(http.StatusOK),
}

// TestRefused: those who are sent a secret and repeat it in their answer, spelt in
// whatever way, make nobody else see it.
func TestRefused(t *testing.T) {
	for i, name := range slices.Sorted(maps.Keys(answers)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := plant(t, options{answer: answers[name], odd: i%2 == 1})
			p.run(t, now("--log-level", "debug"), 2)
			for name, s := range p.sinks {
				if s.asked.Load() == 0 {
					t.Errorf("%s was not asked", name)
				}
			}
			if p.mail.asked.Load() == 0 {
				t.Error("the mail server was not asked for a login")
			}
			if name != "broken" { // of which each receiver is tried four times
				// Each call has the secrets in other forms.
				for range 3 {
					p.run(t, []string{"notify", "test"}, 2)
				}
			}
			p.run(t, now("--log-format", "console", "--log-level", "info"), 2)
		})
	}
}
