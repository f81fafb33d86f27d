package kube

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hubaudit/internal/facts"
)

// list is what the API answers for a custom resource.
func list(api, kind string, items ...string) http.HandlerFunc {
	return asJSON(fmt.Sprintf(`{"apiVersion":%q,"items":[%s],"kind":"%sList","metadata":{}}`, api, strings.Join(items, ","), kind))
}

const (
	atCreated = `"2026-02-03T04:05:06Z"`
	atLater   = `"2026-11-20T11:00:00Z"`
)

// backupRoutes are one object of each kind of Velero, K8up and the snapshotter.
var backupRoutes = map[string]http.HandlerFunc{
	"/apis/velero.io/v1": asJSON(`{"kind":"APIResourceList","resources":[{"name":"backups"},{"name":"schedules"},{"name":"backupstoragelocations"},{"name":"restores"},
		{"name":"podvolumebackups"}]}`),
	"/apis/velero.io/v2alpha1": asJSON(`{"kind":"APIResourceList","resources":[{"name":"datauploads"}]}`),
	"/apis/k8up.io/v1":         asJSON(`{"kind":"APIResourceList","resources":[{"name":"backups"},{"name":"schedules"},{"name":"snapshots"}]}`),
	"/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents": list("snapshot.storage.k8s.io/v1", "VolumeSnapshotContent", `{"metadata":{"name":"snapcontent-1","creationTimestamp":`+atCreated+`},
		"spec":{"driver":"driver.longhorn.io","deletionPolicy":"Retain","source":{"volumeHandle":"pvc-1"},"volumeSnapshotRef":{"namespace":"hub","name":"snap-1"}},
		"status":{"readyToUse":true,"creationTime":1795172400123456789,"restoreSize":1024,"snapshotHandle":"snap://1"}}`),
	"/apis/velero.io/v1/backups": list("velero.io/v1", "Backup", `{"metadata":{"namespace":"velero","name":"nightly-1","creationTimestamp":`+atCreated+`,"labels":{"velero.io/schedule-name":"nightly"}},
		"spec":{"includedNamespaces":["hub"],"ttl":"720h0m0s","storageLocation":"default","snapshotMoveData":true,"hooks":{},"metadata":{}},
		"status":{"phase":"Completed","startTimestamp":`+atCreated+`,"completionTimestamp":`+atLater+`,"expiration":`+atLater+`,"warnings":1,"csiVolumeSnapshotsCompleted":1,"formatVersion":"1.1.0",
		"progress":{"itemsBackedUp":7}}}`),
	"/apis/velero.io/v1/schedules": list("velero.io/v1", "Schedule", `{"metadata":{"namespace":"velero","name":"nightly","creationTimestamp":`+atCreated+`},
		"spec":{"schedule":"0 1 * * *","template":{"includedNamespaces":["hub"],"ttl":"168h","snapshotMoveData":true},"useOwnerReferencesInBackup":false},
		"status":{"phase":"Enabled","lastBackup":`+atLater+`}}`),
	"/apis/velero.io/v1/backupstoragelocations": list("velero.io/v1", "BackupStorageLocation", `{"metadata":{"namespace":"velero","name":"default"},
		"spec":{"provider":"aws","default":true,"objectStorage":{"bucket":"b","prefix":"hub/","caCert":"eA=="},"config":{"s3Url":"https://key:sec@ret@minio.example.org:9000","region":"x"},
		"credential":{"name":"cloud","key":"c"}},"status":{"phase":"Available","lastSyncedTime":`+atLater+`,"lastValidationTime":`+atLater+`}}`),
	"/apis/velero.io/v1/restores": list("velero.io/v1", "Restore", `{"metadata":{"namespace":"velero","name":"drill"},"spec":{"backupName":"nightly-1","includedNamespaces":["hub"]},
		"status":{"phase":"Completed","completionTimestamp":`+atLater+`}}`),
	"/apis/velero.io/v1/podvolumebackups": list("velero.io/v1", "PodVolumeBackup", podVolumeBackup("nightly-1", "Completed", atLater)),
	"/apis/velero.io/v2alpha1/datauploads": list("velero.io/v2alpha1", "DataUpload", `{"metadata":{"namespace":"velero","name":"nightly-1-x","creationTimestamp":`+atLater+`,"labels":{"velero.io/backup-name":"nightly-1"}},
		"spec":{"sourcePVC":"claim-ann--lab","sourceNamespace":"hub","backupStorageLocation":"default","snapshotType":"CSI","operationTimeout":"10m0s"},
		"status":{"phase":"InProgress","progress":{"totalBytes":100,"bytesDone":1}}}`),
	"/apis/k8up.io/v1/schedules": list("k8up.io/v1", "Schedule", `{"metadata":{"namespace":"hub","name":"nightly"},
		"spec":{"backend":{"repoPasswordSecretRef":{"name":"p","key":"k"},"s3":{"endpoint":"https://s3.example.org","bucket":"b"}},"backup":{"schedule":"@daily-random","keepJobs":4},"check":{"schedule":"@weekly"}},
		"status":{"effectiveSchedules":[{"jobType":"check","generatedSchedule":"1 1 * * 1"},{"jobType":"backup","generatedSchedule":"17 4 * * *"}]}}`),
	"/apis/k8up.io/v1/snapshots": list("k8up.io/v1", "Snapshot", `{"metadata":{"namespace":"hub","name":"0123abcd"},"spec":{"id":"0123abcd00","date":`+atLater+`,"paths":["/data/claim-ann--lab"],
		"repository":"s3:https://s3.example.org/b"}}`),
	"/apis/k8up.io/v1/backups": list("k8up.io/v1", "Backup", `{"metadata":{"namespace":"hub","name":"backup-1","creationTimestamp":`+atLater+`},"spec":{},
		"status":{"started":true,"conditions":[{"type":"Completed","status":"True","reason":"Failed","message":"exit 1"},{"type":"PreBackupPodReady","status":"True","reason":"NoPreBackupPodsFound"}]}}`),
}

