package test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hubaudit/internal/collect/kube"
	"hubaudit/internal/collect/longhorn"
	"hubaudit/internal/facts"
	"hubaudit/internal/world"
	"hubaudit/test/harness"
)

const longhornNamespace = "longhorn-system"

// connect makes the readers' client from a kubeconfig.
func connect(t *testing.T, kubeconfig string) *kube.Client {
	t.Helper()
	t.Setenv("KUBECONFIG", kubeconfig)
	c, err := kube.Connect(kube.Options{UserAgent: "hubaudit/test", PageSize: 500})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// read reads everything.
func read(t *testing.T, kubeconfig, namespace string) (facts.Kube, facts.Longhorn, map[string]facts.Source) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := connect(t, kubeconfig)
	k, kubeSources := c.Read(ctx)
	l, longhornSources := longhorn.Read(ctx, c, namespace)
	sources := map[string]facts.Source{}
	for _, s := range slices.Concat(kubeSources, longhornSources) {
		sources[s.Name] = s
	}
	return k, l, sources
}

func namespaces(names ...string) []map[string]any {
	var objects []map[string]any
	for _, name := range names {
		objects = append(objects, map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}})
	}
	return objects
}

// set by the API server itself, whatever a manifest says
var itsOwn = cmp.Options{
	cmpopts.IgnoreFields(facts.Claim{}, "UID", "Created"), cmpopts.IgnoreFields(facts.Volume{}, "UID", "Created"),
	cmpopts.IgnoreFields(facts.Node{}, "UID", "Created"), cmpopts.IgnoreFields(facts.Pod{}, "Created"),
	cmpopts.IgnoreFields(facts.LHVolume{}, "Created"), cmpopts.IgnoreFields(facts.LHReplica{}, "Created"), cmpopts.IgnoreFields(facts.LHNode{}, "Created"),
	cmpopts.IgnoreFields(facts.LHOrphan{}, "Created"), cmpopts.IgnoreFields(facts.LHRecurringJob{}, "Created"),
	cmpopts.EquateEmpty(),
}

// TestCollectors reads a world with more claims than fit a page from a real
// API server, with Longhorn's resource types of 1.2 (v1beta1 alone), of 1.3
// (both versions) and the newest (v1beta2 alone).
func TestCollectors(t *testing.T) {
	for crds, version := range map[string]string{"longhorn-1.2": "v1.2.6", "longhorn-1.3": "v1.3.3", "longhorn": "v1.12.1"} {
		t.Run(crds, func(t *testing.T) {
			c := harness.Start(t, harness.Options{CRDs: []string{crds, "snapshot", "velero", "k8up", "ceph"}})
			admin := c.Kubeconfig(t, "root", "system:masters")

			_, l, sources := read(t, admin, longhornNamespace)
			for _, name := range longhorn.Sources() {
				if s := sources[name]; s.Status != facts.Absent || !strings.Contains(s.Detail, "no Longhorn in any namespace") || l.Namespace != "" {
					t.Errorf("before there is any: %+v", s)
				}
			}

			s := world.Healthy(world.Size{Users: 520, Nodes: 4, Replicas: 2})
			s.Longhorn.Salvages = []facts.LHSalvage{{Volume: s.Longhorn.Volumes[0].Name, At: s.Now.Add(-time.Hour)}}
			s.Longhorn.Backups = s.Longhorn.Backups[:60] // each of them is seven objects
			world.FitLonghorn(s, version)
			c.Apply(t, namespaces(world.Namespace, longhornNamespace)...)
			c.Apply(t, world.Objects(s)...)
			k, l, sources := read(t, admin, longhornNamespace)
			s.Kube.Version = k.Version
			s.Longhorn.BackupVolumes = s.Longhorn.TellingBackupVolumes()
			if !strings.HasPrefix(k.Version, "v1.") {
				t.Errorf("version %q", k.Version)
			}
			if diff := cmp.Diff(s.Kube, k, itsOwn); diff != "" {
				t.Errorf("Kubernetes (-want +got):\n%.4000s", diff)
			}
			if diff := cmp.Diff(s.Longhorn, l, itsOwn); diff != "" {
				t.Errorf("Longhorn (-want +got):\n%.4000s", diff)
			}
			for name, source := range sources {
				if kind, _, _ := strings.Cut(name, "/"); slices.Contains(installed, kind) {
					s.Sources = append(s.Sources, facts.Source{Name: name, Status: facts.OK})
				}
				if want := s.Source(name); source.Status != want.Status || source.Total() != want.Total() {
					t.Errorf("%+v, want %d items", source, s.Source(name).Total())
				}
			}

			_, l, sources = read(t, admin, world.Namespace)
			for _, name := range longhorn.Sources() {
				if s := sources[name]; s.Cause != facts.CauseMissing || !strings.Contains(s.Detail, "but namespace longhorn-system has") || len(l.Volumes) > 0 {
					t.Errorf("in the wrong namespace: %+v", s)
				}
			}
		})
	}
}

