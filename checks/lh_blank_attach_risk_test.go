package checks

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func TestLHBlankAttachRisk(t *testing.T) { testCheck(t, lhBlankAttachRiskCases) }

// blanked gives the stopped server's volume new, blank replicas and then
// changes it.
func blanked(change func(v *facts.LHVolume, now time.Time)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		v := volumeOf(s, stopped)
		world.ForgetReplicas(s, v.Name)
		change(v, s.Now)
		world.LastBackup(s, v, v.LastBackupAt.Time())
	}
}

func asItWas(*facts.LHVolume, time.Time) {}

// withoutRecords takes the records of a claim's replicas away.
func withoutRecords(s *facts.Snapshot, claim string) {
	volume := volumeOf(s, claim).Name
	s.Longhorn.Replicas = slices.DeleteFunc(s.Longhorn.Replicas, func(r facts.LHReplica) bool { return r.Volume == volume })
	world.Settle(s)
}

// findingsOf are the findings of one check alone.
func findingsOf(t *testing.T, s *facts.Snapshot, id string) []verdict.Finding {
	t.Helper()
	suite, err := NewSuite(nil, []string{id})
	if err != nil {
		t.Fatal(err)
	}
	return Judge(suite, s)[0].Findings
}

// expectDetails holds some of a finding's details against what they should be.
func expectDetails(t *testing.T, f verdict.Finding, want map[string]string) {
	t.Helper()
	for key, value := range want {
		if f.Details[key] != value {
			t.Errorf("details[%s] = %q, want %q", key, f.Details[key], value)
		}
	}
}

const (
	oneBlank = "the next mount formats 1 volume: no replica on record was ever healthy"
	oneBare  = oneBlank + "; 1 has no replica on record at all"
)

