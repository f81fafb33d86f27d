package report_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"hubaudit/internal/verdict"
	"hubaudit/report"
)

// BenchmarkWrite writes a run in which 100,000 users violate one invariant.
func BenchmarkWrite(b *testing.B) {
	const users = 100_000
	findings := make([]verdict.Finding, users)
	for i := range findings {
		name := fmt.Sprintf("student-%06d@example.edu", i)
		findings[i] = user(i, name, fmt.Sprintf("user %q (id %d) has the cookie_id NULL, a random text of their own is expected", name, i),
			map[string]string{"created": "2026-11-20 09:12 UTC", "lastActivity": "2026-11-20 11:59 UTC"})
	}
	run := healthyRun()
	fail(run, "hub-cookie-id-null", verdict.Critical, "100,000 of 100,000 users have no cookie_id", time.Hour, findings...)
	for _, format := range report.Formats {
		b.Run(format, func(b *testing.B) {
			b.ReportAllocs()
			var n counter
			for b.Loop() {
				n = 0
				if err := report.Write(&n, format, run, guides, report.Options{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/1e6, "MB")
		})
	}
}

// counter counts the bytes written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

var _ io.Writer = (*counter)(nil)
