package sqldump

import (
	"database/sql"
	"slices"
	"strings"
)

// columnKind is how a column's values are written and kept.
type columnKind byte

const (
	kindText columnKind = iota
	kindInteger
	kindBoolean
	kindTime
	kindTimeZone
	kindBits
	kindAny // as SQLite keeps it
)

// column is a column of a table of the hub.
type column struct {
	name    string
	kind    columnKind
	notNull bool
	// declared is the type of a dump by SQLite, which decides what it makes of a
	// value.
	declared string
}

// table is a table of the dump.
type table struct {
	schema, name string
	// columns by their place; of a table that is no core table only the names.
	columns []column
	// loose: the dump does not say which columns it has, or which of them its
	// rows have, as of a table that inherits some or is an extension's.
	loose bool
	// keep has the places of columns whose values are loaded, in an order of its
	// own, nil for a table of which no value is.
	keep []int
	// unique are the columns and sets of columns that can have no value twice.
	unique [][]string
	rows   int
	insert *sql.Stmt
}

// core are the columns of the hub's tables that hubdb reads, and so all whose
// values are loaded. Tokens and the users' encrypted state stay out.
var core = map[string][]string{
	"users":           {"id", "name", "admin", "created", "last_activity", "cookie_id", "_server_id", "state"},
	"spawners":        {"id", "user_id", "name", "server_id", "started", "last_activity", "state"},
	"servers":         {"id", "ip", "port"},
	"alembic_version": {"version_num"},
}

// needed are the columns without which a table of that name is another
// application's.
var needed = map[string][]string{
	"users":           {"id", "name", "cookie_id"},
	"spawners":        {"id", "user_id"},
	"servers":         {"id"},
	"alembic_version": {"version_num"},
}

// isHubs tells a table of the hub from one of another application.
func (t *table) isHubs() bool {
	return needed[t.name] != nil && !slices.ContainsFunc(needed[t.name], func(c string) bool { return t.column(c) < 0 })
}

// column is the place of a column, -1 if there is none.
func (t *table) column(name string) int {
	return slices.IndexFunc(t.columns, func(c column) bool { return strings.EqualFold(c.name, name) })
}

// places are the places of columns that a statement names.
func (t *table) places(names []string) ([]int, error) {
	order := make([]int, len(names))
	if t.loose && core[t.name] == nil {
		return order, nil
	}
	for i, name := range names {
		at := t.column(name)
		if at < 0 {
			return nil, corrupt("rows of the table %q name a column %q that it does not have", t.name, name)
		}
		if slices.Contains(order[:i], at) {
			return nil, corrupt("rows of the table %q name the column %q twice", t.name, name)
		}
		order[i] = at
	}
	return order, nil
}

// kindOf reads a type as PostgreSQL or MySQL writes it, in lower case.
func kindOf(declared string) columnKind {
	base, _, _ := strings.Cut(declared, "(")
	base, _, _ = strings.Cut(strings.TrimSpace(base), " ") // unsigned, without time zone
	switch {
	case strings.HasPrefix(base, "timestamp") && (base == "timestamptz" || strings.Contains(declared, "with time zone")):
		return kindTimeZone
	case base == "timestamp", base == "datetime":
		return kindTime
	case strings.HasPrefix(base, "bool"):
		return kindBoolean
	case base == "bit":
		return kindBits
	case base == "integer", strings.HasSuffix(base, "int"), strings.HasSuffix(base, "serial"), base == "int2", base == "int4", base == "int8":
		return kindInteger
	}
	return kindText
}

// all are the places of all columns.
func (t *table) all() []int {
	order := make([]int, len(t.columns))
	for i := range order {
		order[i] = i
	}
	return order
}

// pick gives for each column that is kept where it is among the values of a row
// whose columns are in this order, -1 for nowhere.
func (t *table) pick(order []int) []int {
	pick := make([]int, len(t.keep))
	for i, place := range t.keep {
		pick[i] = -1
		for at, p := range order {
			if p == place {
				pick[i] = at
			}
		}
	}
	return pick
}
