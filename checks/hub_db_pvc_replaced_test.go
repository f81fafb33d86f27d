package checks

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func TestHubDBPVCReplaced(t *testing.T) { testCheck(t, hubDBPVCReplacedCases) }

// reinstalled makes the hub's claim anew, on a new volume; the old volume stays.
func reinstalled(s *facts.Snapshot) {
	old := *hubVolume(s)
	old.Phase = "Released"
	world.RemoveClaim(s, world.Namespace, world.HubClaim)
	world.AddClaim(s, facts.Claim{Name: world.HubClaim, Component: "hub", Created: s.Now.Add(-20 * time.Minute)})
	s.Kube.Volumes = append(s.Kube.Volumes, old)
	world.Settle(s)
	rememberSources(s)
}

// rememberSources leaves what the history knows of sources as a run now sees it.
func rememberSources(s *facts.Snapshot) {
	for _, src := range s.Sources {
		s.Past.Sources[src.Name] = facts.PastSource{LastOK: s.Now.Add(-time.Hour), LastItems: src.Total()}
	}
}

// anotherVolume gives the hub's claim another PersistentVolume of that kind.
func anotherVolume(driver, handle string, nodes ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		v := hubVolume(s)
		v.UID, v.Driver, v.Handle, v.NodeNames, v.Created = "anew", driver, handle, nodes, s.Now.Add(-time.Hour)
	}
}

// rememberedOn is anotherVolume whose storage is known from before.
func rememberedOn(driver, handle string, nodes ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		v := hubVolume(s)
		v.Driver, v.Handle, v.NodeNames = driver, handle, nodes
		world.Remember(s)
	}
}

var replaced = outcomes{"hub-db-pvc-replaced": "fail critical 1"}

const (
	formerly  = "; the former volume is not in Kubernetes any more, its storage was driver.longhorn.io pvc-00000003-0000-4000-8000-000000000001"
	stillHere = "; the former volume pvc-00000003-0000-4000-8000-000000000001 (made 2026-05-20 12:00 UTC) is still there, Released"
)

