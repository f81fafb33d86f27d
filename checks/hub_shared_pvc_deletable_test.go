package checks

import (
	"maps"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func TestHubSharedPVCDeletable(t *testing.T) { testCheck(t, hubSharedPVCDeletableCases) }

// namedBy gives the hub a template and adds claims.
func namedBy(template string, claims ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		hubOf(s).KubeSpawner.PVCNameTemplate = template
		for _, name := range claims {
			world.AddClaim(s, facts.Claim{Name: name})
		}
	}
}

// notPredicted are the verdicts that a template costs which nobody but the hub
// can render.
func notPredicted(more outcomes) outcomes {
	want := outcomes{"pvc-legacy-forgotten": "unknown", "pvc-legacy-unreachable": "unknown", "pvc-name-collision": "unknown",
		"pvc-misrouted": "unknown", "pvc-owner-mismatch": "unknown"}
	maps.Copy(want, more)
	return want
}

var hubSharedPVCDeletableCases = cases{
	check: hubSharedPVCDeletable,
	fires: []damage{
		{
			name: "one claim for everybody", change: namedBy("homes", "homes"),
			want: outcomes{"hub-shared-pvc-deletable": "fail critical 1", "pvc-name-collision": "skipped"},
			summary: `claim homes is every user's, for pvcNameTemplate "homes" has no field of the user, and deleting any user deletes it; ` +
				"deletePVC false or a claim for each user is expected",
		},
		{
			name: "one for each kind of server", change: namedBy("homes-{servername}", "homes", "homes-gpu"),
			want:    outcomes{"hub-shared-pvc-deletable": "fail critical 2", "pvc-name-collision": "skipped"},
			summary: `2 claims are shared by users and go when any of these is deleted: pvcNameTemplate "homes-{servername}" has no field of the user`,
		},
	},
	mustNotFire: []damage{
		{name: "claims are kept", change: func(s *facts.Snapshot) {
			namedBy("homes", "homes")(s)
			hubOf(s).KubeSpawner.DeletePVC = false
		}, want: outcomes{"pvc-name-collision": "skipped"}},
		{name: "a namespace for each user", change: func(s *facts.Snapshot) {
			namedBy("homes", "homes")(s)
			claimNamed(s, "homes").Namespace = "datahub-student-0001"
		}, want: outcomes{"pvc-name-collision": "skipped"}},
		{name: "already being deleted", change: func(s *facts.Snapshot) {
			namedBy("homes", "homes")(s)
			claimNamed(s, "homes").Deleting = s.Now
		}, want: outcomes{"pvc-name-collision": "skipped"}},
		{name: "the template of 2017", change: func(s *facts.Snapshot) { world.OldNames(s, world.HubName) }},
	},
	boundary: []damage{
		{name: "a claim whose name only begins alike", change: namedBy("homes", "homes-old", "old-homes"), want: outcomes{"pvc-name-collision": "skipped"}},
		{name: "with a conversion and a format", change: namedBy("homes-{username!s:.20}", "homes-x"), want: outcomes{"pvc-unattributed": "fail warning 1"}},
		{name: "named after the pod", change: namedBy("homes-{pod_name}", "homes-x"), want: outcomes{"pvc-unattributed": "fail warning 1"}},
		{
			name: "with a namespace alone", change: namedBy("homes-{namespace}", "homes-datahub"),
			want: outcomes{"hub-shared-pvc-deletable": "fail critical 1", "pvc-name-collision": "skipped"},
			summary: `claim homes-datahub is every user's, for pvcNameTemplate "homes-{namespace}" has no field of the user, and deleting any user deletes it; ` +
				"deletePVC false or a claim for each user is expected",
		},
	},
	sourceFailed: []damage{
		{name: "claims not readable", change: failed(facts.KubeClaims), want: claimsUnknown(),
			summary: "source kube/claims could not be read: gave up after 30s"},
		{
			name: "a field of the hub's own", change: namedBy("homes-{workspace}", "homes-a"),
			want:    notPredicted(outcomes{"pvc-misrouted": "unknown", "pvc-owner-mismatch": "unknown", "hub-shared-pvc-deletable": "unknown"}),
			summary: `whether claims are shared depends on {workspace} in pvcNameTemplate "homes-{workspace}", which KubeSpawner itself does not know`,
		},
		{
			name: "a template that is not of Python's form", change: namedBy("homes-{username", "homes-a"),
			want:    notPredicted(outcomes{"pvc-misrouted": "unknown", "pvc-owner-mismatch": "unknown", "hub-shared-pvc-deletable": "unknown"}),
			summary: `template "homes-{username": there is a { without a }: write {{ for the character itself`,
		},
	},
}

// Every field that KubeSpawner's documentation lists for users makes a claim
// the user's own, in any mixture with others.
func TestTemplateFields(t *testing.T) {
	for _, field := range []string{"username", "userid", "unescaped_username", "legacy_escape_username", "escaped_username", "safe_username",
		"user_server", "escaped_user_server", "safe_user_server", "pod_name"} {
		for _, template := range []string{"claim-{" + field + "}", "{" + field + "}", "x-{servername}-{" + field + "}-{strange}"} {
			s := healthy()
			namedBy(template, "x-a-b-c")(s)
			if v := verdictOf(t, s, hubSharedPVCDeletable); v.Outcome != verdict.Pass {
				t.Errorf("%s: %s %s", template, v.Outcome, v.Summary)
			}
		}
	}
}

func TestInOrder(t *testing.T) {
	for _, tt := range []struct {
		name  string
		parts []string
		want  bool
	}{
		{"homes", []string{"homes"}, true}, {"homes-x", []string{"homes"}, false}, {"my-homes", []string{"homes"}, false},
		{"homes-x", []string{"homes-", ""}, true}, {"homes-", []string{"homes-", ""}, true}, {"homes", []string{"homes-", ""}, false},
		{"a-x-b-y-c", []string{"a-", "-b-", "-c"}, true}, {"a-x-c", []string{"a-", "-b-", "-c"}, false}, {"a-b-c", []string{"a-", "-b-", "-c"}, false},
		{"aba", []string{"ab", "ba"}, false}, {"anything", []string{"", ""}, true},
	} {
		if got := inOrder(tt.name, tt.parts); got != tt.want {
			t.Errorf("inOrder(%q, %q) = %t", tt.name, tt.parts, got)
		}
	}
}

// A template is the configuration's text, and may be anything.
func FuzzTemplate(f *testing.F) {
	for _, template := range []string{"claim-{user_server}", "homes", "a{{b}}c", "{", "}{", "{servername!r:>{width}}", "[a-z]+(", "\x8b", "", "{}"} {
		f.Add(template)
	}
	s := healthy()
	f.Fuzz(func(t *testing.T, template string) {
		hubOf(s).KubeSpawner.PVCNameTemplate = template
		in := &Input{Snapshot: s, Hub: hubOf(s), shared: &shared{snapshot: s}}
		r := runHubSharedPVCDeletable(in)
		if len(r.Findings) > len(s.Kube.Claims) || r.Skip != "" {
			t.Errorf("%q: %+v", template, r)
		}
	})
}
