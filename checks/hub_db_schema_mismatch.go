package checks

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

var hubDBSchemaMismatch = &Check{
	ID:       "hub-db-schema-mismatch",
	Title:    "The database's schema is whole, and the running hub's",
	Severity: verdict.Error,
	Since:    "0.2.0",
	Scope:    PerHub,
	Needs:    []string{HubDatabase},
	Doc: Doc{
		Meaning: "The database says in alembic_version which of JupyterHub's schemas it has, and a hub starts only on its own. A revision that no " +
			"release stops at is an upgrade that broke off; one that does not fit the columns is a lie, as a hub tells it that finds no revision " +
			"and writes its own; two rows or none make the next start fail or lie. A running hub of another version than the database " +
			"means that it cannot be restarted, or that the audit reads another database than the hub uses. Until it is restarted such a hub " +
			"often runs on as if nothing were wrong. A users.name without UNIQUE is a warning: it lets a hub make the same user twice.",
		FalseAlarms: "An upgrade that runs while the audit reads: a hub changes its schema within seconds of its start, so a finding that is gone in " +
			"the next run was that. A revision that this audit does not know is only a warning, and none at all where the hub's REST API shows " +
			"that a newer JupyterHub runs: it would not have started on another one. Databases of JupyterHub 0.7 have no alembic_version, and patch releases share a " +
			"schema. On MySQL and MariaDB a column that is not seen counts only where the audit may see the whole table.",
		Do: []string{
			"Do not restart the hub. Compare its version with the database: `kubectl -n NAMESPACE exec deploy/hub -- jupyterhub --version` and `select version_num from alembic_version`.",
			"Make sure that the audit reads the database that the hub's own `db_url` names, and not a copy beside it.",
			"Where an upgrade broke off, read the hub's log for the step that failed, stop the hub, and put back the copy from before the upgrade: `jupyterhub.sqlite.<date>` beside the database, or a backup.",
			"Run the upgrade on a copy first, `jupyterhub upgrade-db --db sqlite:////path/to/copy`, and start the hub on the database only when that went through and `audit now` finds nothing in the copy.",
			"Where the revision is missing, doubled or does not fit the columns, keep a copy, find with `.schema` which version the tables are of, and leave that one revision as the only row.",
			"Where users.name is not UNIQUE, look for names that are there twice, settle them while the hub is down, and rebuild the table with the schema of your version.",
		},
		Dont: []string{
			"Do not delete the row of alembic_version to get a hub started: it then writes its own revision on tables that do not fit.",
			"Do not start an older hub on a newer database, nor with `--upgrade-db` again and again: each failed start may leave one more full copy on the same volume.",
		},
		Sources: []string{
			"2i2c-org/infrastructure#5079",
			"jupyterhub/orm.py (check_db_revision)",
			"jupyterhub/alembic/versions: the chain of revisions and the columns that each adds",
		},
	},
	Run: runHubDBSchemaMismatch,
}

func runHubDBSchemaMismatch(in *Input) Result {
	d := &in.Hub.Database
	if unread := usersUnread(in.Hub); unread != "" {
		return Result{Unknown: unread}
	}
	if len(d.Revisions) == 0 && slices.ContainsFunc(d.Damage, func(d facts.Damage) bool {
		return d.Kind == facts.DamageTruncated || d.Kind == facts.DamageIntegrity
	}) {
		return Result{Unknown: "the database is damaged, and no schema revision could be read in it"}
	}
	s := schemaJudge{in: in, d: d}
	s.revisions()
	if len(d.Columns["users"]) > 0 && !d.NameUnique {
		s.find(verdict.Warning, "users.name is not UNIQUE, as every JupyterHub makes it: a hub can make the same user twice")
	}
	return Result{Findings: s.findings}
}

// schemaJudge holds a database's schema against the chain of revisions, its own
// columns and the running hub.
type schemaJudge struct {
	in       *Input
	d        *facts.Database
	findings []verdict.Finding
}

