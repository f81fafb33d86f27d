package e2e

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"hubaudit/checks"
	"hubaudit/internal/collect/kube"
	"hubaudit/internal/collect/longhorn"
	"hubaudit/internal/facts"
	"hubaudit/internal/world"
	"hubaudit/test/harness"
)

// longhornChecks are those that a cluster without Longhorn skips: its own, and
// what its sizes alone can tell where there is no Prometheus.
var longhornChecks = append(requiring("longhorn/"), "pvc-emptied")

// requiring are the checks that need a source of this kind.
func requiring(prefix string) []string {
	var ids []string
	for _, c := range checks.Registry {
		if slices.ContainsFunc(c.Needs, func(source string) bool { return strings.HasPrefix(source, prefix) }) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// withoutLonghorn is a healthy world on another storage system, with a snapshot
// of each claim where there are snapshots.
func withoutLonghorn(snapshots bool) *facts.Snapshot {
	s := healthyWorld(world.Small)
	s.Longhorn, s.Kube.DisruptionBudgets = facts.Longhorn{}, nil // which are Longhorn's
	s.Sources = slices.DeleteFunc(s.Sources, func(src facts.Source) bool { return strings.HasPrefix(src.Name, "longhorn/") })
	if snapshots {
		for _, c := range s.Kube.Claims {
			s.Kube.Snapshots = append(s.Kube.Snapshots, facts.VolumeSnapshot{Namespace: c.Namespace, Name: c.Name + "-1", Claim: c.Name,
				Ready: true, Taken: s.Now.Add(-9 * time.Hour), RestoreBytes: c.RequestBytes})
		}
	}
	return s
}

// ofSnapshots, ofVelero and ofK8up are the sources of these systems of backups.
var (
	ofSnapshots = []string{facts.KubeSnapshots, facts.KubeSnapshotContents}
	ofVelero    = []string{facts.VeleroBackups, facts.VeleroSchedules, facts.VeleroLocations, facts.VeleroRestores, facts.VeleroVolumeBackups, facts.VeleroDataUploads}
	ofK8up      = []string{facts.K8upSchedules, facts.K8upSnapshots, facts.K8upBackups}
)

func TestClusterWithoutLonghornAndSnapshots(t *testing.T) {
	st := ownStage(t, harness.Options{})
	s := withoutLonghorn(false)
	st.become(t, s)
	p := newSite(t, s, st.admin, "")
	absent := slices.Concat(longhorn.Sources(), ofSnapshots, ofVelero, ofK8up, []string{facts.CephBlockPools, facts.CephFilesystems})
	skipped := slices.Concat(longhornChecks, requiring(facts.KubeSnapshots))
	p.audit(t).expect(t, outcome{Status: 1, Fail: map[string][]string{"backup-none warning": {"hub datahub"}},
		Skipped: slices.Concat(firstRun, skipped), Absent: absent})

	// What nothing shows a backup of has none. The hub's database has copies.
	perishable(s)
	st.become(t, s)
	p.audit(t).expect(t, outcome{Status: 1, Fail: map[string][]string{"backup-none warning": {"hub datahub"},
		"pv-reclaim-delete error": {"storageclass " + world.Class}, "pv-reclaim-delete info": {"claim " + world.HubClaim},
		"hub-user-delete-deletes-data warning": {"hub datahub"}}, Skipped: skipped, Absent: absent})
}

func TestClusterWithoutLonghorn(t *testing.T) {
	st := ownStage(t, harness.Options{CRDs: []string{"snapshot", "velero", "k8up", "ceph"}})
	s := withoutLonghorn(true)
	st.become(t, s)
	// Snapshots in the storage that they are of go with it.
	newSite(t, s, st.admin, "").audit(t).expect(t, outcome{Status: 1, Fail: map[string][]string{"backup-same-domain error": {"hub datahub"}},
		Skipped: slices.Concat(firstRun, longhornChecks), Absent: longhorn.Sources()})
}

// TestAPIServerStops has a run before the API server goes away, one while it is
// gone, and holds that a cluster without VolumeSnapshots is as good as any.
func TestAPIServerStops(t *testing.T) {
	s := healthyWorld(world.Small)
	var p *site
	t.Run("running", func(running *testing.T) {
		st := ownStage(running, harness.Options{CRDs: []string{"longhorn", "ceph"}}) // stops with this test
		st.become(running, s)
		p = newSite(t, s, st.Kubeconfig(t, "root", "system:masters"), "")
		p.audit(running).expect(running, outcome{Skipped: append(requiring(facts.KubeSnapshots), firstRun...), Absent: slices.Concat(ofSnapshots, ofVelero, ofK8up)})
	})
	stopped := p.audit(t)
	// Checks of the database alone are judged as ever.
	stopped.expect(t, outcome{Status: 2, Failed: clusterFailed("unreachable"), Unknown: clusterChecks})
	if d := stopped.detail(facts.KubeClaims); !strings.Contains(d, "connection refused") {
		t.Errorf("nobody learns from this what happened: %s", d)
	}
	if !strings.Contains(stopped.markdown, "could not be checked") || !strings.Contains(stopped.stderr, "the audit is incomplete") {
		t.Errorf("the run hides that it is incomplete:\n%s\n%s", stopped.markdown, stopped.stderr)
	}
}

// clusterChecks are those that cannot be judged without the cluster.
var clusterChecks = needing(slices.Concat(kube.Sources(), longhorn.Sources())...)

// clusterFailed are all sources of the cluster, failed for one cause.
func clusterFailed(cause string) []string {
	var failed []string
	for _, name := range slices.Concat(kube.Sources(), longhorn.Sources()) {
		failed = append(failed, name+" "+cause)
	}
	return failed
}

// clusterWorked are all sources of the cluster, as subjects of findings.
func clusterWorked() []string {
	var subjects []string
	for _, name := range slices.Concat(kube.Sources(), longhorn.Sources()) {
		subjects = append(subjects, "source "+name)
	}
	return subjects
}

func TestCredentials(t *testing.T) {
	st := mainStage(t)
	s := healthyWorld(world.Small)
	st.become(t, s)
	p := newSite(t, s, st.admin, "")
	p.audit(t).expect(t, outcome{Skipped: firstRun})

	account := object{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": object{"name": "gone", "namespace": world.Namespace}}
	st.Apply(t, account)
	revoked := st.ServiceAccountToken(t, world.Namespace, "gone")
	st.remove(t, account)
	for name, token := range map[string]string{"garbage": "garbage-token", "a revoked token": revoked, "an expired token": expired(revoked)} {
		t.Run(name, func(t *testing.T) {
			p.kubeconfig = st.KubeconfigForToken(t, token)
			r := p.audit(t)
			// What was read five minutes ago and is forbidden now is a finding of its own.
			r.expect(t, outcome{Status: 2, Failed: clusterFailed("forbidden"), Unknown: clusterChecks,
				Fail: map[string][]string{"audit-input-missing critical": clusterWorked()}})
			for _, output := range []string{r.terminal, r.markdown, r.jsonText, r.stderr} {
				if strings.Contains(output, token) {
					t.Error("an output shows the token")
				}
			}
		})
	}
	t.Run("no kubeconfig", func(t *testing.T) {
		p.kubeconfig = filepath.Join(t.TempDir(), "no-such-kubeconfig")
		r := p.audit(t)
		r.expect(t, outcome{Status: 2, Failed: clusterFailed("missing"), Unknown: clusterChecks,
			Fail: map[string][]string{"audit-input-missing critical": clusterWorked()}})
		if d := r.detail(facts.KubeClaims); !strings.Contains(d, p.kubeconfig) {
			t.Errorf("nobody learns from this which file is missing: %s", d)
		}
	})
}

// expired is a service account's token with its times long gone. Nobody can
// sign it, which comes to the same.
func expired(token string) string {
	parts := strings.Split(token, ".")
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(`{"exp":1500000000,"iat":1400000000,"iss":"https://kubernetes.default.svc","sub":"system:serviceaccount:a:b"}`))
	return strings.Join(parts, ".")
}

// TestForbiddenList takes one right away: it costs that source and what needs
// it, and nothing else.
func TestForbiddenList(t *testing.T) {
	st := mainStage(t)
	s := healthyWorld(world.Small)
	st.become(t, s)
	for _, c := range []struct{ resource, source string }{
		{"pods", facts.KubePods},
		{"persistentvolumeclaims", facts.KubeClaims},
		{"persistentvolumes", facts.KubeVolumes},
		{"nodes", facts.KubeNodes},
		{"replicas.longhorn.io", facts.LonghornReplicas},
		{"volumesnapshots.snapshot.storage.k8s.io", facts.KubeSnapshots},
		{"volumesnapshotcontents.snapshot.storage.k8s.io", facts.KubeSnapshotContents},
		{"backups.velero.io", facts.VeleroBackups},
		{"schedules.velero.io", facts.VeleroSchedules},
		{"backupstoragelocations.velero.io", facts.VeleroLocations},
		{"restores.velero.io", facts.VeleroRestores},
		{"podvolumebackups.velero.io", facts.VeleroVolumeBackups},
		{"datauploads.velero.io", facts.VeleroDataUploads},
		{"backups.k8up.io", facts.K8upBackups},
		{"schedules.k8up.io", facts.K8upSchedules},
		{"snapshots.k8up.io", facts.K8upSnapshots},
		{"backuptargets.longhorn.io", facts.LonghornBackupTargets},
		{"backupvolumes.longhorn.io", facts.LonghornBackupVolumes},
		{"backups.longhorn.io", facts.LonghornBackups},
		{"recurringjobs.longhorn.io", facts.LonghornRecurringJobs},
		{"settings.longhorn.io", facts.LonghornSettings},
		{"cronjobs.batch", facts.KubeCronJobs},
		{"jobs.batch", facts.KubeJobs},
		{"poddisruptionbudgets.policy", facts.KubeDisruptionBudgets},
		{"cephblockpools.ceph.rook.io", facts.CephBlockPools},
		{"instancemanagers.longhorn.io", facts.LonghornInstanceManagers},
		{"shards.longhorn.io", facts.LonghornShards},
		{"events", facts.LonghornEvents},
	} {
		t.Run(c.resource, func(t *testing.T) {
			name := "without-" + strings.ReplaceAll(c.resource, ".", "-")
			kubeconfig := st.accountWithout(t, name, c.resource)
			r := newSite(t, s, kubeconfig, "").audit(t)
			r.expect(t, outcome{Status: 2, Failed: []string{c.source + " forbidden"}, Unknown: needing(c.source), Skipped: without(firstRun, needing(c.source))})
			rule := fmt.Sprintf(`resources: ["%s"], verbs: ["get", "list"]`, schema.ParseGroupResource(c.resource).Resource)
			if d := r.detail(c.source); !strings.Contains(d, rule) {
				t.Errorf("nobody learns from this which rule is missing, %s: %s", rule, d)
			}
		})
	}
}

// longhorn12 is what every run says of a cluster with Longhorn 1.2.4, in which
// seven bugs are known, and which has not all that a newer one has.
func longhorn12() outcome {
	const version = "version v1.2.4"
	return outcome{Status: 1,
		Fail: map[string][]string{"lh-version-known-bug error": slices.Repeat([]string{version}, 3),
			"lh-version-known-bug warning": slices.Repeat([]string{version}, 4)},
		Skipped: append(requiring(facts.LonghornOrphans), requiring(facts.LonghornShardGroups)...),
		Absent:  []string{facts.LonghornOrphans, facts.LonghornShardGroups, facts.LonghornShards}}
}

// TestLonghornOfOld reads Longhorn 1.2: v1beta1, whose conditions are a map.
func TestLonghornOfOld(t *testing.T) {
	st := oldStage(t)
	s := healthyWorld(world.Small)
	s.Longhorn.Settings = map[string]string{"allow-node-drain-with-last-healthy-replica": "false", "default-replica-count": "3"}
	world.FitLonghorn(s, "v1.2.4")
	st.become(t, s)
	t.Setenv("KUBECONFIG", st.admin)
	expectFacts(t, st, s)
	p := newSite(t, s, st.admin, "")
	want := longhorn12()
	old := want.Skipped
	want.Skipped = slices.Concat(firstRun, old)
	p.audit(t).expect(t, want)

	s.Longhorn.Nodes[0].Ready, s.Longhorn.Nodes[0].ReadyReason = "False", "KubernetesNodeGone"
	s.Longhorn.Nodes[1].Disks[0].Ready, s.Longhorn.Nodes[1].Disks[0].ReadyReason = "False", "DiskFilesystemChanged"
	st.become(t, s)
	expectFacts(t, st, s)
	want.Skipped = old
	want.Fail["lh-single-usable-replica error"] = volumes(3, 4, 7, 8, 11, 12)
	want.Fail["lh-disk-not-ready error"] = []string{"node worker-1", "disk " + s.Longhorn.Nodes[1].Disks[0].UUID + " of worker-2"}
	p.audit(t).expect(t, want)
}
