package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hubaudit/checks"
	"hubaudit/internal/config"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// BenchmarkNow is a whole run over a hub's SQLite database alone: read, compared
// with who was there, judged by every check, remembered. A user has one server,
// every tenth two.
func BenchmarkNow(b *testing.B) {
	for _, users := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(users), func(b *testing.B) {
			dir := b.TempDir()
			hub := world.Healthy(world.Size{Users: users, Nodes: 3, Replicas: 1}).Hubs[0]
			if err := world.WriteDatabase(filepath.Join(dir, "jupyterhub.sqlite"), hub, world.CurrentSchema); err != nil {
				b.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(dir, "dump"), 0o700); err != nil {
				b.Fatal(err)
			}
			file := filepath.Join(dir, "hubaudit.yaml")
			text := "hubs: [{name: datahub, database: sqlite:///jupyterhub.sqlite}]\ncluster: {dump: dump}\n"
			cfg, err := config.Parse(file, []byte(text), nil, os.LookupEnv)
			if err != nil {
				b.Fatal(err)
			}
			suite, err := checks.NewSuite(nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				run, err := Now(b.Context(), cfg, Options{Suite: suite, Clock: time.Now, Timeout: time.Minute,
					Report: func(*verdict.Run) error { return nil }})
				if err != nil {
					b.Fatal(err)
				}
				for _, v := range run.Verdicts {
					if v.Check == "hub-user-count-drift" && v.Series["users"] != float64(users) {
						b.Fatalf("%d users were to be read: %+v", users, v)
					}
				}
			}
		})
	}
}