// installed are the first parts of the sources of what a cluster has whose CRDs
// are installed, and a healthy world has nothing of.
var installed = []string{"ceph", "velero", "k8up"}

// TestBackupSystems reads what Velero, K8up and the snapshotter hold of claims from
// a real API server that has checked it against their resource types.
func TestBackupSystems(t *testing.T) {
	c := harness.Start(t, harness.Options{CRDs: []string{"snapshot", "velero", "k8up"}})
	s := world.Healthy(world.Small)
	s.Longhorn = facts.Longhorn{}
	world.WithVelero(s)
	for _, moved := range s.Kube.Backups { // all that Velero moves, it has by file as well, and left
		for _, system := range []string{facts.SystemVeleroFile, facts.SystemVeleroSnap} {
			moved.System = system
			s.Kube.Backups = append(s.Kube.Backups, moved)
		}
	}
	for i := range s.Kube.Velero.Backups {
		s.Kube.Velero.Backups[i].Scope = facts.VeleroScope{Excluded: []string{"kube-system"}, Selected: true, Claims: true, FileSystem: true}
	}
	world.WithK8up(s)
	world.WithSnapshots(s)
	c.Apply(t, namespaces(world.Namespace, s.Kube.DisruptionBudgets[0].Namespace, world.VeleroNamespace)...)
	c.Apply(t, world.Objects(s)...)
	k, _, sources := read(t, c.Kubeconfig(t, "root", "system:masters"), longhornNamespace)
	s.Kube.Version = k.Version
	own := cmp.Options{itsOwn, cmpopts.IgnoreFields(facts.VeleroBackup{}, "Created"), cmpopts.IgnoreFields(facts.VeleroSchedule{}, "Created"),
		cmpopts.IgnoreFields(facts.VolumeSnapshot{}, "Created"), cmpopts.IgnoreFields(facts.K8up{}, "Succeeded")}
	if diff := cmp.Diff(s.Kube, k, own); diff != "" {
		t.Errorf("(-want +got):\n%.4000s", diff)
	}
	for name, source := range sources {
		if want := s.Source(name); want.Status == facts.OK && !strings.HasPrefix(name, "longhorn/") && (source.Status != facts.OK || source.Total() != want.Total()) {
			t.Errorf("%+v, want %d items", source, want.Total())
		}
	}
}

// TestAbsentIsNotForbidden reads a cluster without custom resources with and
// without permissions.
func TestAbsentIsNotForbidden(t *testing.T) {
	c := harness.Start(t, harness.Options{})
	absent := append(longhorn.Sources(), facts.KubeSnapshots, facts.KubeSnapshotContents)
	for _, name := range kube.Sources() {
		if kind, _, _ := strings.Cut(name, "/"); slices.Contains(installed, kind) {
			absent = append(absent, name)
		}
	}
	_, _, sources := read(t, c.Kubeconfig(t, "root", "system:masters"), longhornNamespace)
	for name, s := range sources {
		want := facts.OK
		if slices.Contains(absent, name) {
			want = facts.Absent
		}
		if s.Status != want {
			t.Errorf("admin: %+v, want %s", s, want)
		}
	}
	_, _, sources = read(t, c.Kubeconfig(t, "nobody"), longhornNamespace)
	for name, s := range sources {
		switch {
		case slices.Contains(absent, name):
			if s.Status != facts.Absent {
				t.Errorf("nobody: %+v, want absent", s)
			}
		case s.Status != facts.Failed || s.Cause != facts.CauseForbidden || !strings.Contains(s.Detail, `verbs: ["get", "list"]`):
			t.Errorf("nobody: %+v, want forbidden", s)
		}
	}
}