// podVolumeBackup is one of the claim, as Velero 1.18 makes it.
func podVolumeBackup(set, phase, started string) string {
	return `{"metadata":{"namespace":"velero","name":"` + set + `-x","creationTimestamp":` + started + `,"labels":{"velero.io/backup-name":"` + set + `","velero.io/pvc-uid":"uid-1"},
		"annotations":{"velero.io/pvc-name":"claim-ann--lab"},"ownerReferences":[{"kind":"Backup","name":"` + set + `","uid":"u"}]},
		"spec":{"node":"worker-1","pod":{"kind":"Pod","namespace":"hub","name":"jupyter-ann"},"volume":"home","backupStorageLocation":"default","uploaderType":"kopia","tags":{"backup":"` + set + `"}},
		"status":{"phase":"` + phase + `","startTimestamp":` + started + `,"message":"because","progress":{"totalBytes":100,"bytesDone":100}}}`
}

var (
	hubScope     = facts.VeleroScope{Namespaces: []string{"hub"}, Claims: true, MoveData: true}
	readContents = []facts.SnapshotContent{{Name: "snapcontent-1", Driver: "driver.longhorn.io", Handle: "pvc-1", Namespace: "hub", Snapshot: "snap-1", DeletionPolicy: "Retain", Ready: true,
		Taken: time.Unix(1795172400, 0).UTC(), SizeBytes: 1024}}
	readVelero = facts.Velero{
		Backups: []facts.VeleroBackup{{Namespace: "velero", Name: "nightly-1", Schedule: "nightly", Phase: "Completed", Created: created, Started: created, Completed: deleting, Expires: deleting,
			Location: "default", Scope: hubScope, Warnings: 1, CSISnapshots: 1}},
		Schedules: []facts.VeleroSchedule{{Namespace: "velero", Name: "nightly", Created: created, Cron: "0 1 * * *", Phase: "Enabled", LastBackup: deleting, TTL: 168 * time.Hour, Scope: hubScope}},
		Locations: []facts.VeleroLocation{{Namespace: "velero", Name: "default", Provider: "aws", URL: "s3://b/hub?endpoint=https://minio.example.org:9000", Default: true, Phase: "Available",
			LastSyncedAt: deleting, LastValidated: deleting}},
		Restores: []facts.VeleroRestore{{Namespace: "velero", Name: "drill", Backup: "nightly-1", Phase: "Completed", Completed: deleting, Namespaces: []string{"hub"}}},
	}
	readK8up = facts.K8up{Schedules: []facts.K8upSchedule{{Namespace: "hub", Name: "nightly", Cron: "17 4 * * *", URL: "s3:https://s3.example.org/b"}},
		Failed:  map[string]facts.Attempt{"hub": {Name: "backup-1", Since: deleting, Phase: "Failed", Error: "exit 1"}},
		Running: map[string]facts.Attempt{}, Succeeded: map[string]time.Time{}}
	readBackups = []facts.Series{
		{System: facts.SystemK8up, Namespace: "hub", Claim: "claim-ann--lab", Newest: facts.Point{Name: "0123abcd", Time: deleting, Target: "s3:https://s3.example.org/b"}, Good: 1, Oldest: deleting},
		{System: facts.SystemVeleroData, Namespace: "hub", Claim: "claim-ann--lab", Running: &facts.Attempt{Name: "nightly-1-x", Set: "nightly-1", Since: deleting, Phase: "InProgress"}},
		{System: facts.SystemVeleroFile, Namespace: "hub", Claim: "claim-ann--lab", Newest: pointOf("nightly-1", deleting, deleting), Good: 1, Oldest: deleting}}
)

