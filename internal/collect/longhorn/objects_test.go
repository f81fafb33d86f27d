package longhorn

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/collect/kube"
	"hubaudit/internal/facts"
)

// put reads one object into fresh tables.
func put(t *testing.T, source, raw string) (facts.Longhorn, *kube.Resource) {
	t.Helper()
	tables := NewTables("longhorn-system")
	for _, r := range tables.Resources() {
		if r.Source == source {
			r.Put(0, []byte(raw))
			return tables.Facts(), r
		}
	}
	t.Fatalf("no source %s", source)
	return facts.Longhorn{}, nil
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

var (
	created = at("2026-02-03T04:05:06Z")
	later   = at("2026-11-20T11:00:00Z")
)

const metadata = `"metadata":{"name":"x","namespace":"longhorn-system","creationTimestamp":"2026-02-03T04:05:06Z","managedFields":[{"fieldsV1":{"f:spec":{}}}]}`

func TestVolumes(t *testing.T) {
	base := facts.LHVolume{Name: "x", Created: facts.At(created), DataEngine: "v1"}
	with := func(change func(v *facts.LHVolume)) facts.LHVolume {
		v := base
		change(&v)
		return v
	}
	for name, tt := range map[string]struct {
		raw  string
		want facts.LHVolume
	}{
		"bare":               {`{` + metadata + `}`, base},
		"null everywhere":    {`{` + metadata + `,"spec":null,"status":null}`, base},
		"engine of 1.5":      {`{` + metadata + `,"spec":{"backendStoreDriver":"v2"}}`, with(func(v *facts.LHVolume) { v.DataEngine = "v2" })},
		"engine since 1.6":   {`{` + metadata + `,"spec":{"dataEngine":"v2","backendStoreDriver":""}}`, with(func(v *facts.LHVolume) { v.DataEngine = "v2" })},
		"sharded":            {`{` + metadata + `,"spec":{"dataLayout":{"type":"sharded"}}}`, with(func(v *facts.LHVolume) { v.Sharded = true })},
		"node in status":     {`{` + metadata + `,"spec":{"nodeID":""},"status":{"currentNodeID":"n1"}}`, with(func(v *facts.LHVolume) { v.NodeID = "n1" })},
		"size as a number":   {`{` + metadata + `,"spec":{"size":1024}}`, with(func(v *facts.LHVolume) { v.SizeBytes = 1024 })},
		"image of 1.5":       {`{` + metadata + `,"spec":{"engineImage":"e:v1"}}`, with(func(v *facts.LHVolume) { v.Image = "e:v1" })},
		"image since 1.6":    {`{` + metadata + `,"spec":{"engineImage":"","image":"e:v2"},"status":{"currentImage":""}}`, with(func(v *facts.LHVolume) { v.Image = "e:v2" })},
		"image it runs":      {`{` + metadata + `,"spec":{"image":"e:v2"},"status":{"currentImage":"e:v1"}}`, with(func(v *facts.LHVolume) { v.Image = "e:v1" })},
		"rebuilding of 1.5":  {`{` + metadata + `,"spec":{"offlineReplicaRebuilding":"enabled"}}`, base}, // of the v2 engine alone
		"no tags":            {`{` + metadata + `,"spec":{"nodeSelector":[],"diskSelector":null}}`, base},
		"conditions as map":  {`{` + metadata + `,"status":{"conditions":{"scheduled":{"status":"True"}}}}`, base},
		"conditions as list": {`{` + metadata + `,"status":{"conditions":[{"type":"scheduled","status":"True"}]}}`, base},
		"junk for a time":    {`{` + metadata + `,"status":{"lastBackupAt":"never","lastDegradedAt":""}}`, base},
		"no labels":          {`{"metadata":{"name":"x","creationTimestamp":"2026-02-03T04:05:06Z","labels":null}}`, base},
		"labels of other kinds": {`{"metadata":{"name":"x","creationTimestamp":"2026-02-03T04:05:06Z","labels":{"recurring-job.longhorn.io/source":"enabled","recurring-job.longhorn.io/off":"disabled",
			"recurring-job-group.longhorn.io/b":true,"app":"x"}}}`, base},
		"everything": {`{"metadata":{"name":"x","creationTimestamp":"2026-02-03T04:05:06Z","deletionTimestamp":"2026-11-20T11:00:00Z",
			"labels":{"recurring-job-group.longhorn.io/homes":"enabled","recurring-job.longhorn.io/b":"enabled","recurring-job.longhorn.io/a":"enabled"}},
			"spec":{"backupTargetName":"second","size":"10737418240","numberOfReplicas":3,"dataEngine":"v1","dataLocality":"best-effort","Standby":true,"fromBackup":"s3://b","nodeID":"n1","lastAttachedBy":"csi",
			"image":"e:v2","offlineRebuilding":"ignored","nodeSelector":["storage"],"diskSelector":["ssd","big"]},
			"status":{"lastAutoSalvagedAt":"2026-11-20T11:00:00Z","state":"attached","robustness":"degraded","currentNodeID":"n1","restoreRequired":true,"actualSize":157286400,"lastBackupAt":"2026-11-20T11:00:00Z",
			"lastDegradedAt":"2026-11-20T12:00:00+01:00","cloneStatus":{"state":"initiated"},
			"kubernetesStatus":{"namespace":"hub","pvcName":"claim-ann","pvName":"pv-1","lastPVCRefAt":"2026-11-20T11:00:00Z","lastPodRefAt":"2026-11-20T11:00:00Z"}}}`,
			facts.LHVolume{Name: "x", Created: facts.At(created), Deleting: facts.At(later), State: "attached", Robustness: "degraded", WantReplicas: 3, DataEngine: "v1", DataLocality: "best-effort",
				Standby: true, FromBackup: "s3://b", Restoring: true, CloneState: "initiated", SizeBytes: 10 << 30, ActualBytes: 150 << 20, NodeID: "n1", LastAttachedBy: "csi",
				LastBackupAt: facts.At(later), LastDegradedAt: facts.At(later), ClaimNamespace: "hub", ClaimName: "claim-ann", VolumeName: "pv-1", LastClaimRefAt: facts.At(later), LastPodRefAt: facts.At(later),
				LastAutoSalvagedAt: facts.At(later), OfflineRebuilding: "ignored", Image: "e:v2", NodeSelector: []string{"storage"}, DiskSelector: []string{"ssd", "big"},
				Jobs: []string{"a", "b"}, JobGroups: []string{"homes"}, BackupTarget: "second"}},
	} {
		l, r := put(t, facts.LonghornVolumes, tt.raw)
		if diff := cmp.Diff([]facts.LHVolume{tt.want}, l.Volumes); diff != "" {
			t.Errorf("%s (-want +got):\n%s%v", name, diff, r.Err())
		}
	}
}

func TestReplicas(t *testing.T) {
	base := facts.LHReplica{Name: "x", Created: facts.At(created)}
	with := func(change func(r *facts.LHReplica)) facts.LHReplica {
		r := base
		change(&r)
		return r
	}
	evicted := with(func(r *facts.LHReplica) { r.EvictionRequested = true })
	for name, tt := range map[string]struct {
		raw  string
		want facts.LHReplica
	}{
		"bare":                {`{` + metadata + `}`, base},
		"eviction, until 1.9": {`{` + metadata + `,"status":{"evictionRequested":true}}`, evicted},
		"eviction, since 1.6": {`{` + metadata + `,"spec":{"evictionRequested":true},"status":{"evictionRequested":false}}`, evicted},
		"volume by label": {`{"metadata":{"name":"x","creationTimestamp":"2026-02-03T04:05:06Z","labels":{"longhornvolume":"v1"}}}`,
			with(func(r *facts.LHReplica) { r.Volume = "v1" })},
		"failed at no time":   {`{` + metadata + `,"spec":{"failedAt":"soon"}}`, with(func(r *facts.LHReplica) { r.FailedAt = facts.At(created) })},
		"failed, last known":  {`{` + metadata + `,"spec":{"failedAt":"soon","lastFailedAt":"2026-11-20T11:00:00Z"}}`, with(func(r *facts.LHReplica) { r.FailedAt, r.LastFailedAt = facts.At(later), facts.At(later) })},
		"failed, all unknown": {`{"metadata":{"name":"x"},"spec":{"failedAt":"soon"}}`, facts.LHReplica{Name: "x", FailedAt: facts.At(time.Unix(0, 0).UTC())}},
		"healthy at no time":  {`{` + metadata + `,"spec":{"healthyAt":"soon"}}`, base},
		"everything": {`{` + metadata + `,"spec":{"volumeName":"v1","nodeID":"n1","diskID":"d1","healthyAt":"2026-02-03T04:05:06Z","failedAt":"2026-11-20T11:00:00Z",
			"lastHealthyAt":"2026-02-03T04:05:06Z","lastFailedAt":"2026-11-20T11:00:00Z","active":true,"linkedCloneSrcReplicaName":"r0"},"status":{"currentState":"stopped"}}`,
			with(func(r *facts.LHReplica) {
				r.Volume, r.NodeID, r.DiskID, r.Active, r.State, r.LinkedCloneSource = "v1", "n1", "d1", true, "stopped", "r0"
				r.HealthyAt, r.LastHealthyAt, r.FailedAt, r.LastFailedAt = facts.At(created), facts.At(created), facts.At(later), facts.At(later)
			})},
	} {
		l, r := put(t, facts.LonghornReplicas, tt.raw)
		if diff := cmp.Diff([]facts.LHReplica{tt.want}, l.Replicas); diff != "" {
			t.Errorf("%s (-want +got):\n%s%v", name, diff, r.Err())
		}
	}
}

func TestSettings(t *testing.T) {
	for raw, want := range map[string]string{`"3"`: "3", `3`: "3", `"{\"v1\":\"3\",\"v2\":\"2\"}"`: `{"v1":"3","v2":"2"}`, `null`: "", `true`: "true"} {
		l, r := put(t, facts.LonghornSettings, `{"metadata":{"name":"current-longhorn-version"},"value":`+raw+`}`)
		if got := l.Settings["current-longhorn-version"]; got != want || l.Version != want {
			t.Errorf("%s gives %q, version %q: %v", raw, got, l.Version, r.Err())
		}
	}
}

func TestFieldsOfAnotherShape(t *testing.T) {
	for source, raw := range map[string]string{
		facts.LonghornVolumes:  `{"metadata":{"name":"x"},"spec":{"numberOfReplicas":"three"}}`,
		facts.LonghornReplicas: `{"metadata":{"name":"x"},"spec":{"failedAt":{}}}`,
		facts.LonghornNodes:    `{"metadata":{"name":"x"},"status":{"conditions":"Ready"}}`,
		facts.LonghornSettings: `{"metadata":{"name":"x"},"value":{}}`,

		facts.LonghornInstanceManagers: `{"metadata":{"name":"x"},"status":{"instanceEngines":[]}}`,
		facts.LonghornEngineImages:     `{"metadata":{"name":"x"},"status":{"nodeDeploymentMap":{"n":"perhaps"}}}`,
		facts.LonghornOrphans:          `{"metadata":{"name":"x"},"spec":{"parameters":["a"]}}`,
		facts.LonghornShardGroups:      `{"metadata":{"name":"x"},"spec":{"dataChunks":"two"}}`,
		facts.LonghornShards:           `{"metadata":{"name":"x"},"spec":{"nodeID":{}}}`,
		facts.LonghornEvents:           `{"metadata":{"name":"x"},"reason":{}}`,
	} {
		if _, r := put(t, source, raw); r.Len() != 0 || r.Err() == nil {
			t.Errorf("%s: %s was taken", source, raw)
		}
	}
}

func FuzzObjects(f *testing.F) {
	f.Add([]byte(`{` + metadata + `,"spec":{"failedAt":"x","disks":{"a":{}}},"status":{"conditions":{"Ready":{"status":"True"}},"diskStatus":{"b":{"conditions":[{"type":"Ready"}]}}}}`))
	f.Add([]byte(`{"metadata":{},"value":"3"}`))
	f.Add([]byte(`{"metadata":{"name":"m"},"spec":{"type":"engine","parameters":{"DataName":"v-0123abcd"}},"status":{"instances":{"e":{"status":{"type":"engine"}}},"instanceEngines":{"f":{}},"nodeDeploymentMap":{"n":false}}}`))
	f.Add([]byte(`{"metadata":{"name":"s"},"spec":{"dataChunks":2,"parityChunks":"1","slotIndex":0},"status":{"state":"normal","failedCount":1,"wibDirtyRegion":7}}`))
	f.Add([]byte(`{"metadata":{"name":"e"},"reason":"AutoSalvaged","involvedObject":{"kind":"Volume","name":"v"},"lastTimestamp":null,"eventTime":"2026-11-20T11:00:00.123456Z","series":{"count":2}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tables := NewTables("longhorn-system")
		for _, r := range tables.Resources() {
			ok := r.Put(0, raw)
			dropped := r.Source == facts.LonghornEvents && r.Len() == 0
			if ok != (r.Len() == 1) || !dropped && ok != (r.Err() == nil) {
				t.Errorf("%s: taken %v, length %d, error %v", r.Source, ok, r.Len(), r.Err())
			}
		}
		l := tables.Facts()
		for _, m := range l.InstanceManagers {
			if m.Engines > m.Instances || m.Engines < 0 {
				t.Errorf("%d engines among %d instances", m.Engines, m.Instances)
			}
		}
		for _, e := range l.Salvages {
			if e.At.Nanosecond() != 0 {
				t.Errorf("salvaged at %s", e.At)
			}
		}
	})
}
