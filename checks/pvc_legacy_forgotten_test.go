package checks

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/prediction"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func TestPVCLegacyForgotten(t *testing.T) { testCheck(t, pvcLegacyForgottenCases) }

var pvcLegacyForgottenCases = cases{
	check: pvcLegacyForgotten,
	fires: []damage{
		{
			name:    "a server that ran through the upgrade was stopped",
			change:  all(legacyName(3, ""), setState(3, "", rewritten)),
			want:    outcomes{"pvc-legacy-forgotten": "fail critical 1"},
			summary: `user "student-0003"'s default server has its files in claim-student-2d0003 (created 2026-06-20, 150 MiB, last used 2026-11-20), which the hub has forgotten: its next start makes claim-student-0003, an empty home`,
		},
		{
			name:    "a server still runs through the upgrade",
			change:  all(legacyName(5, ""), setState(5, "", before7)),
			want:    outcomes{"pvc-legacy-forgotten": "fail critical 1"},
			summary: `user "student-0005"'s default server runs on claim-student-2d0005 (created 2026-06-20, 150 MiB, in use), which the hub forgets as soon as the server is stopped, by its user or by the culler: its next start then makes claim-student-0005, an empty home`,
		},
		{
			name: "three servers of two users",
			change: all(legacyName(10, ""), setState(10, "", before7), legacyName(10, "lab"), setState(10, "lab", rewritten),
				legacyName(1, ""), setState(1, "", rewritten)),
			want: outcomes{"pvc-legacy-forgotten": "fail critical 3"},
			summary: "the next start of 3 servers makes an empty home: the hub forgets their claims of the naming before KubeSpawner 7; " +
				"1 of them still runs",
		},
		{
			name:    "seen through the REST API",
			change:  all(legacyName(3, ""), setState(3, "", rewritten), apiOnly(func(*facts.Hub) {})),
			want:    apiOnlyWant(outcomes{"pvc-legacy-forgotten": "fail critical 1"}),
			summary: `user "student-0003"'s default server has its files in claim-student-2d0003 (created 2026-06-20, 150 MiB, last used 2026-11-20), which the hub has forgotten: its next start makes claim-student-0003, an empty home`,
		},
	},
	mustNotFire: []damage{
		{name: "the hub remembers the old claim", change: all(legacyName(3, ""), setState(3, "", func(st facts.SpawnerState) facts.SpawnerState {
			st.PVCName = "claim-student-2d0003"
			return st
		}))},
		{name: "stopped before the upgrade: the old name is tried", change: all(legacyName(3, ""), setState(3, "", before7))},
		{name: "a server that was never given a claim", change: all(removed("claim-student-0003"), setState(3, "", rewritten))},
		{
			name: "the user has logged in: both claims exist",
			change: func(s *facts.Snapshot) {
				all(legacyName(3, ""), setState(3, "", func(st facts.SpawnerState) facts.SpawnerState { return st }))(s)
				world.AddClaim(s, made("claim-student-0003", 3, ""))
			},
			want: outcomes{"pvc-duplicate-server": "fail critical 1"},
		},
		{name: "the hub keeps to the escaped names", change: func(s *facts.Snapshot) {
			all(legacyName(3, ""), setState(3, "", rewritten))(s)
			hubOf(s).KubeSpawner.SlugScheme = "escape"
		}},
		{name: "a name that is the same in both namings", change: func(s *facts.Snapshot) {
			rename(s, 3, "ann")
			renameClaim(s, "claim-student-0003", "claim-ann")
			c := claimNamed(s, "claim-ann")
			c.User, c.LabelUser = "ann", "ann"
			all(setState(3, "", rewritten))(s)
		}},
	},
	boundary: []damage{
		{
			name:    "stopped before the upgrade, and through it",
			change:  all(legacyName(3, ""), setState(3, "", before7), legacyName(2, ""), setState(2, "", rewritten)),
			want:    outcomes{"pvc-legacy-forgotten": "fail critical 1"},
			summary: `user "student-0002"'s default server has its files in claim-student-2d0002 (created 2026-06-20, 150 MiB, last used 2026-11-20), which the hub has forgotten: its next start makes claim-student-0002, an empty home`,
		},
	},
	sourceFailed: []damage{
		{
			name: "nothing tells which version runs: an older one remembers no claim, and needs none",
			change: all(legacyName(5, ""), setState(5, "", before7), changed(func(h *facts.Hub) {
				h.KubeSpawner.Version, h.KubeSpawner.Chart, h.KubeSpawner.VersionFrom = "", "", ""
			})),
			want:    outcomes{"pvc-legacy-forgotten": "unknown"},
			summary: "which KubeSpawner the hub runs is not known; under 7.0.0 the next start of 1 server would make an empty home: set kubespawner.chart of the hub",
		},
		{name: "claims not readable", change: failed(facts.KubeClaims), want: claimsUnknown(), summary: "source kube/claims could not be read: gave up after 30s"},
	},
}