func (s *schemaJudge) find(severity verdict.Severity, message string) {
	f := verdict.Finding{Subject: s.in.databaseSubject(), Message: message,
		Details: map[string]string{"location": s.d.Location, "revisions": strings.Join(s.d.Revisions, ", ")}}
	if severity != verdict.Error {
		f.Severity = severity
	}
	if v := s.in.Hub.API.Version; v != "" {
		f.Details["runningVersion"] = v
	}
	s.findings = append(s.findings, f)
}

func (s *schemaJudge) revisions() {
	switch n := len(s.d.Revisions); {
	case n > 1:
		s.find(verdict.Error, fmt.Sprintf("alembic_version has %d rows (%s), one is expected: a hub goes by whichever comes first, and an upgrade fails",
			n, list(quotedAll(s.d.Revisions), 5)))
	case n == 1:
		s.revision(s.d.Revisions[0])
	case len(s.d.Columns["spawners"]) == 0:
		s.running(revisionRank("af4cbdb2d13c"), "no schema revision, as before JupyterHub 0.8")
	case slices.Contains(s.d.Tables, "alembic_version"):
		s.find(verdict.Error, "alembic_version has no row, one is expected: the hub stops at its next start")
	default:
		s.find(verdict.Error, "the database has tables of JupyterHub 0.8 or later, but no alembic_version: the next hub to start takes its own revision for the database's, whatever the columns are")
	}
}

// revisionForm is how alembic makes a revision's id.
var revisionForm = regexp.MustCompile(`^[0-9a-f]{12}$`)

func (s *schemaJudge) revision(id string) {
	rank := revisionRank(id)
	// A hub that runs has its own revision in the database: of a series that is
	// still to be released here, which that is cannot be known.
	_, newerHub := releaseOf(s.in.Hub.API.Version)
	switch {
	case rank < 0 && !revisionForm.MatchString(id):
		s.find(verdict.Error, fmt.Sprintf("the schema revision %s is none of JupyterHub's: somebody wrote it by hand, and a hub stops at its next start", strconv.Quote(id)))
		return
	case rank < 0 && newerHub:
		return
	case rank < 0:
		s.find(verdict.Warning, fmt.Sprintf("the schema revision %s is not known: the database was made by a JupyterHub newer than %s, or by hand; an older hub stops at its next start",
			id, revisions[len(revisions)-1].name()))
		return
	}
	r := revisions[rank]
	if r.release == "" && !(newerHub && rank > revisionRank("4621fec11365")) {
		s.find(verdict.Error, fmt.Sprintf("the schema revision is %s, at which no release stops: an upgrade broke off there, and a hub stops at its next start", r.name()))
	}
	s.columns(rank)
	s.running(rank, "the schema revision "+r.name())
}

// columns reports a revision that the columns contradict.
func (s *schemaJudge) columns(rank int) {
	missing, early := lagging(s.d, rank)
	if len(missing) > 0 {
		s.find(verdict.Error, fmt.Sprintf("the schema revision says %s, but the columns %s are not there: the revision lies, and a hub stops where it needs them",
			revisions[rank].name(), list(missing, 5)))
	}
	if len(early) > 0 {
		s.find(verdict.Error, fmt.Sprintf("the schema revision says %s, but the columns %s of a later one are there already: an upgrade broke off between two steps, and the next one fails there",
			revisions[rank].name(), list(early, 5)))
	}
}

// running reports a hub that runs although it could not have started on this
// database.
func (s *schemaJudge) running(rank int, has string) {
	version := s.in.Hub.API.Version
	release, newer := releaseOf(version)
	head, known := headOf(release)
	if !known {
		return
	}
	want := revisionRank(head.id)
	switch {
	case rank == want, newer && rank > revisionRank("4621fec11365"):
	case rank < want:
		s.find(verdict.Error, fmt.Sprintf("the database has %s, but the hub that runs is JupyterHub %s, which starts only on %s: the audit reads another database than the hub uses, or somebody put an older one in its place",
			has, version, head.name()))
	default:
		s.find(verdict.Error, fmt.Sprintf("the database has %s, but the hub that runs is JupyterHub %s, which starts only on %s: a newer hub has upgraded it meanwhile, and this one cannot be restarted",
			has, version, head.name()))
	}
}

func quotedAll(words []string) []string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	return quoted
}
