package longhorn

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
)

func TestNodes(t *testing.T) {
	want := facts.LHNode{Name: "x", Created: created, Ready: "False", ReadyReason: "ManagerPodDown", ReadySince: later, AllowScheduling: true, EvictionRequested: true,
		AutoEvicting: true, Zone: "zone-1", Tags: []string{"big", "storage"}, Disks: []facts.LHDisk{
			{Name: "gone", UUID: "u2", Path: "/old", Type: "block", Ready: "True"},
			{Name: "main", UUID: "u1", Path: "/var/lib/longhorn/", Type: "filesystem", Ready: "False", ReadyReason: "DiskFilesystemChanged", ReadySince: created, Schedulable: "True",
				AllowScheduling: true, EvictionRequested: true, Tags: []string{"a", "ssd"}, MaximumBytes: 1000, AvailableBytes: 600, ScheduledBytes: 400, ReservedBytes: 100},
			{Name: "new", Path: "/new", AllowScheduling: true}}}
	const spec = `"spec":{"allowScheduling":true,"evictionRequested":true,"tags":["storage","big"],"disks":{
		"new":{"path":"/new","allowScheduling":true,"tags":[]},"main":{"path":"/var/lib/longhorn/","diskType":"filesystem","allowScheduling":true,"evictionRequested":true,
		"tags":["ssd","a"],"storageReserved":100}}}`
	const sizes = `"storageMaximum":1000,"storageAvailable":"600","storageScheduled":400`
	for version, raw := range map[string]string{
		"v1beta2": `{` + metadata + `,` + spec + `,"status":{"zone":"zone-1","autoEvicting":true,"conditions":[{"type":"Schedulable","status":"True"},
			{"type":"Ready","status":"False","reason":"ManagerPodDown","lastTransitionTime":"2026-11-20T11:00:00Z"}],
			"diskStatus":{"main":{"diskUUID":"u1",` + sizes + `,"conditions":[{"type":"Ready","status":"False","reason":"DiskFilesystemChanged","lastTransitionTime":"2026-02-03T04:05:06Z"},
			{"type":"Schedulable","status":"True","lastTransitionTime":""}]},
			"gone":{"diskUUID":"u2","diskPath":"/old","diskType":"block","conditions":[{"type":"Ready","status":"True"}]}}}}`,
		"v1beta1": `{` + metadata + `,` + spec + `,"status":{"zone":"zone-1","autoEvicting":true,"conditions":{"Schedulable":{"status":"True"},
			"Ready":{"type":"Ready","status":"False","reason":"ManagerPodDown","lastTransitionTime":"2026-11-20T11:00:00Z"}},
			"diskStatus":{"main":{"diskUUID":"u1",` + sizes + `,"conditions":{"Ready":{"status":"False","reason":"DiskFilesystemChanged","lastTransitionTime":"2026-02-03T04:05:06Z"},
			"Schedulable":{"status":"True"}}},
			"gone":{"diskUUID":"u2","diskPath":"/old","diskType":"block","conditions":{"Ready":{"status":"True"}}}}}}`,
	} {
		l, r := put(t, facts.LonghornNodes, raw)
		if diff := cmp.Diff([]facts.LHNode{want}, l.Nodes); diff != "" {
			t.Errorf("%s (-want +got):\n%s%v", version, diff, r.Err())
		}
	}
	for _, raw := range []string{`{` + metadata + `}`, `{` + metadata + `,"status":{"conditions":null,"diskStatus":null}}`, `{` + metadata + `,"status":{"conditions":[]}}`, `{` + metadata + `,"status":{"conditions":{}}}`} {
		l, r := put(t, facts.LonghornNodes, raw)
		if diff := cmp.Diff([]facts.LHNode{{Name: "x", Created: created}}, l.Nodes); diff != "" {
			t.Errorf("%s (-want +got):\n%s%v", raw, diff, r.Err())
		}
	}
}

