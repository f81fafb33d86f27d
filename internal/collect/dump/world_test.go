package dump_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hubaudit/internal/collect/backup"
	"hubaudit/internal/collect/dump"
	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// TestWorldComesBack writes a world as kubectl would dump it, and reads the
// same facts from that.
func TestWorldComesBack(t *testing.T) {
	for _, version := range []string{"v1.2.4", "v1.5.5", "v1.9.0", "v1.12.1", ""} {
		s := world.Healthy(world.Size{Users: 50, Nodes: 4, Replicas: 3})
		if version == "" {
			s.Longhorn.Version, s.Longhorn.Settings["current-longhorn-version"] = "", ""
		} else {
			world.FitLonghorn(s, version)
		}
		s.Longhorn.Replicas[0].EvictionRequested = true
		dir := t.TempDir()
		if err := world.WriteDump(dir, s); err != nil {
			t.Fatal(err)
		}
		k, l, sources := dump.Read(t.Context(), dir, s.Longhorn.Namespace)
		want := s.Kube
		want.Version = k.Version // of which a dump of objects tells nothing
		if diff := cmp.Diff(want, k, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("Longhorn %q: Kubernetes (-want +got):\n%s", version, diff)
		}
		s.Longhorn.BackupVolumes = s.Longhorn.TellingBackupVolumes()
		if diff := cmp.Diff(s.Longhorn, l, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("Longhorn %q: Longhorn (-want +got):\n%s", version, diff)
		}
		for _, source := range sources {
			switch w := s.Source(source.Name); {
			case w.Status == facts.Absent && source.Status == facts.Absent: // no Ceph, an older Longhorn
			case source.Status != facts.OK || source.Total() != w.Total():
				t.Errorf("Longhorn %q: %+v, want %+v", version, source, w)
			}
		}
	}
}

func TestBackupsComeBack(t *testing.T) {
	s := world.Healthy(world.Small)
	hub := s.Hubs[0]
	dir := t.TempDir()
	if err := world.WriteBackups(dir, hub, world.CurrentSchema); err != nil {
		t.Fatal(err)
	}
	got, err := backup.ReadFiles(t.Context(), dir+"/jupyterhub-*.sqlite.gz")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(hub.Backups[0].Copies, got, cmpopts.IgnoreFields(facts.BackupCopy{}, "SizeBytes")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
