package checks

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hubaudit/internal/facts"
)

// revision is a step in the chain of JupyterHub's database schemas, and what it
// adds to the tables users, spawners and servers.
type revision struct {
	id string
	// release is the series of JupyterHub whose schema ends with this step, "" for
	// a step that no release stops at.
	release string
	adds    []tableColumn
}

type tableColumn struct{ table, name string }

// revisions is the whole chain, oldest first (jupyterhub/alembic/versions). What
// the first one adds has been there all along. Columns that hub-db-corrupt
// misses are left out.
var revisions = []revision{
	{id: "19c0846f6344", adds: []tableColumn{{"users", "admin"}, {"users", "last_activity"}, {"users", "state"},
		{"servers", "proto"}, {"servers", "ip"}, {"servers", "port"}, {"servers", "base_url"}, {"servers", "cookie_name"}}},
	{id: "eeb276e51423"},
	{id: "af4cbdb2d13c", release: "0.7"},
	{id: "3ec6993fe20c", release: "0.8", adds: []tableColumn{{"users", "encrypted_auth_state"}, {"spawners", "last_activity"}}},
	{id: "1cebaf56856c"},
	{id: "56cc5a70207e"},
	{id: "99a28a4418e1", adds: []tableColumn{{"users", "created"}, {"spawners", "started"}}},
	{id: "d68c98b66cd4"},
	{id: "896818069c98", release: "0.9"},
	{id: "4dc2d5a8c53c", release: "1", adds: []tableColumn{{"spawners", "user_options"}}},
	{id: "833da8570507", release: "2", adds: []tableColumn{{"spawners", "oauth_client_id"}}},
	{id: "651f5419b74d", release: "3"},
	{id: "0eee8c825d24", release: "4"},
	{id: "3c2384c5aae1"},
	{id: "4621fec11365", release: "5"},
	{id: "be8ecf03ddac"},
	{id: "afd65840b69e"},
	{id: "ff1860e38070", adds: []tableColumn{{"users", "user_info"}}},
	{id: "f460b0348206", release: newestRelease, adds: []tableColumn{{"spawners", "display_name"}}},
}

// newestRelease is the newest series whose schema this audit knows, from its
// beta releases: it may still grow.
const newestRelease = "6"

// revisionRank is a revision's place in the chain, -1 if it is none of it.
func revisionRank(id string) int {
	return slices.IndexFunc(revisions, func(r revision) bool { return r.id == id })
}

// name is a revision with the releases that it belongs to or lies between.
func (r revision) name() string {
	if r.release != "" {
		return r.id + " (JupyterHub " + seriesText(r.release) + ")"
	}
	rank := revisionRank(r.id)
	after := slices.IndexFunc(revisions[rank:], func(r revision) bool { return r.release != "" }) + rank
	for before := rank; before >= 0; before-- {
		if revisions[before].release != "" {
			return r.id + " (between JupyterHub " + seriesText(revisions[before].release) + " and " + seriesText(revisions[after].release) + ")"
		}
	}
	return r.id + " (before JupyterHub " + seriesText(revisions[after].release) + ")"
}

// seriesText writes a series as people do: 0.9, 5.x, 6.x.
func seriesText(release string) string {
	if strings.Contains(release, ".") {
		return release
	}
	return release + ".x"
}

var versionForm = regexp.MustCompile(`^(\d+)\.(\d+)`)

// releaseOf is the series that a version belongs to: its major number, before
// 1.0 with the minor; "" for what is no version. newer: the audit does not
// know, or not for sure, with which schema that series was released.
func releaseOf(version string) (release string, newer bool) {
	m := versionForm.FindStringSubmatch(version)
	if m == nil {
		return "", false
	}
	release = m[1]
	if m[1] == "0" {
		release += "." + m[2]
	}
	major, err := strconv.Atoi(m[1])
	newest, _ := strconv.Atoi(newestRelease)
	return release, err != nil || major >= newest
}

// headOf is the last revision of a series, false if it is not known.
func headOf(release string) (revision, bool) {
	i := slices.IndexFunc(revisions, func(r revision) bool { return r.release == release && release != "" })
	if i < 0 {
		return revision{}, false
	}
	return revisions[i], true
}

// lagging are the columns that a database of a revision must have and does
// not, leading those that it has too early, both as table.column and sorted.
// Only tables that are there are judged: one that is missing is for
// hub-db-corrupt.
func lagging(d *facts.Database, rank int) (missing, early []string) {
	for at, r := range revisions {
		for _, c := range r.adds {
			seen, ok := d.Columns[c.table]
			switch has := slices.Contains(seen, c.name); {
			case !ok:
			case has && at > rank:
				early = append(early, c.table+"."+c.name)
			case !has && at <= rank && !mayBeHidden(d, c.table):
				missing = append(missing, c.table+"."+c.name)
			}
		}
	}
	slices.SortFunc(missing, cmp.Compare[string])
	slices.SortFunc(early, cmp.Compare[string])
	return missing, early
}

// mayBeHidden tells whether a column of a table may be there without being
// seen. MySQL and MariaDB show only what the audit's user was granted. Whoever
// sees a column that the audit has no use for, and that nobody grants by
// itself, was granted the whole table. A column that is seen decides always.
func mayBeHidden(d *facts.Database, table string) bool {
	telling := map[string][]string{
		"users":    {"encrypted_auth_state"},
		"spawners": {"user_options", "oauth_client_id"},
		"servers":  {"cookie_name"},
	}
	return d.Engine == "mysql" && !slices.ContainsFunc(telling[table], func(c string) bool { return slices.Contains(d.Columns[table], c) })
}