// What a program needs to mend it is in the details; the REST API shows no ids
// to mend by.
func TestForgottenDetails(t *testing.T) {
	forgotten := all(legacyName(3, ""), setState(3, "", rewritten))
	for name, c := range map[string]struct {
		change func(*facts.Snapshot)
		sql    string
	}{
		"SQLite": {forgotten, `UPDATE spawners SET state = json_set(coalesce(state, '{}'), '$.pvc_name', 'claim-student-2d0003') WHERE id = 3;`},
		"MySQL": {all(forgotten, func(s *facts.Snapshot) { hubOf(s).Database.Engine = "mysql" }),
			`UPDATE spawners SET state = json_set(coalesce(state, '{}'), '$.pvc_name', 'claim-student-2d0003') WHERE id = 3;`},
		"PostgreSQL": {all(forgotten, func(s *facts.Snapshot) { hubOf(s).Database.Engine = "postgresql" }),
			`UPDATE spawners SET state = jsonb_set(coalesce(state, '{}')::jsonb, '{pvc_name}', to_jsonb('claim-student-2d0003'::text))::text WHERE id = 3;`},
		"REST API": {all(forgotten, apiOnly(func(*facts.Hub) {})), ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := judgedBy(t, pvcLegacyForgotten, c.change)
			want := map[string]string{"user": "student-0003", "server": "", "data": "claim-student-2d0003", "namespace": world.Namespace,
				"nextStart": "claim-student-0003", "cause": "forgotten"}
			if c.sql != "" {
				want["sql"], want["spawnerID"] = c.sql, "3"
			}
			got := v.Findings[0].Details
			delete(got, "because")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if id := v.Findings[0].Subject.ID; (id == "") != (c.sql == "") {
				t.Errorf("the subject's id is %q", id)
			}
		})
	}
}

// A server without a row is given one; names are quoted.
func TestRememberSQL(t *testing.T) {
	for engine, sql := range map[string]string{
		"sqlite": `INSERT INTO spawners (user_id, name, state) VALUES (4, 'o''clock\', '{"pvc_name":"claim-a"}');`,
		"mysql":  `INSERT INTO spawners (user_id, name, state) VALUES (4, 'o''clock\\', '{"pvc_name":"claim-a"}');`,
	} {
		s := healthy()
		hubOf(s).Database.Engine = engine
		in := &Input{Snapshot: s, Hub: hubOf(s)}
		start := prediction.Start{UserID: 4, Server: `o'clock\`, Data: "claim-a"}
		if got := in.rememberSQL(&start); got != sql {
			t.Errorf("%s: got  %s\nwant %s", engine, got, sql)
		}
		start.SpawnerID = -4
		if got := in.rememberSQL(&start); got != "" {
			t.Errorf("of a row that nothing tells of: %s", got)
		}
		hubOf(s).KubeSpawner.Version = "6.2.0"
		start.SpawnerID = 4
		if got := in.rememberSQL(&start); got != "" {
			t.Errorf("for a KubeSpawner that does not read it: %s", got)
		}
	}
}

// judgedBy is a check's verdict on the healthy world after a change; it fails
// the test unless the check fails.
func judgedBy(t *testing.T, check *Check, change func(*facts.Snapshot)) verdict.Verdict {
	t.Helper()
	s := healthy()
	change(s)
	suite, err := NewSuite(nil, []string{check.ID})
	if err != nil {
		t.Fatal(err)
	}
	v := Judge(suite, s)[0]
	if v.Outcome != verdict.Fail {
		t.Fatalf("%s is %s: %s", check.ID, v.Outcome, v.Summary)
	}
	return v
}

// legacyName gives the claim of a user's server the name that it had before
// KubeSpawner 7, when each hyphen was escaped.
func legacyName(user int64, name string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		safe := made("", user, name).Name
		renameClaim(s, safe, escapedName(safe))
		c := claimNamed(s, escapedName(safe))
		c.KubeSpawnerVersion, c.Chart, c.LabelUser = "", "jupyterhub-3.3.8", strings.ReplaceAll(c.User, "-", "-2d")
		world.Settle(s)
	}
}

func escapedName(safe string) string { return strings.Replace(safe, "student-", "student-2d", 1) }

// made is a claim as the hub's KubeSpawner makes it for a user's server; "" for
// the name that it gives.
func made(name string, user int64, server string) facts.Claim {
	owner := hubOf(healthy()).Users[user-1].Name
	if name == "" {
		name = "claim-" + owner
		if server != "" {
			name += "--" + server
		}
	}
	return facts.Claim{Name: name, User: owner, Server: server, HasUser: true, LabelUser: owner, Component: facts.HomeComponent,
		KubeSpawnerVersion: "7.0.0", Chart: "jupyterhub-4.4.0"}
}

// renameClaim gives a claim another name wherever it is told of.
func renameClaim(s *facts.Snapshot, from, to string) {
	claimNamed(s, from).Name = to
	for i := range s.Kube.Volumes {
		if v := &s.Kube.Volumes[i]; v.ClaimName == from {
			v.ClaimName = to
		}
	}
	for i := range s.Longhorn.Volumes {
		if v := &s.Longhorn.Volumes[i]; v.ClaimName == from {
			v.ClaimName = to
		}
	}
	for i := range s.Kube.Pods {
		if j := slices.Index(s.Kube.Pods[i].Claims, from); j >= 0 {
			s.Kube.Pods[i].Claims[j] = to
		}
	}
	world.Settle(s)
}

// setState changes what the hub remembers of a user's server.
func setState(user int64, name string, change func(facts.SpawnerState) facts.SpawnerState) func(*facts.Snapshot) {
	return changed(func(h *facts.Hub) {
		sp := server(h, user, name)
		sp.State = change(sp.State)
	})
}

// rewritten is what KubeSpawner 7 writes when a server stops whose claim's name
// it does not know, before7 what KubeSpawner 6 wrote.
func rewritten(st facts.SpawnerState) facts.SpawnerState {
	st.PVCName = ""
	return st
}

func before7(st facts.SpawnerState) facts.SpawnerState {
	st.PVCName, st.KubeSpawnerVersion = "", ""
	return st
}

func removed(claim string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { world.RemoveClaim(s, world.Namespace, claim) }
}