var hubDBPVCReplacedCases = cases{
	check: hubDBPVCReplaced,
	fires: []damage{
		{
			name: "uninstalled and installed again", change: reinstalled, want: outcomes{"hub-db-pvc-replaced": "fail critical 1", "pv-released-data": "fail error 1"},
			summary: "the hub's database is on claim hub-db-dir (made 2026-11-20 11:40 UTC) with volume pvc-00000003-0000-4000-8000-00000000000d (made 2026-11-20 11:40 UTC), " +
				"not on what was normal until 2026-11-20 11:00 UTC" + stillHere,
		},
		{
			name: "the new claim waits for its volume", change: func(s *facts.Snapshot) {
				reinstalled(s)
				c := claimNamed(s, world.HubClaim)
				c.Phase, c.VolumeName = "Pending", ""
			},
			want: outcomes{"hub-db-pvc-replaced": "fail critical 1", "pv-released-data": "fail error 1", "pvc-pending": "fail warning 1"},
			summary: "the hub's database is on claim hub-db-dir (made 2026-11-20 11:40 UTC), which has no volume yet, " +
				"not on what was normal until 2026-11-20 11:00 UTC" + stillHere,
		},
		{
			name: "another volume under the same claim", change: anotherVolume("driver.longhorn.io", "restored"), want: replaced,
			summary: "the hub's database is on claim hub-db-dir (made 2026-05-20 12:00 UTC) with volume pvc-00000003-0000-4000-8000-000000000001 (made 2026-11-20 11:00 UTC), " +
				"not on what was normal until 2026-11-20 11:00 UTC" + formerly,
		},
		{
			name: "the hub mounts another claim", change: func(s *facts.Snapshot) {
				hubMounts(facts.Mount{Path: "/srv/jupyterhub", Kind: facts.MountClaim, Claim: "hub-new"})(s)
				world.AddClaim(s, facts.Claim{Name: "hub-new", Component: "hub"})
			},
			want: outcomes{"hub-db-pvc-replaced": "fail critical 1", "hub-db-volume-full": "skipped"},
			summary: "the hub's database is on claim hub-new (made 2026-11-20 12:00 UTC) with volume pvc-00000003-0000-4000-8000-00000000000d (made 2026-11-20 12:00 UTC), " +
				"not on what was normal until 2026-11-20 11:00 UTC; the former volume pvc-00000003-0000-4000-8000-000000000001 (made 2026-05-20 12:00 UTC) is still there, Bound",
		},
		{
			name: "gone, and the hub stopped", change: func(s *facts.Snapshot) {
				world.RemoveClaim(s, world.Namespace, world.HubClaim)
				withoutHubPod(s)
			},
			want:    outcomes{"hub-db-pvc-replaced": "fail critical 1", "hub-db-ephemeral": "skipped", "hub-db-on-nfs": "skipped", "hub-db-volume-full": "skipped"},
			summary: "the claim that the hub's database was on until 2026-11-20 11:00 UTC is gone from namespace datahub, the same claim is expected" + formerly,
		},
		{
			name: "gone under the pod, and the database not readable", change: func(s *facts.Snapshot) {
				world.RemoveClaim(s, world.Namespace, world.HubClaim)
				hubOf(s).Database.Engine = ""
				failed(facts.HubDB(world.HubName))(s)
			},
			want:    databaseUnknown(outcomes{"hub-db-pvc-replaced": "fail critical 1", "hub-db-volume-full": "unknown"}),
			summary: "the claim that the hub's database was on until 2026-11-20 11:00 UTC is gone from namespace datahub, the same claim is expected" + formerly,
		},
	},
	mustNotFire: []damage{
		{name: "the volume bound again by a new claim", change: func(s *facts.Snapshot) {
			c, v := claimNamed(s, world.HubClaim), hubVolume(s)
			c.UID, v.ClaimUID = "anew", "anew"
		}},
		{name: "the volume made anew for the same storage", change: func(s *facts.Snapshot) {
			hubVolume(s).UID = "anew"
			claimNamed(s, world.HubClaim).UID = "anew, too"
		}},
		{name: "a claim that lost its volume is pvc-lost's", change: func(s *facts.Snapshot) {
			c := claimNamed(s, world.HubClaim)
			c.Phase, c.VolumeName = "Lost", "gone"
		}, want: outcomes{"pvc-lost": "fail critical 1"}},
		{name: "the hub stopped", change: withoutHubPod, want: outcomes{"hub-db-ephemeral": "skipped"}},
		{name: "the hub on a database server now", change: func(s *facts.Snapshot) {
			otherEngine(s)
			world.RemoveClaim(s, world.Namespace, world.HubClaim)
		}, want: volumeSkipped},
		{
			name: "the first run", change: func(s *facts.Snapshot) { s.Past.Marks = nil },
			want:    outcomes{"hub-db-pvc-replaced": "skipped"},
			summary: "the hub's claim is not known from earlier runs: this run notes hub-db-dir",
		},
		{
			name: "gone, and accepted", change: func(s *facts.Snapshot) {
				world.RemoveClaim(s, world.Namespace, world.HubClaim)
				s.Past.Marks[facts.SeriesKey{Hub: world.HubName, Name: facts.MarkHubClaim}] = facts.Mark{Value: facts.MarkNone}
			},
			want:    outcomes{"hub-db-pvc-replaced": "skipped", "hub-db-volume-full": "skipped"},
			summary: "namespace datahub has no claim that the hub's database could be on",
		},
		{name: "a pod that mounts several other claims", change: hubMounts(
			facts.Mount{Path: "/a", Kind: facts.MountClaim, Claim: "claim-student-0001"}, facts.Mount{Path: "/b", Kind: facts.MountClaim, Claim: "claim-student-0002"})},
	},
	boundary: []damage{
		{name: "the same folder of the same node", change: inTurn(rememberedOn("local", "/data", "worker-1"), anotherVolume("local", "/data", "worker-1")),
			want: outcomes{"pv-one-copy": "fail warning 1"}},
		{
			name:   "the same folder of another node",
			change: inTurn(rememberedOn("local", "/data", "worker-1"), anotherVolume("local", "/data", "worker-2")), want: with(replaced, "pv-one-copy", "fail warning 1"),
			summary: "the hub's database is on claim hub-db-dir (made 2026-05-20 12:00 UTC) with volume pvc-00000003-0000-4000-8000-000000000001 (made 2026-11-20 11:00 UTC), " +
				"not on what was normal until 2026-11-20 11:00 UTC; the former volume is not in Kubernetes any more, its storage was local /data worker-1",
		},
		{
			name: "a hostPath, of whichever node", change: inTurn(rememberedOn("hostPath", "/data"), anotherVolume("hostPath", "/data")), want: with(replaced, "pv-one-copy", "fail warning 1"),
			summary: "the hub's database is on claim hub-db-dir (made 2026-05-20 12:00 UTC) with volume pvc-00000003-0000-4000-8000-000000000001 (made 2026-11-20 11:00 UTC), " +
				"not on what was normal until 2026-11-20 11:00 UTC; the former volume is not in Kubernetes any more",
		},
	},
	sourceFailed: []damage{
		{name: "volumes not readable", change: failed(facts.KubeVolumes), want: unknownWithout(facts.KubeVolumes, nil),
			summary: "source kube/volumes could not be read: gave up after 30s"},
		{name: "no history", change: failed(facts.History), want: unknownWithout(facts.History, nil),
			summary: "source history could not be read: gave up after 30s"},
		{
			name: "several claims, none known", change: func(s *facts.Snapshot) {
				hubMounts(facts.Mount{Path: "/a", Kind: facts.MountClaim, Claim: "claim-student-0001"},
					facts.Mount{Path: "/b", Kind: facts.MountClaim, Claim: "claim-student-0002"})(s)
				s.Past.Marks = nil
			},
			want:    outcomes{"hub-db-pvc-replaced": "unknown", "hub-db-volume-full": "unknown"},
			summary: "the hub's pod hub-6b7f9d4c5-x2x7p mounts 2 volumes, and which one the database lies on cannot be told",
		},
	},
}

