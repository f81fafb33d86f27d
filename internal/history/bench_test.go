package history

import (
	"testing"
	"time"

	"hubaudit/internal/verdict"
)

func BenchmarkRecord20000Findings(b *testing.B) { benchmarkRecord(b, manyFindings(20_000)) }
func BenchmarkRecordHealthy(b *testing.B)       { benchmarkRecord(b, runAt(0, healthyVerdicts()...)) }

// healthyVerdicts is what a run of all checks on a few hubs gives.
func healthyVerdicts() []verdict.Verdict {
	var verdicts []verdict.Verdict
	for i := range 60 {
		verdicts = append(verdicts, judged("check-"+number(float64(i)), verdict.Pass))
	}
	return verdicts
}

func benchmarkRecord(b *testing.B, run *verdict.Run) {
	s := newStore(b)
	s.clock = time.Now
	b.ReportAllocs()
	for b.Loop() {
		run.StartedAt = run.StartedAt.Add(time.Second)
		record(b, s, run)
	}
	b.ReportMetric(float64(count(b, s, "SELECT sum(bytes) / count(*) FROM documents")), "bytes/run")
}

func BenchmarkRun20000Findings(b *testing.B) {
	s := newStore(b)
	record(b, s, manyFindings(20_000))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Run(b.Context(), cluster, Latest); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecordIntoFullHistory has as many runs as a run every quarter of an
// hour leaves in the 400 days that they are kept.
func BenchmarkRecordIntoFullHistory(b *testing.B) {
	s := newStore(b)
	run := runAt(0, healthyVerdicts()...)
	record(b, s, run)
	const runs, documents = 400 * 96, 90 * 96
	if _, err := s.db.Exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO runs (id, cluster, started_at, duration_ns, version, summary, incidents)
		SELECT 'x' || i, r.cluster, r.started_at + i * 900, r.duration_ns, r.version, r.summary, r.incidents FROM runs r, n`, runs); err != nil {
		b.Fatal(err)
	}
	if _, err := s.db.Exec(`INSERT INTO documents (run_seq, cluster, started_at, bytes, body)
		SELECT seq, r.cluster, r.started_at, bytes, body FROM (SELECT * FROM runs ORDER BY seq DESC LIMIT ?) r, documents`, documents); err != nil {
		b.Fatal(err)
	}
	run.StartedAt = run.StartedAt.Add(runs * 15 * time.Minute)
	s.clock = func() time.Time { return run.StartedAt }
	b.ReportAllocs()
	for b.Loop() {
		run.StartedAt = run.StartedAt.Add(15 * time.Minute)
		record(b, s, run)
	}
}