var lhBlankAttachRiskCases = cases{
	check: lhBlankAttachRisk,
	fires: []damage{
		{
			name:    "somebody removed the records, and Longhorn made a blank set",
			change:  blanked(asItWas),
			want:    outcomes{"lh-blank-attach-risk": "fail critical 1"},
			summary: oneBlank,
		},
		{
			name: "2023: workers replaced, and some records removed",
			change: func(s *facts.Snapshot) {
				for _, n := range []string{"worker-1", "worker-3"} {
					world.ReplaceNode(s, n, n+"-small")
				}
				world.Rebuild(s)
				world.ForgetReplicas(s, volumeOf(s, stopped).Name)
			},
			want: outcomes{"lh-blank-attach-risk": "fail critical 1",
				"lh-single-usable-replica": "fail critical 4", "lh-replica-node-missing": "fail error 2"},
			summary: oneBlank,
		},
		{
			name:    "no replica on record",
			change:  func(s *facts.Snapshot) { withoutRecords(s, stopped) },
			want:    outcomes{"lh-blank-attach-risk": "fail critical 1"},
			summary: oneBare,
		},
		{
			name: "one blank replica failed: Longhorn starts the others",
			change: func(s *facts.Snapshot) {
				blanked(asItWas)(s)
				replicasOf(s, stopped)[0].FailedAt = facts.At(s.Now)
			},
			want:    outcomes{"lh-blank-attach-risk": "fail critical 1"},
			summary: oneBlank,
		},
		{
			name: "only the replica that is being deleted was ever healthy",
			change: func(s *facts.Snapshot) {
				good := *replicasOf(s, stopped)[0]
				blanked(asItWas)(s)
				good.Deleting = facts.At(s.Now)
				s.Longhorn.Replicas = append(s.Longhorn.Replicas, good)
				world.Settle(s)
			},
			want:    outcomes{"lh-blank-attach-risk": "fail critical 1"},
			summary: oneBlank,
		},
		{
			name:    "a running server on blank replicas",
			change:  func(s *facts.Snapshot) { world.ForgetReplicas(s, volumeOf(s, running).Name) },
			want:    outcomes{"lh-blank-attach-risk": "fail critical 1"},
			summary: oneBlank,
		},
		{
			name: "a pod asked for it, and nothing is known to be written",
			change: blanked(func(v *facts.LHVolume, now time.Time) {
				forgotten(v, now)
				v.LastPodRefAt = facts.At(now.Add(-time.Hour))
			}),
			want:    outcomes{"lh-blank-attach-risk": "fail warning 1"},
			summary: oneBlank,
		},
	},
	mustNotFire: []damage{
		{name: "never used", change: blanked(forgotten)},
		{name: "its first start is under way", change: blanked(func(v *facts.LHVolume, now time.Time) {
			forgotten(v, now)
			v.State, v.LastAttachedBy, v.LastPodRefAt = "attaching", "worker-1", facts.At(now)
		})},
		{name: "restoring", change: blanked(func(v *facts.LHVolume, _ time.Time) { v.Restoring = true })},
		{name: "cloning", change: blanked(func(v *facts.LHVolume, _ time.Time) { v.CloneState = "initiated" })},
		{name: "standby", change: blanked(func(v *facts.LHVolume, _ time.Time) { v.Standby = true })},
		{name: "being deleted", change: blanked(func(v *facts.LHVolume, now time.Time) { v.Deleting = facts.At(now) })},
		{name: "being made", change: blanked(func(v *facts.LHVolume, _ time.Time) { v.State = "creating" })},
		{
			name: "all failed: Longhorn would salvage, not start anew",
			change: func(s *facts.Snapshot) {
				blanked(asItWas)(s)
				failReplicas(s, stopped, 3)
			},
			want: outcomes{"lh-no-usable-replica": "fail critical 1"},
		},
		{
			name: "a rebuild that was broken off",
			change: func(s *facts.Snapshot) {
				r := replicasOf(s, stopped)[0]
				r.HealthyAt, r.FailedAt = 0, facts.At(s.Now.Add(-time.Hour))
			},
		},
		{name: "no Longhorn", change: withoutLonghorn, want: noLonghorn(outcomes{}),
			summary: "source longhorn/volumes is absent: the cluster has no such API"},
	},
	boundary: []damage{
		{name: "younger than ten minutes", change: blanked(func(v *facts.LHVolume, now time.Time) { v.Created = facts.At(now.Add(-10*time.Minute + time.Second)) })},
		{name: "ten minutes old", change: blanked(func(v *facts.LHVolume, now time.Time) { v.Created = facts.At(now.Add(-10 * time.Minute)) }),
			want: outcomes{"lh-blank-attach-risk": "fail critical 1"}, summary: oneBlank},
		{name: "a single byte, seen for the first time", change: func(s *facts.Snapshot) {
			blanked(func(v *facts.LHVolume, now time.Time) {
				forgotten(v, now)
				v.ActualBytes, v.LastBackupAt = 1, facts.At(now)
			})(s)
			s.Past.Sizes = nil
		},
			want: outcomes{"lh-blank-attach-risk": "fail critical 1"}, summary: oneBlank},
		{name: "only ever backed up", change: blanked(func(v *facts.LHVolume, now time.Time) { forgotten(v, now); v.LastBackupAt = facts.At(now) }),
			want: outcomes{"lh-blank-attach-risk": "fail critical 1"}, summary: oneBlank},
		{
			name: "one of the blank replicas became healthy",
			change: func(s *facts.Snapshot) {
				blanked(asItWas)(s)
				replicasOf(s, stopped)[2].HealthyAt = facts.At(s.Now)
			},
			want: outcomes{"lh-single-usable-replica": "fail critical 1"},
		},
	},
	sourceFailed: []damage{
		{name: "replicas not readable", change: failed(facts.LonghornReplicas), want: replicasUnknown(nil),
			summary: "source longhorn/replicas could not be read: gave up after 30s"},
	},
}

// The finding says whose home it is and what shows that it held data. Where this
// check is not judged, the loss is lh-no-usable-replica's again.
func TestBlankFinding(t *testing.T) {
	s := healthy()
	blanked(asItWas)(s)
	findings := findingsOf(t, s, "lh-blank-attach-risk")
	volume := volumeOf(s, stopped).Name
	if want := "detached volume " + volume + ` of claim datahub/claim-student-0001, user "student-0001"'s default server ` +
		"has 3 replicas on record, of which none was ever healthy, so that the next mount formats it; " +
		"it last held 150 MiB, was last mounted at 2026-11-20 09:00 UTC and has its last backup of 2026-11-20 02:30 UTC"; findings[0].Message != want {
		t.Errorf("message:\n got %s\nwant %s", findings[0].Message, want)
	}
	expectDetails(t, findings[0], map[string]string{"claim": stopped, "user": "student-0001", "hub": "datahub", "bytes": "157286400",
		"blank": "3", "lastUsed": "2026-11-20 09:00 UTC", "lastBackup": "2026-11-20 02:30 UTC"})
	if other := findingsOf(t, s, "lh-no-usable-replica"); len(other) != 1 || !strings.Contains(other[0].Message, volume) {
		t.Errorf("alone, lh-no-usable-replica finds %v", other)
	}
}