// What a run notes is what the next one compares with.
func TestHubDBPVCReplacedMarks(t *testing.T) {
	lost := func(s *facts.Snapshot) { claimNamed(s, world.HubClaim).VolumeName = "gone" }
	pending := func(s *facts.Snapshot) {
		c := claimNamed(s, world.HubClaim)
		c.UID, c.VolumeName = "new", ""
	}
	s := healthy()
	c, v := *claimNamed(s, world.HubClaim), *hubVolume(s)
	for name, tt := range map[string]struct {
		change func(*facts.Snapshot)
		want   map[string]string
	}{
		"healthy":       {func(*facts.Snapshot) {}, map[string]string{facts.MarkHubClaim: c.UID, facts.MarkHubVolume: v.UID, facts.MarkHubStorage: v.Storage()}},
		"first run":     {func(s *facts.Snapshot) { s.Past = facts.Past{} }, map[string]string{facts.MarkHubClaim: c.UID, facts.MarkHubVolume: v.UID, facts.MarkHubStorage: v.Storage()}},
		"lost volume":   {lost, map[string]string{facts.MarkHubClaim: c.UID}},
		"pending claim": {pending, map[string]string{facts.MarkHubClaim: "new", facts.MarkHubVolume: facts.MarkNone, facts.MarkHubStorage: facts.MarkNone}},
		"gone claim": {func(s *facts.Snapshot) { world.RemoveClaim(s, world.Namespace, world.HubClaim) },
			map[string]string{facts.MarkHubClaim: facts.MarkNone}},
		"server": {otherEngine, nil},
	} {
		s := healthy()
		tt.change(s)
		if diff := cmp.Diff(tt.want, verdictOf(t, s, hubDBPVCReplaced).Marks); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// verdictOf judges one check.
func verdictOf(t *testing.T, s *facts.Snapshot, check *Check) verdict.Verdict {
	t.Helper()
	suite, err := NewSuite(nil, []string{check.ID})
	if err != nil {
		t.Fatal(err)
	}
	return Judge(suite, s)[0]
}