func pointOf(set string, at, expires time.Time) facts.Point {
	return facts.Point{Name: set, Set: set, Time: at, SizeBytes: 100, Expires: expires, Target: "default"}
}

// read puts objects into the tables by source, and has nothing refused.
func read(t *testing.T, bySource map[string][]string) facts.Kube {
	t.Helper()
	tables := NewTables()
	for _, r := range tables.Resources() {
		for _, raw := range bySource[r.Source] {
			r.Put(r.Len(), []byte(raw))
		}
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
	}
	return tables.Facts()
}

func veleroBackupOf(name, phase, started string) string {
	return `{"metadata":{"namespace":"velero","name":"` + name + `"},"spec":{},"status":{"phase":"` + phase + `","startTimestamp":` + started + `,"failureReason":"why"}}`
}

// night is a time of the n-th of November.
func night(n int) (at time.Time, text string) {
	at = time.Date(2026, 11, n, 1, 0, 0, 0, time.UTC)
	return at, at.Format(`"` + time.RFC3339 + `"`)
}

// TestVeleroVolumeBackups folds the backups of a claim of several nights, in any
// order, against what became of each night's Backup.
func TestVeleroVolumeBackups(t *testing.T) {
	type nights []string // phase of the Backup, and of the PodVolumeBackup after a slash, from the first of the month on
	at := func(n int) time.Time { when, _ := night(n); return when }
	point := func(n int) facts.Point { return pointOf(fmt.Sprint("n", n), at(n), time.Time{}) }
	began := func(n int, phase, why string) *facts.Attempt {
		return &facts.Attempt{Name: fmt.Sprint("n", n), Set: fmt.Sprint("n", n), Since: at(n), Phase: phase, Error: why}
	}
	volume := func(n int, phase string) *facts.Attempt {
		return &facts.Attempt{Name: fmt.Sprintf("n%d-x", n), Set: fmt.Sprint("n", n), Since: at(n), Phase: phase, Error: "because"}
	}
	for name, tt := range map[string]struct {
		nights nights
		want   facts.Series
	}{
		"seven good":     {nights{"Completed/Completed", "Completed/Completed", "Completed/Completed", "Completed/Completed", "Completed/Completed", "Completed/Completed", "Completed/Completed"}, facts.Series{Newest: point(7), Previous: point(6), Good: 7, Oldest: at(1)}},
		"one":            {nights{"Completed/Completed"}, facts.Series{Newest: point(1), Good: 1, Oldest: at(1)}},
		"failed in part": {nights{"Completed/Completed", "PartiallyFailed/Completed"}, facts.Series{Newest: point(2), Previous: point(1), Good: 2, Oldest: at(1)}},
		"its own failed": {nights{"Completed/Completed", "PartiallyFailed/Failed"}, facts.Series{Newest: point(1), Good: 1, Oldest: at(1), Failed: volume(2, "Failed")}},
		"cancelled":      {nights{"PartiallyFailed/Canceled"}, facts.Series{Failed: volume(1, "Canceled")}},
		"good since":     {nights{"PartiallyFailed/Failed", "Completed/Completed"}, facts.Series{Newest: point(2), Good: 1, Oldest: at(2)}},
		"under way":      {nights{"Completed/Completed", "InProgress/Prepared"}, facts.Series{Newest: point(1), Good: 1, Oldest: at(1), Running: volume(2, "Prepared")}},
		"the rest under way": {nights{"Completed/Completed", "Completed/Completed", "WaitingForPluginOperations/Completed"}, facts.Series{Newest: point(2), Previous: point(1), Good: 2, Oldest: at(1),
			Running: began(3, "WaitingForPluginOperations", "")}},
		"the whole failed": {nights{"Failed/Completed"}, facts.Series{Failed: began(1, "Failed", "why")}},
		"five nights failed as a whole": {nights{"Completed/Completed", "Failed/Completed", "Failed/Completed", "Failed/Completed", "Failed/Completed", "Failed/Completed"}, facts.Series{Newest: point(1),
			Good: 2, Oldest: at(1), Failed: began(6, "Failed", "why")}},
		"gone":          {nights{"Completed/Completed", "/Completed"}, facts.Series{Newest: point(1), Good: 1, Oldest: at(1)}},
		"being removed": {nights{"Completed/Completed", "Deleting/Completed"}, facts.Series{Newest: point(1), Good: 1, Oldest: at(1)}},
	} {
		t.Run(name, func(t *testing.T) {
			var backups, volumes []string
			for i, both := range tt.nights {
				phase, ofVolume, _ := strings.Cut(both, "/")
				_, when := night(i + 1)
				if phase != "" {
					backups = append(backups, veleroBackupOf(fmt.Sprint("n", i+1), phase, when))
				}
				volumes = append(volumes, podVolumeBackup(fmt.Sprint("n", i+1), ofVolume, when))
			}
			tt.want.System, tt.want.Namespace, tt.want.Claim = facts.SystemVeleroFile, "hub", "claim-ann--lab"
			want := []facts.Series{tt.want}
			for range 2 {
				k := read(t, map[string][]string{facts.VeleroBackups: backups, facts.VeleroVolumeBackups: volumes})
				if diff := cmp.Diff(want, k.Backups); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				slices.Reverse(volumes)
			}
		})
	}
}