func TestInstanceManagers(t *testing.T) {
	base := facts.LHInstanceManager{Name: "x", NodeID: "n1", Type: "aio", DataEngine: "v1", State: "running"}
	with := func(change func(m *facts.LHInstanceManager)) facts.LHInstanceManager {
		m := base
		change(&m)
		return m
	}
	of := func(kind, status string) string {
		return `{` + metadata + `,"spec":{"nodeID":"n1","type":"` + kind + `"},"status":{"currentState":"running"` + status + `}}`
	}
	const mixed = `,"instances":{"e":{"spec":{"name":"e"},"status":{"type":"engine","state":"running"}},"r":{"status":{"type":"replica"}},"s":{"status":{"type":"replica"}}}`
	for name, tt := range map[string]struct {
		raw  string
		want facts.LHInstanceManager
	}{
		"empty": {of("aio", ""), base},
		"null":  {of("aio", `,"instances":null,"instanceEngines":null,"instanceReplicas":null`), base},
		"v2": {`{` + metadata + `,"spec":{"nodeID":"n1","type":"aio","dataEngine":"v2"},"status":{"currentState":"unknown"}}`,
			with(func(m *facts.LHInstanceManager) { m.DataEngine, m.State = "v2", "unknown" })},
		"since 1.5": {of("aio", `,"instanceEngines":{"e":{}},"instanceReplicas":{"r":{"spec":{"name":"r"}},"s":{}}`),
			with(func(m *facts.LHInstanceManager) { m.Engines, m.Instances = 1, 3 })},
		"both while upgrading": {of("aio", `,"instanceEngines":{"e":{},"f":{}},"instanceReplicas":{"r":{}}`+mixed),
			with(func(m *facts.LHInstanceManager) { m.Engines, m.Instances = 2, 4 })},
		"one of engines, before": {of("engine", `,"instances":{"e":{},"f":{"status":{"type":"engine"}}}`),
			with(func(m *facts.LHInstanceManager) { m.Type, m.Engines, m.Instances = "engine", 2, 2 })},
		"one of replicas, before": {of("replica", `,"instances":{"r":{"status":{"type":""}}}`),
			with(func(m *facts.LHInstanceManager) { m.Type, m.Instances = "replica", 1 })},
	} {
		l, r := put(t, facts.LonghornInstanceManagers, tt.raw)
		if diff := cmp.Diff([]facts.LHInstanceManager{tt.want}, l.InstanceManagers); diff != "" {
			t.Errorf("%s (-want +got):\n%s%v", name, diff, r.Err())
		}
	}
}

func TestEngineImages(t *testing.T) {
	for name, tt := range map[string]struct {
		raw  string
		want facts.LHEngineImage
	}{
		"bare": {`{` + metadata + `}`, facts.LHEngineImage{Name: "x"}},
		"of 1.2": {`{` + metadata + `,"spec":{"image":"e:v1"},"status":{"state":"incompatible","refCount":7,"nodeDeploymentMap":{"b":false,"c":true,"a":false},
			"conditions":{"ready":{"status":"False","lastTransitionTime":"2026-11-20T11:00:00Z"}}}}`,
			facts.LHEngineImage{Name: "x", Image: "e:v1", State: "incompatible", Incompatible: true, Refs: 7, Missing: []string{"a", "b"}, Since: later}},
		"since 1.6": {`{` + metadata + `,"spec":{"image":"e:v1"},"status":{"state":"deployed","incompatible":true,"nodeDeploymentMap":null,
			"conditions":[{"type":"ready","status":"True","lastTransitionTime":"2026-02-03T04:05:06Z"}]}}`,
			facts.LHEngineImage{Name: "x", Image: "e:v1", State: "deployed", Incompatible: true, Since: created}},
	} {
		l, r := put(t, facts.LonghornEngineImages, tt.raw)
		if diff := cmp.Diff([]facts.LHEngineImage{tt.want}, l.EngineImages); diff != "" {
			t.Errorf("%s (-want +got):\n%s%v", name, diff, r.Err())
		}
	}
}

func TestOrphans(t *testing.T) {
	l, r := put(t, facts.LonghornOrphans, `{"metadata":{"name":"x","creationTimestamp":"2026-02-03T04:05:06Z","deletionTimestamp":"2026-11-20T11:00:00Z"},
		"spec":{"nodeID":"n1","orphanType":"replica","parameters":{"DataName":"pvc-1-0123abcd","DiskName":"main","DiskPath":"/var/lib/longhorn/","DiskUUID":"u1","DiskType":"filesystem"}}}`)
	want := facts.LHOrphan{Name: "x", Created: created, Deleting: later, Type: "replica", NodeID: "n1", DataName: "pvc-1-0123abcd", DiskName: "main", DiskUUID: "u1", DiskPath: "/var/lib/longhorn/"}
	if diff := cmp.Diff([]facts.LHOrphan{want}, l.Orphans); diff != "" || want.Volume() != "pvc-1" {
		t.Errorf("(-want +got):\n%s%v", diff, r.Err())
	}
	l, r = put(t, facts.LonghornOrphans, `{`+metadata+`,"spec":{"nodeID":"n1","orphanType":"engine-instance","parameters":{"InstanceName":"e","InstanceManager":"m"}}}`)
	if diff := cmp.Diff([]facts.LHOrphan{{Name: "x", Created: created, Type: "engine-instance", NodeID: "n1"}}, l.Orphans); diff != "" {
		t.Errorf("an instance (-want +got):\n%s%v", diff, r.Err())
	}
}

