package checks

import (
	"encoding/json"
	"fmt"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/prediction"
)

// remembers tells whether the hub's KubeSpawner goes by the claim's name in a
// server's state.
func remembers(k *facts.KubeSpawner) bool {
	return k.RememberPVCName && prediction.VersionOf(*k).AtLeast(7, 0, 0)
}

// rememberSQL is the statement that has the hub's database remember, for a
// server, the claim with its files. "" where that would not help or where the
// REST API, which shows no ids, told of the server.
func (in *Input) rememberSQL(s *prediction.Start) string {
	h := in.Hub
	if !remembers(&h.KubeSpawner) || s.UserID <= 0 || s.SpawnerID < 0 {
		return ""
	}
	if s.SpawnerID == 0 {
		state, _ := json.Marshal(map[string]string{"pvc_name": s.Data}) // text always can be
		return fmt.Sprintf("INSERT INTO spawners (user_id, name, state) VALUES (%d, %s, %s);",
			s.UserID, sqlText(h.Database.Engine, s.Server), sqlText(h.Database.Engine, string(state)))
	}
	claim := sqlText(h.Database.Engine, s.Data)
	state := map[string]string{
		"postgresql": "jsonb_set(coalesce(state, '{}')::jsonb, '{pvc_name}', to_jsonb(" + claim + "::text))::text",
		"mysql":      "json_set(coalesce(state, '{}'), '$.pvc_name', " + claim + ")",
	}[h.Database.Engine]
	if state == "" {
		state = "json_set(coalesce(state, '{}'), '$.pvc_name', " + claim + ")"
	}
	return fmt.Sprintf("UPDATE spawners SET state = %s WHERE id = %d;", state, s.SpawnerID)
}

// sqlText is a text literal. MySQL alone reads a backslash as an escape.
func sqlText(engine, s string) string {
	if engine == "mysql" {
		s = strings.ReplaceAll(s, `\`, `\\`)
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}