// TestVeleroVolumeBackupTwice reads a backup in two versions, as of a dump with
// two files.
func TestVeleroVolumeBackupTwice(t *testing.T) {
	_, when := night(3)
	running, good, failed := podVolumeBackup("n3", "InProgress", when), podVolumeBackup("n3", "Completed", when), podVolumeBackup("n3", "Failed", when)
	for _, versions := range [][]string{{good, good}, {running, good}, {good, running}, {failed, running}, {running, failed}} {
		s := read(t, map[string][]string{facts.VeleroVolumeBackups: versions}).Backups[0]
		if s.Running != nil || s.Good+len(set(s.Failed)) != 1 {
			t.Errorf("%+v", s)
		}
	}
}

func set(a *facts.Attempt) []facts.Attempt {
	if a == nil {
		return nil
	}
	return []facts.Attempt{*a}
}

// TestVeleroClaimsOfVolumes finds out which claim a backup is of in all the ways
// that Velero has told it.
func TestVeleroClaimsOfVolumes(t *testing.T) {
	claims := `{"metadata":{"namespace":"hub","name":"by-uid","uid":"u1"}}`
	volume := `{"metadata":{"name":"pv-1"},"spec":{"csi":{"driver":"d","volumeHandle":"h1"},"claimRef":{"namespace":"hub","name":"by-handle"}}}`
	pvb := func(meta string) string {
		return `{"metadata":{"name":"x","creationTimestamp":` + atLater + meta + `},"spec":{"pod":{"namespace":"hub"}},"status":{"phase":"Completed"}}`
	}
	content := func(handle string) string {
		return `{"metadata":{"name":"c-` + handle + `","creationTimestamp":` + atLater + `,"labels":{"velero.io/backup-name":"b"}},"spec":{"driver":"d","source":{"volumeHandle":"` + handle + `"}},"status":{"readyToUse":true}}`
	}
	snapshot := `{"metadata":{"namespace":"hub","name":"velero-by-snapshot-1","creationTimestamp":` + atLater + `,"labels":{"velero.io/backup-name":"b"}},"spec":{"source":{"persistentVolumeClaimName":"by-snapshot"}},"status":{"readyToUse":true}}`
	k := read(t, map[string][]string{facts.KubeClaims: {claims}, facts.KubeVolumes: {volume}, facts.KubeSnapshots: {snapshot},
		facts.VeleroVolumeBackups:  {pvb(`,"annotations":{"velero.io/pvc-name":"by-name"},"labels":{"velero.io/pvc-uid":"u1"}`), pvb(`,"labels":{"velero.io/pvc-uid":"u1"}`), pvb(`,"labels":{"velero.io/pvc-uid":"gone"}`), pvb(``)},
		facts.KubeSnapshotContents: {content("h1"), content("h2"), content("")}})
	var got []string
	for _, s := range k.Backups {
		got = append(got, fmt.Sprintf("%s %s/%s%s %d", s.System, s.Namespace, s.Claim, s.Volume, s.Good))
	}
	want := []string{"velero-snap /h2 1", "velero-snap hub/by-handle 1", "velero-file hub/by-name 1", "velero-snap hub/by-snapshot 1", "velero-file hub/by-uid 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(k.Snapshots) != 0 || len(k.SnapshotContents) != 2 {
		t.Errorf("%d snapshots, %d contents", len(k.Snapshots), len(k.SnapshotContents))
	}
}

