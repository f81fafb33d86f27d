package hubdb

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unique"

	"hubaudit/internal/facts"
)

// clean makes text that every report and database can hold: valid UTF-8
// without NUL, which PostgreSQL refuses.
func clean(s string) string {
	const replacement = "\uFFFD"
	return strings.ReplaceAll(strings.ToValidUTF8(s, replacement), "\x00", replacement)
}

// timeForms are SQLAlchemy's own, and what hands and other tools write. A
// fraction of a second is read after each without being named.
var timeForms = []string{hubTime, "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z07:00", "2006-01-02"}

// hubTime is how SQLAlchemy writes a time into SQLite, but for the fraction.
const hubTime = "2006-01-02 15:04:05"

// parseTime reads a time, UTC unless it says otherwise. What is no time is
// absent.
func parseTime(s string) time.Time {
	for _, form := range timeForms {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// times reads the values of columns with times, and names those that are none
// that every hub can read.
type times struct{ broken []string }

// read reads a value as SQLite holds it; NULL is no time and not broken.
func (ts *times) read(column string, s sql.NullString) time.Time {
	if !s.Valid {
		return time.Time{}
	}
	if t, ok := parseHubTime(s.String); ok {
		return t
	}
	ts.broken = append(ts.broken, column)
	return parseTime(s.String)
}

func (ts *times) text() string { return strings.Join(ts.broken, ",") }

// parseHubTime reads a time as SQLAlchemy writes it: "YYYY-MM-DD HH:MM:SS" with
// a fraction of up to six digits. What else there is, one SQLAlchemy or another
// stops at. 1.4 scans the numbers and wants the blank and the time of day; it
// ignores all that follows. 2 goes by Python's datetime.fromisoformat: before
// Python 3.11 that refuses Z, since then it makes a time with a zone of it,
// which the hub cannot compare with its own.
func parseHubTime(s string) (time.Time, bool) {
	const whole = len(hubTime)
	if len(s) != whole && (len(s) < whole+2 || len(s) > whole+7 || s[whole] != '.') {
		return time.Time{}, false
	}
	t, err := time.Parse(hubTime, s)
	// Go also reads two blanks and an hour of one digit. Python begins with year 1.
	return t, err == nil && s[len("2006-01-02 ")] != ' ' && t.Year() >= 1
}

// stateLimit is how much state enters the process, in bytes; KubeSpawner's is
// under 1,000.
const stateLimit = 1 << 20

// stateExpression selects a spawner's state. Of a larger one SQLite itself
// keeps the four keys.
func stateExpression(t *table) string {
	state := t.column("state")
	return fmt.Sprintf(`CASE WHEN octet_length(%[1]s) <= %[2]d THEN CAST(%[1]s AS TEXT)
		WHEN %[1]s IS NULL THEN NULL
		WHEN json_valid(%[1]s) THEN CASE json_type(%[1]s) WHEN 'object' THEN json_object(
			'pod_name', json_extract(%[1]s, '$.pod_name'), 'namespace', json_extract(%[1]s, '$.namespace'),
			'pvc_name', json_extract(%[1]s, '$.pvc_name'), 'kubespawner_version', json_extract(%[1]s, '$.kubespawner_version'))
			ELSE '[]' END
		ELSE '' END`, state, stateLimit)
}

// parseState reads spawners.state. A JSON null is to a hub what NULL is.
func parseState(s sql.NullString) facts.SpawnerState {
	if !s.Valid {
		return facts.SpawnerState{}
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(s.String), &object); err != nil {
		return facts.SpawnerState{Form: "broken"}
	}
	if object == nil {
		return facts.SpawnerState{}
	}
	if len(object) == 0 {
		return facts.SpawnerState{Form: "empty"}
	}
	return objectState(object)
}

func objectState(object map[string]json.RawMessage) facts.SpawnerState {
	once := func(key string) string { return unique.Make(text(object[key])).Value() } // the same in nearly every row
	return facts.SpawnerState{Form: "object", PodName: text(object["pod_name"]), Namespace: once("namespace"),
		PVCName: text(object["pvc_name"]), KubeSpawnerVersion: once("kubespawner_version")}
}

// text is a JSON string's value, "" for anything else.
func text(raw json.RawMessage) string {
	var s string
	// Another type under the key is as good as no key.
	_ = json.Unmarshal(raw, &s)
	return clean(s)
}
