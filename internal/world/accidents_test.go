package world_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/checks"
	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// noRows are the verdicts that the rows of a lost database cost: none of them
// may call fine what nobody could see.
var noRows = map[string]string{
	"hub-db-corrupt":                "fail critical 1",
	"hub-cookie-constraint-missing": "unknown",
	"hub-cookie-id-duplicate":       "unknown",
	"hub-cookie-id-handmade":        "unknown",
	"hub-cookie-id-null":            "unknown",
	"hub-db-reset":                  "unknown",
	"hub-db-schema-mismatch":        "unknown",
	"hub-owner-missing":             "unknown",
	"hub-source-disagree":           "unknown",
	"hub-spawner-duplicate":         "unknown",
	"hub-spawner-server-wrong":      "unknown",
	"hub-spawner-state-broken":      "unknown",
	"hub-time-impossible":           "unknown",
	"hub-user-count-drift":          "unknown",
	"hub-user-id-changed":           "unknown",
	"hub-user-name-refused":         "unknown",
	"hub-user-twin":                 "unknown",
	"pvc-duplicate-server":          "unknown",
	"pvc-legacy-forgotten":          "unknown",
	"pvc-legacy-unreachable":        "unknown",
	"pvc-name-collision":            "unknown",
	"pvc-state-missing-claim":       "unknown",
	"pod-unknown-to-hub":            "unknown",
	"pvc-misrouted":                 "unknown",
	"pvc-orphaned":                  "unknown",
	"pvc-owner-mismatch":            "unknown",
	"pvc-unattributed":              "unknown",
	"backup-restore-mismatch":       "skipped", // the copies are more than what is left
}

// noUsers are those where a hub that starts now begins as a new, empty one:
// that nobody is left is known.
var noUsers = map[string]string{
	"hub-db-reset":           "fail critical 1",
	"hub-source-disagree":    "fail critical 1",
	"hub-user-count-drift":   "fail critical 1",
	"hub-owner-missing":      "skipped", // hub-db-reset is the cause
	"pvc-legacy-unreachable": "skipped",
	"pod-unknown-to-hub":     "skipped",
	"pvc-misrouted":          "skipped",
	"pvc-orphaned":           "skipped",
	"pvc-owner-mismatch":     "skipped",
	"pvc-unattributed":       "skipped",
}

// TestLostDatabase is what happens to database files: hub-db-corrupt is
// critical each time, and whatever lives on the rows of users is not called fine.
func TestLostDatabase(t *testing.T) {
	tests := []struct {
		name    string
		happens func(t *testing.T, path string)
		emptied bool
	}{
		{"zero bytes", func(t *testing.T, path string) { replace(t, path, nil) }, true},
		{"zero tables", func(t *testing.T, path string) { replace(t, path, nil); shell(t, path, "VACUUM") }, true},
		{"all tables dropped", func(t *testing.T, path string) {
			for _, name := range tablesOf(t, path) {
				shell(t, path, "DROP TABLE "+name)
			}
		}, true},
		{"cut off in the middle", func(t *testing.T, path string) { replace(t, path, half(bytesOf(t, path))) }, false},
		{"cut off in the header", func(t *testing.T, path string) { replace(t, path, bytesOf(t, path)[:60]) }, false},
		{"an HTML page", func(t *testing.T, path string) {
			replace(t, path, []byte("<!DOCTYPE html>\n<html><body>502 Bad Gateway</body></html>\n"))
		}, false},
		{"a gzip archive of itself", func(t *testing.T, path string) { replace(t, path, zipped(t, bytesOf(t, path))) }, false},
	}
	healthy := outcomes(t, wholeWorld(t, world.CurrentSchema, func(string) {}))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := maps.Clone(healthy)
			maps.Copy(want, noRows)
			if tt.emptied {
				maps.Copy(want, noUsers)
			}
			got := outcomes(t, wholeWorld(t, world.CurrentSchema, func(path string) { tt.happens(t, path) }))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMissingDatabase: a file that is not there is a source that failed, and
// no check that needs it passes.
func TestMissingDatabase(t *testing.T) {
	s := wholeWorld(t, world.CurrentSchema, func(string) {})
	path := filepath.Join(t.TempDir(), "jupyterhub.sqlite")
	_, err := hubdb.Read(context.Background(), hubdb.Options{URL: "sqlite:///" + path})
	var failed *source.Error
	if !errors.As(err, &failed) || failed.Cause != facts.CauseMissing {
		t.Fatalf("%v, want a missing source", err)
	}
	world.Fail(s, facts.HubDB(world.HubName), failed.Cause, failed.Detail)
	got := outcomes(t, s)
	unknown := 0
	for _, c := range checks.Registry {
		for _, need := range c.Needs {
			if need != checks.HubDatabase && need != checks.HubUsers {
				continue
			}
			if unknown++; got[c.ID] != string(verdict.Unknown) {
				t.Errorf("%s is %s", c.ID, got[c.ID])
			}
		}
	}
	if unknown < 15 {
		t.Errorf("only %d checks need the database", unknown)
	}
}

// TestBadCells is one value in a sound file that stops a hub, locks its owner
// out or makes a hub forget a server: just the check of its kind fires.
func TestBadCells(t *testing.T) {
	user := "INSERT INTO users (id, name, admin, created, cookie_id) VALUES (50, '%', 0, '2026-11-01 10:00:00.000000', 'feedfeedfeedfeedfeedfeedfeedfeed')"
	tests := []struct{ name, sql, check, outcome string }{
		{"an active server with broken JSON", `UPDATE spawners SET state = '{"pod_name": ' WHERE user_id = 5`, "hub-spawner-state-broken", "fail error 1"},
		{"an active server without a user", "UPDATE spawners SET user_id = NULL WHERE user_id = 5", "hub-spawner-duplicate", "fail error 1"},
		{"a user's created with T", "UPDATE users SET created = '2026-05-05T10:00:00' WHERE id = 3", "hub-time-impossible", "fail error 1"},
		{"a user's last_activity with T and Z", "UPDATE users SET last_activity = '2026-11-05T10:00:00.000000Z' WHERE id = 3", "hub-time-impossible", "fail error 1"},
		{"an active server's started with Z", "UPDATE spawners SET started = '2026-11-20 10:30:00Z' WHERE user_id = 5", "hub-time-impossible", "fail error 1"},
		{"a user without a name", strings.Replace(user, "%", "", 1), "hub-user-name-refused", "fail error 1"},
		{"a name with a leading blank", strings.Replace(user, "%", " ann", 1), "hub-user-name-refused", "fail error 1"},
		{"a name with a slash", strings.Replace(user, "%", "uni/ann", 1), "hub-user-name-refused", "fail error 1"},
		{"an active server with state NULL", "UPDATE spawners SET state = NULL WHERE user_id = 5", "hub-spawner-state-broken", "fail warning 1"},
		{"an active server with state {}", "UPDATE spawners SET state = '{}' WHERE user_id = 5", "hub-spawner-state-broken", "fail warning 1"},
	}
	healthy := outcomes(t, wholeWorld(t, world.CurrentSchema, func(string) {}))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := maps.Clone(healthy)
			want[tt.check] = tt.outcome
			if diff := cmp.Diff(want, outcomes(t, wholeWorld(t, world.CurrentSchema, func(path string) { shell(t, path, tt.sql) }))); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
			}
		})
	}
}

func half(b []byte) []byte { return b[:len(b)/2] }

func zipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err1 := z.Write(b)
	if err := errors.Join(err1, z.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func bytesOf(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func replace(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func tablesOf(t *testing.T, path string) (names []string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT name FROM sqlite_schema WHERE type = 'table'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}
