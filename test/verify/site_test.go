package verify

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"hubaudit/checks"
	"hubaudit/internal/audit"
	"hubaudit/internal/config"
	"hubaudit/internal/verdict"
	"hubaudit/report"
)

// site is a folder with the configuration of a hub and copies of its database.
type site struct {
	dir string
	hub live
	// copies are locations, each of which holds one copy, with further lines of
	// its configuration.
	copies []where
}

type where struct{ name, more string }

func newSite(tb testing.TB, hub live) *site {
	tb.Helper()
	s := &site{dir: tb.TempDir(), hub: hub}
	must(tb, os.Mkdir(filepath.Join(s.dir, "dump"), 0o700))
	must(tb, os.WriteFile(filepath.Join(s.dir, "dump", "claims.yaml"), []byte("apiVersion: v1\nkind: PersistentVolumeClaimList\nitems: []\n"), 0o600))
	return s
}

// put adds a location with one copy, a file of that name, as of a time.
func (s *site) put(tb testing.TB, location, name string, b []byte, at time.Time) {
	tb.Helper()
	path := filepath.Join(s.dir, "backups", location, name)
	must(tb, os.MkdirAll(filepath.Dir(path), 0o700))
	must(tb, os.WriteFile(path, b, 0o600))
	must(tb, os.Chtimes(path, at, at))
	if !slices.ContainsFunc(s.copies, func(l where) bool { return l.name == location }) {
		s.copies = append(s.copies, where{name: location})
	}
}

// restoreInto has all copies restored into a scratch database.
func (s *site) restoreInto(tb testing.TB, url string) {
	tb.Helper()
	must(tb, os.WriteFile(filepath.Join(s.dir, "password"), []byte(hubPassword), 0o600))
	url = strings.Replace(url, ":hub-s%20password@", "@", 1)
	for i := range s.copies {
		s.copies[i].more = fmt.Sprintf(", verify: restore, scratch: %q, scratchPasswordFile: password", url)
	}
}

func (s *site) config(tb testing.TB) *config.Config {
	tb.Helper()
	lines := []string{"hubs:", fmt.Sprintf("  - name: datahub\n    database: %q\n    backups:", s.hub.url)}
	for _, l := range s.copies {
		lines = append(lines, fmt.Sprintf("      - {name: %s, files: %q, maxAge: 26h%s}", l.name, "backups/"+l.name+"/*", l.more))
	}
	lines = append(lines, "cluster: {dump: dump}")
	cfg, err := config.Parse(filepath.Join(s.dir, "hubaudit.yaml"), []byte(strings.Join(lines, "\n")), nil, os.LookupEnv)
	must(tb, err)
	return cfg
}

// audited is what an audit says of the copies.
type audited struct {
	*verdict.Run
	json, page string
}

func (s *site) audit(tb testing.TB, only ...string) audited { return s.auditAt(tb, now, only...) }

func (s *site) auditAt(tb testing.TB, at time.Time, only ...string) audited {
	tb.Helper()
	cfg := s.config(tb)
	suite, err := checks.NewSuite(nil, only)
	must(tb, err)
	var json, page bytes.Buffer
	r, err := audit.Now(tb.Context(), cfg, audit.Options{Suite: suite, Version: "test", Clock: func() time.Time { return at }, Timeout: time.Minute, Log: zerolog.Nop(),
		Report: func(r *verdict.Run) error {
			must(tb, report.Write(&json, "json", r, checks.Guides(), report.Options{}))
			return report.Write(&page, "markdown", r, checks.Guides(), report.Options{})
		}})
	must(tb, err)
	a := audited{r, json.String(), page.String()}
	if strings.Contains(a.json+a.page, hubPassword) || strings.Contains(a.json+a.page, password) {
		tb.Error("the report shows a password")
	}
	return a
}

// of is the verdict of a check.
func (a audited) of(tb testing.TB, check string) *verdict.Verdict {
	tb.Helper()
	for i := range a.Verdicts {
		if a.Verdicts[i].Check == check {
			return &a.Verdicts[i]
		}
	}
	tb.Fatalf("no verdict of %s", check)
	return nil
}

// tested are the checks that judge copies of the database.
var tested = []string{"backup-restore-mismatch", "backup-untested", "backup-hub-db-missing"}

// wantPass: all of the checks that judge copies pass.
func (a audited) wantPass(tb testing.TB) {
	tb.Helper()
	for _, check := range tested {
		if v := a.of(tb, check); v.Outcome != verdict.Pass {
			tb.Errorf("%s: %s %s", check, v.Outcome, v.Summary)
		}
	}
}

// location is a row of the table of backups.
func (a audited) location(tb testing.TB, name string) verdict.DatabaseBackup {
	tb.Helper()
	for _, d := range a.Coverage[0].Database {
		if d.Name == name {
			return d
		}
	}
	tb.Fatalf("the table has no location %s", name)
	return verdict.DatabaseBackup{}
}

// praised tells whether nothing at all is said against a location's copy.
func (a audited) praised(tb testing.TB, name string) bool {
	tb.Helper()
	v := a.of(tb, "backup-restore-mismatch")
	for i := range v.Findings {
		if v.Findings[i].Subject.Name == name {
			return false
		}
	}
	row := a.location(tb, name)
	return row.Trouble == "" && row.Tested != ""
}

// slug makes of words the name of a location.
func slug(words string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(words)), "-")
}
