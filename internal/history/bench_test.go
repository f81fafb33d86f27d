package history

import (
	"os"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
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

// BenchmarkMembers is what 100,000 users cost each run: reading those of the
// last good run, comparing, and recording; with the same users as before, with
// one in a hundred replaced in each run, and beside a full past.
func BenchmarkMembers(b *testing.B) {
	const n = 100_000
	for _, c := range []struct {
		name    string
		replace int // in each run
		ended   int // spans from before
	}{{"unchanged", 0, 0}, {"churn", n / 100, 0}, {"unchangedFullPast", 0, keepEnded}} {
		b.Run(c.name, func(b *testing.B) {
			s := newStore(b)
			s.clock = time.Now
			run := runAt(0, healthyVerdicts()...)
			recordMoves(b, s, run, saw(true, crowd(1, n)...))
			endMany(b, s, c.ended)
			empty := fileSize(b, s)
			first, runs := 1, 0
			b.ReportAllocs()
			for b.Loop() {
				first += c.replace
				runs++
				b.StopTimer()
				now := crowd(first, n)
				b.StartTimer()
				oneRun(b, s, run, now, c.replace)
			}
			b.ReportMetric(float64(fileSize(b, s)-empty)/float64(runs), "bytes/run")
			used := count(b, s, "SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'members%'")
			b.ReportMetric(float64(used)/float64(spans(b, s)), "bytes/span")
		})
	}
}

// oneRun does what a run does with users.
func oneRun(b *testing.B, s *Store, run *verdict.Run, now []facts.User, replaced int) {
	b.Helper()
	roll := PlainNames().Roll(now)
	references, err := s.References(b.Context(), cluster, []string{world.HubName})
	if err != nil {
		b.Fatal(err)
	}
	if c := references[world.HubName].Changes(roll); len(c.Vanished) != replaced {
		b.Fatalf("%d vanished", len(c.Vanished))
	}
	run.StartedAt = run.StartedAt.Add(time.Second)
	recordMoves(b, s, run, Moves{Views: []View{{Hub: world.HubName, Roll: roll, Good: true}}})
}

// endMany gives the history spans of users who are gone.
func endMany(b *testing.B, s *Store, n int) {
	b.Helper()
	if _, err := s.db.Exec(`WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < ?)
		INSERT INTO members (roster, name, since_seq, until_seq, until_at, user_id, created)
		SELECT id, printf('visitor-%06d', n), 0, 1, ?, n, 0 FROM i, rosters WHERE ? > 0`, n, seconds(world.Now), n); err != nil {
		b.Fatal(err)
	}
}

func fileSize(b *testing.B, s *Store) int64 {
	b.Helper()
	info, err := os.Stat(s.path)
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}

// BenchmarkNaming is the making of a roll of 100,000 users.
func BenchmarkNaming(b *testing.B) {
	now := crowd(1, 100_000)
	for name, naming := range map[string]Naming{"plain": PlainNames(), "hashed": HashedNames("k")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				naming.Roll(now)
			}
		})
	}
}

// BenchmarkDiff compares two runs between which one user in a hundred was replaced.
func BenchmarkDiff(b *testing.B) {
	s := newStore(b)
	recordMoves(b, s, runAt(0), saw(true, crowd(1, 100_000)...))
	recordMoves(b, s, runAt(1), saw(true, crowd(1001, 100_000)...))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Diff(b.Context(), cluster, "latest~1", Latest, ""); err != nil {
			b.Fatal(err)
		}
	}
}