func TestShards(t *testing.T) {
	for raw, want := range map[string]facts.LHShardGroup{
		`{"metadata":{"name":"v"},"spec":{"volumeName":"v","dataChunks":4,"parityChunks":2},"status":{"state":"degraded","failedCount":2,"wibDirtyRegion":9}}`: {
			Name: "v", DataChunks: 4, ParityChunks: 2, State: "degraded", Failed: 2, DirtyRegion: true},
		`{"metadata":{"name":"v"},"spec":{"dataChunks":2,"parityChunks":1},"status":{"state":"","wibDirtyRegion":0}}`: {Name: "v", DataChunks: 2, ParityChunks: 1},
	} {
		l, r := put(t, facts.LonghornShardGroups, raw)
		if diff := cmp.Diff([]facts.LHShardGroup{want}, l.ShardGroups); diff != "" {
			t.Errorf("(-want +got):\n%s%v", diff, r.Err())
		}
	}
	l, r := put(t, facts.LonghornShards, `{"metadata":{"name":"s","deletionTimestamp":"2026-11-20T11:00:00Z"},"spec":{"shardGroupName":"v","slotIndex":3,"size":"1073741824","nodeID":"n1",
		"diskUUID":"u1","evictionRequested":true},"status":{"state":"replacing","role":"parity"}}`)
	want := facts.LHShard{Name: "s", Group: "v", Deleting: later, Slot: 3, NodeID: "n1", DiskID: "u1", EvictionRequested: true, State: "replacing"}
	if diff := cmp.Diff([]facts.LHShard{want}, l.Shards); diff != "" {
		t.Errorf("(-want +got):\n%s%v", diff, r.Err())
	}
}

func TestSalvages(t *testing.T) {
	const head = `"metadata":{"name":"v.1","creationTimestamp":"2026-02-03T04:05:06Z"},"involvedObject":{"kind":"Volume","name":"v"},`
	for name, tt := range map[string]struct {
		raw  string
		want []facts.LHSalvage
	}{
		"as Longhorn writes it":  {`{` + head + `"reason":"AutoSalvaged","firstTimestamp":"2026-02-03T04:05:06Z","lastTimestamp":"2026-11-20T11:00:00Z","eventTime":null,"count":3}`, []facts.LHSalvage{{Volume: "v", At: later}}},
		"of the newer interface": {`{` + head + `"reason":"AutoSalvaged","lastTimestamp":null,"eventTime":"2026-11-20T11:00:00.123456Z"}`, []facts.LHSalvage{{Volume: "v", At: later}}},
		"a series":               {`{` + head + `"reason":"AutoSalvaged","eventTime":"2026-02-03T04:05:06.5Z","series":{"count":2,"lastObservedTime":"2026-11-20T11:00:00.9Z"}}`, []facts.LHSalvage{{Volume: "v", At: later}}},
		"no time but its own":    {`{` + head + `"reason":"AutoSalvaged"}`, []facts.LHSalvage{{Volume: "v", At: created}}},
		"another reason":         {`{` + head + `"reason":"Degraded","lastTimestamp":"2026-11-20T11:00:00Z"}`, nil},
		"of something else":      {`{"metadata":{"name":"p"},"involvedObject":{"kind":"Pod","name":"v"},"reason":"AutoSalvaged"}`, nil},
	} {
		tables := NewTables("longhorn-system")
		for _, r := range tables.Resources() {
			switch r.Source {
			case facts.LonghornVolumes:
				r.Put(0, []byte(`{"metadata":{"name":"v"}}`)) // else there is no Longhorn
			case facts.LonghornEvents:
				if kept := r.Put(0, []byte(tt.raw)); kept != (tt.want != nil) || r.Err() != nil {
					t.Errorf("%s: kept %v, %v", name, kept, r.Err())
				}
			}
		}
		if diff := cmp.Diff(tt.want, tables.Facts().Salvages); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
