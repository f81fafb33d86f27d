package collect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestBackupsFromVolumeSnapshots(t *testing.T) {
	snapshots := func(text string) string {
		return strings.Replace(text, `files: "backups/*.gz"`, "volumeSnapshots: hub-db-dir", 1)
	}
	s := world.Healthy(world.Small)
	s.Kube.Snapshots = []facts.VolumeSnapshot{
		{Namespace: world.Namespace, Name: "hub-1", Claim: world.HubClaim, Ready: true, Created: world.Now.Add(-9 * time.Hour), Taken: world.Now.Add(-9 * time.Hour)},
		{Namespace: world.Namespace, Name: "other", Claim: "claim-student-0001", Ready: true, Created: world.Now, Taken: world.Now},
	}
	got := gather(t, write(t, s, snapshots))
	b := got.Hubs[0].Backups[0]
	if len(b.Copies) != 1 || b.Copies[0].Name != "hub-1" || got.Source("backup/datahub/nightly").Status != facts.OK {
		t.Errorf("backup is %+v, source %+v", b, got.Source("backup/datahub/nightly"))
	}

	// Without the snapshot API a backup that is configured as one cannot be seen.
	s = world.Healthy(world.Small)
	cfg := write(t, s, snapshots)
	if err := os.Remove(filepath.Join(cfg.Path("dump"), "volumesnapshots.snapshot.storage.k8s.io.yaml.gz")); err != nil {
		t.Fatal(err)
	}
	src := gather(t, cfg).Source("backup/datahub/nightly")
	if src.Status != facts.Failed || src.Cause != facts.CauseMissing {
		t.Errorf("source is %+v", src)
	}
}

// TestBackupsAreAsConfigured: what the configuration says of a backup is in the
// snapshot, whatever was found there.
func TestBackupsAreAsConfigured(t *testing.T) {
	s := world.Healthy(world.Small)
	s.Kube.CronJobs = append(s.Kube.CronJobs,
		facts.CronJob{Namespace: world.Namespace, Name: "dump", Schedule: "15 1 * * *", TimeZone: "Europe/Zurich", LastSuccess: world.Now.Add(-time.Hour)},
		facts.CronJob{Namespace: "other", Name: "zoned", Schedule: "1 1 * * *"},
		facts.CronJob{Namespace: world.Namespace, Name: "zoned", Schedule: "CRON_TZ=UTC 1 1 * * *", TimeZone: "Europe/Zurich"})
	got := gather(t, write(t, s, func(text string) string {
		before, _, _ := strings.Cut(text, "    backups:")
		return before + `    backups:
      - {name: files, files: "backups/*.gz", cronJob: dump}
      - {name: said, files: "backups/*.gz", cronJob: dump, schedule: "0 3 * * *", timeZone: Asia/Tokyo, verify: none, maxAge: 5h}
      - {name: zoned, files: "backups/*.gz", cronJob: zoned}
      - {name: gone, files: "backups/*.gz", cronJob: gone}
      - {name: runs, cronJob: dump}
      - {name: volume, longhorn: hub-db-dir}
cluster: {dump: dump}
`
	}))
	for i := range got.Hubs[0].Backups {
		b := &got.Hubs[0].Backups[i]
		if src := got.Source(facts.BackupSource("datahub", b.Name)); src.Status != facts.OK || src.Items["copies"] != len(b.Copies) || len(b.Copies) == 0 {
			t.Errorf("backup %s has %d copies, source %+v", b.Name, len(b.Copies), src)
		}
		b.Copies = nil
	}
	want := []facts.Backup{
		{Name: "files", Kind: facts.BackupFiles, Location: "backups/*.gz", Schedule: "15 1 * * *", TimeZone: "Europe/Zurich", CronJob: "dump", Verify: facts.VerifyOpen},
		{Name: "said", Kind: facts.BackupFiles, Location: "backups/*.gz", Schedule: "0 3 * * *", TimeZone: "Asia/Tokyo", CronJob: "dump", Verify: facts.VerifyNone, MaxAge: 5 * time.Hour},
		{Name: "zoned", Kind: facts.BackupFiles, Location: "backups/*.gz", Schedule: "CRON_TZ=UTC 1 1 * * *", CronJob: "zoned", Verify: facts.VerifyOpen},
		{Name: "gone", Kind: facts.BackupFiles, Location: "backups/*.gz", CronJob: "gone", Verify: facts.VerifyOpen},
		{Name: "runs", Kind: facts.BackupCronJob, Location: "datahub/dump", Schedule: "15 1 * * *", TimeZone: "Europe/Zurich", CronJob: "dump", Verify: facts.VerifyOpen},
		{Name: "volume", Kind: facts.BackupLonghorn, Location: "datahub/hub-db-dir", Verify: facts.VerifyOpen},
	}
	if diff := cmp.Diff(want, got.Hubs[0].Backups); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestOfManyCopiesTheOlderAreCounted: none is forgotten without saying so.
func TestOfManyCopiesTheOlderAreCounted(t *testing.T) {
	const n = 1003
	cfg := write(t, world.Healthy(world.Small), func(text string) string { return strings.Replace(text, "backups/*.gz", "many/*", 1) })
	if err := os.Mkdir(cfg.Path("many"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		at := world.Now.Add(-time.Duration(i) * time.Hour)
		if err := os.WriteFile(filepath.Join(cfg.Path("many"), at.Format("20060102T150405Z")), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := gather(t, cfg)
	src := got.Source("backup/datahub/nightly")
	if copies := got.Hubs[0].Backups[0].Copies; len(copies) != 1000 || !copies[0].Time.Equal(world.Now) || src.Items["copies"] != 1000 || src.Items["older copies"] != 3 {
		t.Errorf("%d copies, the newest %+v, source %+v", len(copies), copies[0], src)
	}
}

// TestABucketThatCannotBeReachedCostsOnlyItself, and its options stay out of
// the message.
func TestABucketThatCannotBeReachedCostsOnlyItself(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
	got := gather(t, write(t, world.Healthy(world.Small), func(text string) string {
		return strings.Replace(text, "backups/*.gz", "s3://bucket/db-*?endpoint=http://127.0.0.1:1&use_path_style=true", 1)
	}))
	for _, src := range got.Sources {
		switch {
		case src.Name != "backup/datahub/nightly":
			if src.Status != whole(src.Name) {
				t.Errorf("source %s is %s: %s", src.Name, src.Status, src.Detail)
			}
		case src.Status != facts.Failed || src.Cause != facts.CauseUnreachable || strings.Contains(src.Detail, "use_path_style") || strings.Contains(src.Detail, "s3cr3t"):
			t.Errorf("source is %+v", src)
		}
	}
	if b := got.Hubs[0].Backups[0]; b.Kind != facts.BackupObjects || len(b.Copies) != 0 {
		t.Errorf("backup is %+v", b)
	}
}