// TestVeleroSnapshotsThatAreMoved are not counted as left in the storage system.
func TestVeleroSnapshotsThatAreMoved(t *testing.T) {
	long := strings.Repeat("n", 70) // of which the label is cut short
	label := labelOf(long)
	snapshot := `{"metadata":{"namespace":"hub","name":"velero-c-1","creationTimestamp":` + atLater + `,"labels":{"velero.io/backup-name":"` + label + `"}},"spec":{"source":{"persistentVolumeClaimName":"c"}},"status":{"readyToUse":true}}`
	another := strings.NewReplacer(`"c"`, `"d"`, `"readyToUse":true`, `"readyToUse":false`, "velero-c-1", "velero-d-1").Replace(snapshot)
	broken := strings.NewReplacer(`"d"`, `"e"`, `"readyToUse":false`, `"error":{"message":"full"}`, "velero-d-1", "velero-e-1").Replace(another)
	for move, want := range map[string]int{"true": 0, "false": 3} {
		k := read(t, map[string][]string{facts.KubeSnapshots: {snapshot, another, broken},
			facts.VeleroBackups: {`{"metadata":{"namespace":"velero","name":"` + long + `"},"spec":{"snapshotMoveData":` + move + `},"status":{"phase":"Completed","expiration":` + atLater + `}}`}})
		if len(k.Backups) != want || want > 0 && (k.Backups[0].Newest.Set != long || !k.Backups[0].Newest.Expires.Equal(deleting) || k.Backups[1].Running == nil || k.Backups[2].Failed == nil) {
			t.Errorf("snapshotMoveData %s: %+v", move, k.Backups)
		}
	}
	if len(label) != 63 || label[:57] != long[:57] {
		t.Errorf("the label is %q", label)
	}
}

func TestVeleroScope(t *testing.T) {
	all := facts.VeleroScope{Claims: true}
	with := func(change func(*facts.VeleroScope)) facts.VeleroScope {
		s := all
		change(&s)
		return s
	}
	none := with(func(s *facts.VeleroScope) { s.Claims = false })
	files := with(func(s *facts.VeleroScope) { s.FileSystem = true })
	selected := with(func(s *facts.VeleroScope) { s.Selected = true })
	for spec, want := range map[string]facts.VeleroScope{
		`{}`: all,
		`{"includedNamespaces":["*"],"excludedNamespaces":["a"]}`:                  with(func(s *facts.VeleroScope) { s.Namespaces, s.Excluded = []string{"*"}, []string{"a"} }),
		`{"includedResources":["*"]}`:                                              all,
		`{"includedResources":["PVC","pv"]}`:                                       all,
		`{"includedResources":["persistentvolumeclaims"]}`:                         all,
		`{"includedResources":["deployments"]}`:                                    none,
		`{"includedNamespaceScopedResources":["secrets"]}`:                         none,
		`{"includedClusterScopedResources":["storageclasses"]}`:                    all,
		`{"excludedResources":["persistentvolumeclaims"]}`:                         none,
		`{"excludedNamespaceScopedResources":["*"]}`:                               none,
		`{"snapshotVolumes":false}`:                                                none,
		`{"snapshotVolumes":true}`:                                                 all,
		`{"snapshotVolumes":null,"labelSelector":null,"resourcePolicy":null}`:      all,
		`{"snapshotVolumes":false,"defaultVolumesToFsBackup":true}`:                files,
		`{"snapshotVolumes":false,"defaultVolumesToRestic":true}`:                  files,
		`{"includedResources":["pods"],"defaultVolumesToFsBackup":true}`:           files,
		`{"includedResources":["secrets"],"defaultVolumesToFsBackup":true}`:        with(func(s *facts.VeleroScope) { s.FileSystem, s.Claims = true, false }),
		`{"snapshotMoveData":true}`:                                                with(func(s *facts.VeleroScope) { s.MoveData = true }),
		`{"labelSelector":{"matchLabels":{"a":"b"}}}`:                              selected,
		`{"labelSelector":{"matchExpressions":[{"key":"a","operator":"Exists"}]}}`: selected,
		`{"labelSelector":{}}`:                                                     all,
		`{"orLabelSelectors":[{"matchLabels":{"a":"b"}}]}`:                         selected,
		`{"resourcePolicy":{"kind":"configmap","name":"p"}}`:                       selected,
	} {
		k := read(t, map[string][]string{facts.VeleroBackups: {`{"metadata":{"name":"b"},"spec":` + spec + `}`}, facts.VeleroSchedules: {`{"metadata":{"name":"s"},"spec":{"template":` + spec + `}}`}})
		if diff := cmp.Diff(want, k.Velero.Backups[0].Scope); diff != "" {
			t.Errorf("%s (-want +got):\n%s", spec, diff)
		}
		if diff := cmp.Diff(want, k.Velero.Schedules[0].Scope); diff != "" {
			t.Errorf("template %s (-want +got):\n%s", spec, diff)
		}
	}
	k := read(t, map[string][]string{facts.VeleroBackups: {`{"metadata":{"name":"b","annotations":{"velero.io/global-backup-volume-policy-configmap":"p"}}}`}})
	if b := k.Velero.Backups[0]; !b.Scope.Selected || b.Phase != "New" || !b.Running() {
		t.Errorf("%+v", b)
	}
}

