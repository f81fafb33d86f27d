package hubdb

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

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
var timeForms = []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z07:00", "2006-01-02"}

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
	return facts.SpawnerState{Form: "object", PodName: text(object["pod_name"]), Namespace: text(object["namespace"]),
		PVCName: text(object["pvc_name"]), KubeSpawnerVersion: text(object["kubespawner_version"])}
}

// text is a JSON string's value, "" for anything else.
func text(raw json.RawMessage) string {
	var s string
	// Another type under the key is as good as no key.
	_ = json.Unmarshal(raw, &s)
	return clean(s)
}
