package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestPVCPending(t *testing.T) { testCheck(t, pvcPendingCases) }

// pendingClaim leaves a claim without a volume, made so long ago, and changes it.
func pendingClaim(name string, age time.Duration, change func(c *facts.Claim)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		c := claimNamed(s, name)
		c.Phase, c.VolumeName, c.Created = "Pending", "", s.Now.Add(-age)
		change(c)
	}
}

func unchanged(*facts.Claim) {}

// bindsLate makes volumes wait for the first pod.
func bindsLate(s *facts.Snapshot) { s.Kube.StorageClasses[0].BindingMode = "WaitForFirstConsumer" }

// podWaits leaves the pod of a claim without a node, made so long ago.
func podWaits(claim string, age time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		p := podOf(s, claim)
		p.Phase, p.Node, p.Created = "Pending", "", s.Now.Add(-age)
	}
}

var (
	onePending = outcomes{"pvc-pending": "fail warning 1"}
	anHour     = `claim claim-student-0005 of user "student-0005"'s default server has been waiting for a volume for 1 h, at most 10 min is expected: `
	noServer   = "; the server cannot start"
)

var pvcPendingCases = cases{
	check: pvcPending,
	fires: []damage{
		{
			name: "the provisioner is silent", change: pendingClaim("claim-student-0005", time.Hour, unchanged), want: onePending,
			summary: anHour + `provisioner driver.longhorn.io of StorageClass "longhorn" has not made it` + noServer,
		},
		{
			name: "no such class", change: pendingClaim("claim-student-0005", time.Hour, func(c *facts.Claim) { c.StorageClass = "fast" }), want: onePending,
			summary: anHour + `StorageClass "fast" does not exist` + noServer,
		},
		{
			name: "no class, and no default one", change: inTurn(
				pendingClaim("claim-student-0005", time.Hour, func(c *facts.Claim) { c.StorageClass = "" }),
				func(s *facts.Snapshot) { s.Kube.StorageClasses[0].Default = false }),
			want: onePending, summary: anHour + "it names no StorageClass and the cluster has no default one" + noServer,
		},
		{
			name: "no class on purpose", change: pendingClaim("claim-student-0005", time.Hour, func(c *facts.Claim) { c.StorageClass = "" }), want: onePending,
			summary: anHour + "it names no StorageClass, so that only a volume made by hand can be bound to it" + noServer,
		},
		{
			name: "a class of volumes made by hand", change: inTurn(pendingClaim("claim-student-0005", time.Hour, unchanged),
				func(s *facts.Snapshot) { s.Kube.StorageClasses[0].Provisioner = noProvisioner }),
			want: onePending, summary: anHour + `volumes of StorageClass "longhorn" are made by hand, and none is free that fits` + noServer,
		},
		{
			name: "its volume does not exist", change: pendingClaim("claim-student-0005", time.Hour, func(c *facts.Claim) { c.VolumeName = "pv-x" }), want: onePending,
			summary: anHour + "it names volume pv-x, which does not exist" + noServer,
		},
		{
			name: "its volume is another's", change: func(s *facts.Snapshot) {
				pendingClaim("claim-student-0005", time.Hour, func(c *facts.Claim) { c.VolumeName = claimNamed(s, "claim-student-0001").VolumeName })(s)
			},
			want:    onePending,
			summary: anHour + "it names volume pvc-00000003-0000-4000-8000-000000000002, which is claim datahub/claim-student-0001's" + noServer,
		},
		{
			name: "its volume is tied to an earlier claim", change: inTurn(func(s *facts.Snapshot) {
				volume := claimNamed(s, "claim-student-0005").VolumeName
				pendingClaim("claim-student-0005", time.Hour, func(c *facts.Claim) { c.UID, c.VolumeName = "anew", volume })(s)
			}),
			want: onePending,
			summary: anHour + "it names volume pvc-00000003-0000-4000-8000-000000000006, which is still tied to an earlier claim of this name " +
				"(claimRef.uid 00000003-0000-4000-8000-000000000006)" + noServer,
		},
		{
			name: "its volume is of another class", change: func(s *facts.Snapshot) {
				volume := claimNamed(s, "claim-student-0005").VolumeName
				pendingClaim("claim-student-0005", time.Hour, func(c *facts.Claim) { c.StorageClass, c.VolumeName = "", volume })(s)
			},
			want: onePending,
			summary: anHour + `it names volume pvc-00000003-0000-4000-8000-000000000006, which is of StorageClass "longhorn", and asks for no StorageClass` +
				noServer,
		},
		{
			name: "its volume is too small", change: func(s *facts.Snapshot) {
				volume := claimNamed(s, "claim-student-0005").VolumeName
				pendingClaim("claim-student-0005", time.Hour, func(c *facts.Claim) { c.RequestBytes, c.VolumeName = 20<<30, volume })(s)
			},
			want:    onePending,
			summary: anHour + "it names volume pvc-00000003-0000-4000-8000-000000000006, which has 10 GiB, and asks for 20 GiB" + noServer,
		},
		{
			name: "a snapshot that does not exist", change: pendingClaim("claim-student-0005", time.Hour, func(c *facts.Claim) { c.SourceKind, c.SourceName = "VolumeSnapshot", "nightly" }),
			want: onePending, summary: anHour + "it is to be made from VolumeSnapshot nightly, which does not exist" + noServer,
		},
		{
			name: "a claim that does not exist", change: pendingClaim("claim-student-0005", time.Hour, func(c *facts.Claim) { c.SourceKind, c.SourceName = "PersistentVolumeClaim", "x" }),
			want: onePending, summary: anHour + "it is to be a copy of claim x, which does not exist" + noServer,
		},
		{
			name: "its pod has no node", change: inTurn(bindsLate, pendingClaim("claim-student-0005", 1000*time.Hour, unchanged), podWaits("claim-student-0005", time.Hour)),
			want: onePending, summary: anHour + "it waits for pod jupyter-student-0005, which has no node itself" + noServer,
		},
		{
			name: "its pod has a node", change: inTurn(bindsLate, pendingClaim("claim-student-0005", 90*time.Minute, unchanged)), want: onePending,
			summary: `claim claim-student-0005 of user "student-0005"'s default server has been waiting for a volume for 1 h 30 min, at most 10 min is expected: ` +
				`provisioner driver.longhorn.io of StorageClass "longhorn" has not made it` + noServer,
		},
		{
			name: "the hub's own", change: pendingClaim(world.HubClaim, time.Hour, unchanged), want: onePending,
			summary: "claim hub-db-dir of the hub itself has been waiting for a volume for 1 h, at most 10 min is expected: " +
				`provisioner driver.longhorn.io of StorageClass "longhorn" has not made it; the hub cannot start`,
		},
		{
			name: "many", change: inTurn(pendingClaim("claim-student-0001", time.Hour, unchanged), pendingClaim("claim-student-0002", 2*time.Hour, unchanged),
				pendingClaim("claim-student-0005", time.Hour, func(c *facts.Claim) { c.StorageClass = "fast" })),
			want:    outcomes{"pvc-pending": "fail warning 3"},
			summary: `3 claims wait for a volume for longer than 10 min: 1 of StorageClass "fast", 2 of StorageClass "longhorn"`,
		},
	},
	mustNotFire: []damage{
		{name: "it waits for its first pod", change: inTurn(bindsLate, pendingClaim("claim-student-0001", 1000*time.Hour, unchanged))},
		{name: "its pod is being stopped", change: inTurn(bindsLate, pendingClaim("claim-student-0005", time.Hour, unchanged), func(s *facts.Snapshot) {
			podOf(s, "claim-student-0005").Deleting = s.Now
		})},
		{name: "another application's", change: func(s *facts.Snapshot) {
			world.AddClaim(s, facts.Claim{Name: "grafana", Component: "monitoring"})
			pendingClaim("grafana", time.Hour, unchanged)(s)
		}},
		{name: "nobody's home", change: func(s *facts.Snapshot) {
			world.AddClaim(s, facts.Claim{Name: "claim-scratch"})
			hubOf(s).OtherClaims = []string{"claim-scratch"}
			pendingClaim("claim-scratch", time.Hour, unchanged)(s)
		}},
		{name: "its user is gone", change: inTurn(userRemoved(1), pendingClaim("claim-student-0001", 1000*time.Hour, unchanged)),
			want: outcomes{"pvc-orphaned": "fail info 1", "hub-owner-missing": "fail info 1"}},
		{name: "being deleted", change: pendingClaim("claim-student-0001", 1000*time.Hour, func(c *facts.Claim) { c.Deleting = world.Now })},
	},
	boundary: []damage{
		{name: "as long as it may take", change: pendingClaim("claim-student-0005", 10*time.Minute, unchanged)},
		{
			name: "a second longer", change: pendingClaim("claim-student-0005", 10*time.Minute+time.Second, unchanged), want: onePending,
			summary: `claim claim-student-0005 of user "student-0005"'s default server has been waiting for a volume for 10 min 1 s, at most 10 min is expected: ` +
				`provisioner driver.longhorn.io of StorageClass "longhorn" has not made it` + noServer,
		},
		{name: "it may take longer", change: pendingClaim("claim-student-0005", time.Hour, unchanged), values: map[string]any{"minAge": "1h"}},
		{name: "an old claim, a pod just made", change: inTurn(bindsLate, pendingClaim("claim-student-0005", 1000*time.Hour, unchanged), podWaits("claim-student-0005", 10*time.Minute))},
	},
	sourceFailed: []damage{
		{name: "pods not readable", change: failed(facts.KubePods), want: unknownWithout(facts.KubePods, nil),
			summary: "source kube/pods could not be read: gave up after 30s"},
		{name: "classes not readable", change: failed(facts.KubeStorageClasses), want: unknownWithout(facts.KubeStorageClasses, nil),
			summary: "source kube/storageclasses could not be read: gave up after 30s"},
		{
			name: "classes not there, and no pod", change: inTurn(absent(facts.KubeStorageClasses), func(s *facts.Snapshot) { s.Kube.StorageClasses = nil },
				pendingClaim("claim-student-0001", time.Hour, unchanged)),
			want:    outcomes{"pvc-pending": "unknown"},
			summary: `claim claim-student-0001 is Pending, and whether StorageClass "longhorn" makes volumes before a pod asks for them is not known`,
		},
	},
}