func TestVeleroLocationURL(t *testing.T) {
	for spec, want := range map[string]string{
		`{"provider":"aws","objectStorage":{"bucket":"b"}}`:                                                         "s3://b",
		`{"provider":"velero.io/aws","objectStorage":{"bucket":"b","prefix":"/a/b/"}}`:                              "s3://b/a/b",
		`{"provider":"gcp","objectStorage":{"bucket":"b"}}`:                                                         "gs://b",
		`{"provider":"azure","objectStorage":{"bucket":"b"},"config":{"storageAccount":"acc","resourceGroup":"g"}}`: "azblob://b?storage_account=acc",
		`{"provider":"community.openstack.org/openstack","objectStorage":{"bucket":"b"}}`:                           "community.openstack.org/openstack://b",
		`{"provider":"aws","objectStorage":{"bucket":"b"},"config":{"s3Url":"http://minio.velero.svc:9000"}}`:       "s3://b?endpoint=http://minio.velero.svc:9000",
		`{"provider":"aws","objectStorage":{"bucket":"b"},"config":{"s3Url":"http://u:p/a@s@minio:9000"}}`:          "s3://b?endpoint=http://minio:9000",
		`{"provider":"aws","objectStorage":null,"config":{"s3ForcePathStyle":"true"}}`:                              "s3://",
	} {
		k := read(t, map[string][]string{facts.VeleroLocations: {`{"metadata":{"name":"l"},"spec":` + spec + `}`}})
		if got := k.Velero.Locations[0].URL; got != want {
			t.Errorf("%s: %s, want %s", spec, got, want)
		}
	}
}

func TestK8upSchedules(t *testing.T) {
	for spec, want := range map[string]facts.K8upSchedule{
		`"spec":{"check":{"schedule":"@weekly"}}`:        {},
		`"spec":{"backup":{"schedule":"@daily-random"}}`: {Cron: "@daily-random"},
		`"spec":{"backup":{"schedule":"0 1 * * *"}},"status":{"effectiveSchedules":[{"jobType":"backup","generatedSchedule":"9 9 * * *"}]}`: {Cron: "0 1 * * *"},
		`"spec":{"backup":{"schedule":"@hourly","labelSelectors":[{"matchLabels":{"a":"b"}}]}}`:                                             {Cron: "@hourly", Selected: true},
		`"spec":{"backend":{"s3":{"endpoint":"e"}},"backup":{"backend":{"s3":{"bucket":"b"}}}}`:                                             {URL: "s3:e/b"},
		`"spec":{"backend":{"s3":{"endpoint":"http://u:p@e","bucket":"b"}}}`:                                                                {URL: "s3:http://e/b"},
		`"spec":{"backend":{"s3":{"endpoint":"e","bucket":"b"}},"backup":{"backend":{"gcs":{"bucket":"g"}}}}`:                               {URL: "gs:g:/"},
		`"spec":{"backend":{"rest":{"url":"https://u:p@rest.example.org/r"}}}`:                                                              {URL: "rest:https://rest.example.org/r"},
		`"spec":{"backend":{"azure":{"container":"c"}}}`:                                                                                    {URL: "azure:c:/"},
		`"spec":{"backend":{"b2":{"bucket":"c","path":"p"}}}`:                                                                               {URL: "b2:c:p"},
		`"spec":{"backend":{"swift":{"container":"c","path":"p"}}}`:                                                                         {URL: "swift:c:p"},
		`"spec":{"backend":{"local":{"mountPath":"/mnt"}}}`:                                                                                 {URL: "/mnt"},
	} {
		k := read(t, map[string][]string{facts.K8upSchedules: {`{"metadata":{"namespace":"hub","name":"s"},` + spec + `}`}})
		want.Namespace, want.Name = "hub", "s"
		if diff := cmp.Diff([]facts.K8upSchedule{want}, k.K8up.Schedules); diff != "" {
			t.Errorf("%s (-want +got):\n%s", spec, diff)
		}
	}
}

