package hubdb

import (
	"database/sql"
	"testing"
	"time"
)

// sqlAlchemy has values of a DATETIME column of SQLite, and whether SQLAlchemy
// reads them: 1.4.46 of Debian, tried by hand, and 2, which goes by Python's
// datetime.fromisoformat, before and since Python 3.11. What all three read as
// the same moment is fine; a hub of some age or other stops at the rest.
var sqlAlchemy = []struct {
	value          string
	old, two, two3 bool // 1.4, 2 before Python 3.11, 2 since
	fine           bool
}{
	{"2026-05-05 10:00:00", true, true, true, true},
	{"2026-05-05 10:00:00.123456", true, true, true, true},
	{"2026-05-05 10:00:00.123", true, true, true, true},
	{"2026-05-05 10:00:00.1", true, false, true, true}, // hubs since 2023 have Python 3.11
	{"0001-01-01 00:00:00", true, true, true, true},
	{"9999-12-31 23:59:59.999999", true, true, true, true},
	{"2026-05-05T10:00:00", false, true, true, false},
	{"2026-05-05 10:00:00Z", true, false, false, false},      // since 3.11 with a zone
	{"2026-05-05 10:00:00+02:00", true, false, false, false}, // with a zone
	{"2026-05-05", false, true, true, false},
	{"2026-05-05 10:00", false, true, true, false},
	{"2026-05-05 10:00:00 ", true, false, false, false},
	{" 2026-05-05 10:00:00", true, false, false, false},
	{"2026-05-05  1:00:00", true, false, false, false},
	{"2026-5-5 1:2:3", true, false, false, false},
	{"2026-05-05 10:00:00.", true, false, false, false},
	{"2026-05-05 10:00:00,5", true, false, true, false},
	{"2026-05-05 10:00:00.1234567", true, false, true, false},
	{"2026-05-05 10:00:00.12345a", true, false, false, false},
	{"2026-13-05 10:00:00", false, false, false, false},
	{"2026-02-30 00:00:00", false, false, false, false},
	{"2026-05-05 24:00:00", false, false, false, false},
	{"2026-05-05 10:00:60", false, false, false, false},
	{"0000-00-00 00:00:00", false, false, false, false},
	{"0000-01-01 00:00:00", false, false, false, false},
	{"10000-01-01 00:00:00", false, false, false, false},
	{"99", false, false, false, false},
	{"", false, false, false, false},
	{"yesterday", false, false, false, false},
}

func TestBrokenTimes(t *testing.T) {
	for _, tt := range sqlAlchemy {
		var ts times
		ts.read("created", sql.NullString{String: tt.value, Valid: true})
		if fine := ts.text() == ""; fine != tt.fine {
			t.Errorf("%q: fine %t, want %t", tt.value, fine, tt.fine)
		}
		if tt.fine && !(tt.old && tt.two3) {
			t.Errorf("%q is called fine, but a hub of today stops at it", tt.value)
		}
		if tt.old && tt.two && tt.two3 && !tt.fine {
			t.Errorf("%q is called broken, but every hub reads it", tt.value)
		}
	}
	var ts times
	if at := ts.read("created", sql.NullString{}); !at.IsZero() || ts.text() != "" {
		t.Errorf("NULL: %s %q", at, ts.text())
	}
}

// TestBrokenTimesInTables: each column by its name, whatever type its value has.
func TestBrokenTimesInTables(t *testing.T) {
	path := fixture(t, "schema-5.5.1")
	shell(t, path,
		"UPDATE users SET created = 5, last_activity = NULL WHERE id = 1",
		"UPDATE users SET created = CAST('2026-05-05 10:00:00' AS BLOB) WHERE id = 2",
		"UPDATE users SET last_activity = '2026-05-05T10:00:00Z' WHERE id = 3",
		"UPDATE spawners SET started = '2026-05-05T10:00:00', last_activity = 5.5 WHERE id = 1")
	r := read(t, path)
	for i, want := range []string{"created", "created", "last_activity", ""} {
		if got := r.Users[i].BrokenTimes; got != want {
			t.Errorf("user %d: %q, want %q", i+1, got, want)
		}
	}
	if at := r.Users[2].LastActivity; !at.Equal(time.Date(2026, 5, 5, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("the time that was meant: %s", at)
	}
	if got := r.Spawners[0].BrokenTimes; got != "started,last_activity" {
		t.Errorf("spawner: %q", got)
	}
	if got := r.Spawners[1].BrokenTimes; got != "" {
		t.Errorf("untouched spawner: %q", got)
	}
}

func FuzzHubTime(f *testing.F) {
	for _, tt := range sqlAlchemy {
		f.Add(tt.value)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, ok := parseHubTime(s)
		if !ok {
			return
		}
		if again := at.Format("2006-01-02 15:04:05"); again != s[:19] || at.Year() < 1 || at.Location() != time.UTC || !at.Equal(parseTime(s)) {
			t.Errorf("%q is read as %s", s, at)
		}
	})
}