func TestK8upSnapshots(t *testing.T) {
	snapshot := func(name, when, paths string) string {
		return `{"metadata":{"namespace":"hub","name":"` + name + `"},"spec":{"date":` + when + `,"paths":` + paths + `,"repository":"rest:https://u:p@e/r"}}`
	}
	_, one := night(1)
	_, two := night(2)
	k := read(t, map[string][]string{facts.K8upSnapshots: {snapshot("b", two, `["/data/c"]`), snapshot("a", one, `["/data/c"]`), snapshot("a", one, `["/data/c"]`),
		snapshot("x", two, `["/hub-postgres.sql"]`), snapshot("y", two, `[]`), snapshot("z", two, `null`), snapshot("w", `""`, `["/data/d"]`)}})
	first, _ := night(1)
	second, _ := night(2)
	want := []facts.Series{{System: facts.SystemK8up, Namespace: "hub", Claim: "c", Newest: facts.Point{Name: "b", Time: second, Target: "rest:https://e/r"},
		Previous: facts.Point{Name: "a", Time: first, Target: "rest:https://e/r"}, Good: 2, Oldest: first}}
	if diff := cmp.Diff(want, k.Backups); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestK8upBackups(t *testing.T) {
	const good, failed, runs, began = `{"type":"Completed","status":"True","reason":"Succeeded"}`, `{"type":"Completed","status":"True","reason":"Failed","message":"exit 1"}`,
		`{"type":"Progressing","status":"True","reason":"Started"}`, `{"type":"PreBackupPodReady","status":"Unknown","reason":"Waiting"}`
	const hook = `{"type":"PreBackupPodReady","status":"False","reason":"Failed","message":"no pod"}`
	at := func(n int) time.Time { when, _ := night(n); return when }
	for name, tt := range map[string]struct {
		conditions []string // of the Backup of the first, second … night
		want       facts.K8up
	}{
		"good":               {[]string{good, good}, facts.K8up{Succeeded: map[string]time.Time{"hub": at(2)}}},
		"failed":             {[]string{good, failed}, facts.K8up{Succeeded: map[string]time.Time{"hub": at(1)}, Failed: map[string]facts.Attempt{"hub": {Name: "b2", Since: at(2), Phase: "Failed", Error: "exit 1"}}}},
		"good since":         {[]string{failed, good}, facts.K8up{Succeeded: map[string]time.Time{"hub": at(2)}}},
		"its hook failed":    {[]string{hook}, facts.K8up{Failed: map[string]facts.Attempt{"hub": {Name: "b1", Since: at(1), Phase: "Failed", Error: "no pod"}}}},
		"hook and then good": {[]string{hook + "," + good}, facts.K8up{Failed: map[string]facts.Attempt{"hub": {Name: "b1", Since: at(1), Phase: "Failed", Error: "no pod"}}}},
		"runs":               {[]string{runs, runs}, facts.K8up{Running: map[string]facts.Attempt{"hub": {Name: "b1", Since: at(1), Phase: "Progressing"}}}},
		"waits":              {[]string{began}, facts.K8up{Running: map[string]facts.Attempt{"hub": {Name: "b1", Since: at(1), Phase: "New"}}}},
		"new":                {[]string{""}, facts.K8up{Running: map[string]facts.Attempt{"hub": {Name: "b1", Since: at(1), Phase: "New"}}}},
	} {
		var backups []string
		for i, conditions := range tt.conditions {
			_, when := night(i + 1)
			backups = append(backups, fmt.Sprintf(`{"metadata":{"namespace":"hub","name":"b%d","creationTimestamp":%s},"status":{"conditions":[%s]}}`, i+1, when, conditions))
		}
		if diff := cmp.Diff(tt.want, read(t, map[string][]string{facts.K8upBackups: backups}).K8up, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	old := read(t, map[string][]string{facts.K8upBackups: {`{"metadata":{"namespace":"hub","name":"b","creationTimestamp":` + atLater + `},"status":{"started":true,"finished":true}}`}})
	if len(old.K8up.Running)+len(old.K8up.Failed) != 0 {
		t.Errorf("one that ended before there were conditions: %+v", old.K8up)
	}
}

func snapshotOf(name, claim, status string) string {
	return `{"metadata":{"namespace":"hub","name":"` + name + `","creationTimestamp":` + atCreated + `},"spec":{"source":{"persistentVolumeClaimName":"` + claim + `"}},"status":{` + status + `}}`
}

func readyAt(n int) string {
	_, when := night(n)
	return `"readyToUse":true,"creationTime":` + when
}

// TestSnapshotsThatDecide are kept of each claim, whatever order all come in.
func TestSnapshotsThatDecide(t *testing.T) {
	all := []string{snapshotOf("a1", "a", readyAt(1)), snapshotOf("a2", "a", readyAt(2)), snapshotOf("a3", "a", readyAt(3)), snapshotOf("a4", "a", readyAt(4)),
		snapshotOf("a5", "a", `"error":{"message":"full"}`), snapshotOf("b1", "b", readyAt(1)), snapshotOf("c1", "c", ""), snapshotOf("c1", "c", readyAt(1)), snapshotOf("x", "", readyAt(1)), snapshotOf("y", "", readyAt(1))}
	waiting := func(source string) string {
		return `{"metadata":{"namespace":"hub","name":"to-` + source + `"},"spec":{"dataSource":{"kind":"VolumeSnapshot","name":"` + source + `"}},"status":{"phase":"Pending"}}`
	}
	claims := []string{waiting("a1"), waiting("a4"), waiting("none"), `{"metadata":{"namespace":"hub","name":"bound"},"spec":{"dataSource":{"kind":"VolumeSnapshot","name":"a2"}},"status":{"phase":"Bound"}}`}
	for range 2 {
		k := read(t, map[string][]string{facts.KubeSnapshots: all, facts.KubeClaims: claims})
		var got []string
		for _, s := range k.Snapshots {
			got = append(got, fmt.Sprintf("%s of %q %t", s.Name, s.Claim, s.Ready))
		}
		// Of a1 only the name is known: a claim waits for it.
		want := []string{`a1 of "" true`, `a3 of "a" true`, `a4 of "a" true`, `a5 of "a" false`, `b1 of "b" true`, `c1 of "c" true`, `x of "" true`, `y of "" true`}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		slices.Reverse(all)
	}
}

func TestContentsThatDecide(t *testing.T) {
	content := func(name, handle, policy string, day int) string {
		when, _ := night(day)
		return fmt.Sprintf(`{"metadata":{"name":%q},"spec":{"driver":"d","deletionPolicy":%q,"source":{"volumeHandle":%q}},"status":{"readyToUse":true,"creationTime":%d}}`, name, policy, handle, when.UnixNano())
	}
	all := []string{content("1", "h", "Delete", 1), content("3", "h", "Retain", 3), content("2", "h", "Delete", 2), content("3", "h", "Retain", 3), content("4", "g", "Delete", 1),
		`{"metadata":{"name":"new"},"spec":{"driver":"d","source":{"volumeHandle":"h"}}}`, `{"metadata":{"name":"old"},"spec":{"driver":"d","source":{"snapshotHandle":"s"}},"status":{"readyToUse":true}}`}
	for range 2 {
		var got []string
		for _, c := range read(t, map[string][]string{facts.KubeSnapshotContents: all}).SnapshotContents {
			got = append(got, c.Handle+" "+c.Name+" "+c.DeletionPolicy)
		}
		if diff := cmp.Diff([]string{"g 4 Delete", "h 3 Retain", "h 2 Delete"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		slices.Reverse(all)
	}
}

// TestFoldedListThatBreaksOff begins again with nothing of what it had.
func TestFoldedListThatBreaksOff(t *testing.T) {
	for _, path := range []string{"/apis/velero.io/v1/podvolumebackups", "/apis/velero.io/v2alpha1/datauploads", "/apis/k8up.io/v1/snapshots",
		"/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents", pathSnapshots} {
		api := healthy(t)
		whole := api.routes[path]
		other := strings.NewReplacer("claim-ann--lab", "other", "hub-db-dir", "other", "pvc-1", "other", "snap-1", "snap-2", "snapcontent-1", "snapcontent-2", "0123abcd", "other")
		first := httptest.NewRecorder()
		whole(first, nil)
		api.routes[path] = after(cut(mediaJSON, strings.TrimSuffix(other.Replace(first.Body.String()), "}")), whole)
		k, sources := api.start(t, Options{}).Read(t.Context())
		if diff := cmp.Diff(healthyFacts, k); diff != "" || api.times(path) != 2 {
			t.Errorf("%s, asked %d times (-want +got):\n%s", path, api.times(path), diff)
		}
		if diff := cmp.Diff(healthySources(), byName(sources)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

// TestBackupsThatCannotBeRead cost their source and leave the others as they are.
func TestBackupsThatCannotBeRead(t *testing.T) {
	api := healthy(t)
	api.routes["/apis/velero.io/v1/podvolumebackups"] = list("velero.io/v1", "PodVolumeBackup", podVolumeBackup("nightly-1", "Completed", atLater), `{"metadata":{"name":"odd"},"status":{"progress":{"totalBytes":[]}}}`)
	api.routes["/apis/velero.io/v1/backups"] = refuse(403, "Forbidden", "no")
	k, sources := api.start(t, Options{}).Read(t.Context())
	got := byName(sources)
	if s := got[facts.VeleroVolumeBackups]; s.Cause != facts.CauseUnreadable || !strings.Contains(s.Detail, `podvolumebackups.velero.io "odd"`) {
		t.Errorf("%+v", s)
	}
	if s := got[facts.VeleroBackups]; s.Cause != facts.CauseForbidden || !strings.Contains(s.Detail, `apiGroups: ["velero.io"], resources: ["backups"]`) {
		t.Errorf("%+v", s)
	}
	if diff := cmp.Diff(readBackups[:2], k.Backups); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
