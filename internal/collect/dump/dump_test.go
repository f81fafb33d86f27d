package dump

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/collect/kube"
	"hubaudit/internal/collect/nobody"
	"hubaudit/internal/facts"
)

// folder writes files and returns their folder. Names with .gz are packed.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".gz") {
			content = zipped(content)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	fmt.Fprint(w, s)
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

func manifest(api, kind, namespace, name, more string) string {
	return fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"namespace":%q,"name":%q}%s}`, api, kind, namespace, name, more)
}

func listOfAll(items ...string) string {
	return `{"apiVersion":"v1","items":[` + strings.Join(items, ",") + `],"kind":"List","metadata":{"resourceVersion":""}}`
}

var (
	claimA   = manifest("v1", "PersistentVolumeClaim", "hub", "a", `,"spec":{"volumeName":"pv-a"}`)
	claimB   = manifest("v1", "PersistentVolumeClaim", "hub", "b", "")
	pv       = manifest("v1", "PersistentVolume", "", "pv-a", "")
	node     = manifest("v1", "Node", "", "n", "")
	pod      = manifest("v1", "Pod", "hub", "p", "")
	class    = manifest("storage.k8s.io/v1", "StorageClass", "", "c", "")
	cron     = manifest("batch/v1", "CronJob", "hub", "c", "")
	job      = manifest("batch/v1", "Job", "hub", "j", "")
	snapshot = manifest("snapshot.storage.k8s.io/v1", "VolumeSnapshot", "hub", "s", "")
	lhVolume = manifest("longhorn.io/v1beta2", "Volume", "longhorn-system", "v", "")
	replica  = manifest("longhorn.io/v1beta2", "Replica", "longhorn-system", "r", "")
	lhNode   = manifest("longhorn.io/v1beta2", "Node", "longhorn-system", "n", "")
	setting  = manifest("longhorn.io/v1beta2", "Setting", "longhorn-system", "current-longhorn-version", `,"value":"v1.9.0"`)
	manager  = manifest("longhorn.io/v1beta2", "InstanceManager", "longhorn-system", "m", "")
	image    = manifest("longhorn.io/v1beta2", "EngineImage", "longhorn-system", "e", "")
	orphan   = manifest("longhorn.io/v1beta2", "Orphan", "longhorn-system", "o", "")
	group    = manifest("longhorn.io/v1beta2", "ShardGroup", "longhorn-system", "v", "")
	shard    = manifest("longhorn.io/v1beta2", "Shard", "longhorn-system", "s", "")
	salvage  = manifest("v1", "Event", "longhorn-system", "v.1", `,"reason":"AutoSalvaged","involvedObject":{"kind":"Volume","name":"v"}`)
	event    = manifest("v1", "Event", "longhorn-system", "v.2", `,"reason":"Degraded","involvedObject":{"kind":"Volume","name":"v"}`)
	another  = manifest("v1", "Event", "hub", "p.1", `,"reason":"AutoSalvaged","involvedObject":{"kind":"Volume","name":"other"}`)
	budget   = manifest("policy/v1", "PodDisruptionBudget", "longhorn-system", "m", "")
	pool     = manifest("ceph.rook.io/v1", "CephBlockPool", "rook-ceph", "p", "")
	files    = manifest("ceph.rook.io/v1", "CephFilesystem", "rook-ceph", "f", "")
	target   = manifest("longhorn.io/v1beta2", "BackupTarget", "longhorn-system", "default", "")
	stored   = manifest("longhorn.io/v1beta2", "BackupVolume", "longhorn-system", "v", "")
	backup   = manifest("longhorn.io/v1beta2", "Backup", "longhorn-system", "b", `,"status":{"state":"Completed","volumeName":"v","backupCreatedAt":"2026-11-20T02:30:00Z"}`)
	nightly  = manifest("longhorn.io/v1beta2", "RecurringJob", "longhorn-system", "nightly", "")
	secret   = manifest("v1", "Secret", "hub", "s", `,"data":{"a":"c2VjcmV0"}`)
)

func healthy() map[string]string {
	return map[string]string{
		"claims.json":           listOfAll(claimA, claimB),
		"rest.json":             listOfAll(pv, node, pod, class, cron, job, snapshot, secret, budget, pool, files),
		"longhorn/volumes.json": listOfAll(lhVolume, replica),
		"longhorn/rest.json":    listOfAll(lhNode, setting),
		"longhorn/more.json":    listOfAll(manager, image, orphan, group, shard, target, stored, backup, nightly),
		"others.json":           listOfAll(others()...),
		"events.json":           listOfAll(event, salvage, another),
		"notes.txt":             "{ not even read",
	}
}

// others are one object of each kind of which only the statuses are of interest
// here: those of backup systems that are not Longhorn's.
func others() (manifests []string) {
	for _, r := range kube.NewTables().Resources() {
		if system, _, _ := strings.Cut(r.Source, "/"); system == "velero" || system == "k8up" || r.Source == facts.KubeSnapshotContents {
			manifests = append(manifests, manifest(r.Group+"/"+r.Versions[0], r.Kind, "hub", "x", ""))
		}
	}
	return manifests
}

// brief lists a status for each source: its items, or why there are none.
func brief(sources []facts.Source) map[string]string {
	m := map[string]string{}
	for _, s := range sources {
		m[s.Name] = fmt.Sprintf("%s %s %d", s.Status, s.Cause, s.Total())
	}
	return m
}

func detail(sources []facts.Source, name string) string {
	i := slices.IndexFunc(sources, func(s facts.Source) bool { return s.Name == name })
	return sources[i].Detail
}

const (
	one  = "ok  1"
	none = "absent  0"
	lost = "failed missing 0"
	bad  = "failed unreadable 0"
)

func healthyStatus() map[string]string {
	m := each(one, kube.Sources()...)
	maps.Copy(m, map[string]string{facts.KubeClaims: "ok  2", facts.KubeVolumes: one, facts.KubeNodes: one, facts.KubePods: one, facts.KubeStorageClasses: one,
		facts.KubeCronJobs: one, facts.KubeJobs: one, facts.KubeSnapshots: one,
		facts.KubeDisruptionBudgets: one, facts.CephBlockPools: one, facts.CephFilesystems: one,
		facts.LonghornVolumes: one, facts.LonghornReplicas: one, facts.LonghornNodes: one, facts.LonghornSettings: one,
		facts.LonghornInstanceManagers: one, facts.LonghornEngineImages: one, facts.LonghornOrphans: one,
		facts.LonghornShardGroups: one, facts.LonghornShards: one, facts.LonghornEvents: one,
		facts.LonghornBackupTargets: one, facts.LonghornBackupVolumes: one, facts.LonghornBackups: one, facts.LonghornRecurringJobs: one})
	return m
}

// withLonghorn is a status for each of Longhorn's sources, and others for some.
func withLonghorn(status string, others map[string]string) map[string]string {
	m := map[string]string{}
	for name := range healthyStatus() {
		if strings.HasPrefix(name, "longhorn/") {
			m[name] = status
		}
	}
	maps.Copy(m, others)
	return m
}

// unknownThen are the sources of which no audit before 0.5 asked for a dump.
var unknownThen = []string{facts.LonghornInstanceManagers, facts.LonghornEngineImages, facts.LonghornOrphans, facts.LonghornShardGroups, facts.LonghornShards,
	facts.LonghornEvents, facts.KubeDisruptionBudgets, facts.LonghornBackupTargets, facts.LonghornBackupVolumes, facts.LonghornBackups, facts.LonghornRecurringJobs}

func each(status string, names ...string) map[string]string {
	m := map[string]string{}
	for _, name := range names {
		m[name] = status
	}
	return m
}

// TestDamage changes one thing in a healthy dump and compares all statuses.
func TestDamage(t *testing.T) {
	tests := []struct {
		name   string
		change func(files map[string]string)
		want   map[string]string // what differs from healthy
		says   map[string]string // a part of a source's detail
	}{
		{name: "healthy", change: func(map[string]string) {}},
		{name: "gzipped", change: func(f map[string]string) { f["claims.json.gz"] = f["claims.json"]; delete(f, "claims.json") }},
		{name: "gzipped under another name", change: func(f map[string]string) { f["claims.json"] = zipped(f["claims.json"]) }},
		{name: "no claims", change: func(f map[string]string) { f["claims.json"] = listOfAll() },
			want: map[string]string{facts.KubeClaims: lost}, says: map[string]string{facts.KubeClaims: "has no PersistentVolumeClaims: add `kubectl get persistentvolumeclaims -A -o yaml`"}},
		{name: "no optional kinds", change: func(f map[string]string) { f["rest.json"] = listOfAll(pv, node, pod) },
			want: each(none, facts.KubeStorageClasses, facts.KubeCronJobs, facts.KubeJobs, facts.KubeSnapshots, facts.KubeDisruptionBudgets,
				facts.CephBlockPools, facts.CephFilesystems)},
		{name: "made for an older audit", change: func(f map[string]string) {
			delete(f, "longhorn/more.json")
			delete(f, "events.json")
			f["rest.json"] = strings.ReplaceAll(f["rest.json"], "PodDisruptionBudget", "Other")
		}, want: each(none, unknownThen...), says: map[string]string{
			facts.LonghornEngineImages: "has no engineimages.longhorn.io; if the cluster has any, add `kubectl get engineimages.longhorn.io -A -o yaml`",
			facts.LonghornEvents:       "add `kubectl get events -A --field-selector reason=AutoSalvaged -o yaml` (or, if there are none, `kubectl get --raw '/api/v1/events?fieldSelector=reason%3DAutoSalvaged'`)",
		}},
		{name: "the same backup twice", change: func(f map[string]string) { f["more.json"] = listOfAll(backup) },
			want: each("ok  2", facts.LonghornBackups)},
		{name: "a backup of another shape", change: func(f map[string]string) {
			f["more.json"] = manifest("longhorn.io/v1beta2", "Backup", "longhorn-system", "c", `,"status":{"state":[]}`)
		}, want: each(bad, facts.LonghornBackups), says: map[string]string{facts.LonghornBackups: `1 of 2 objects have fields of an unknown form, the first is backups.longhorn.io "c"`}},
		{name: "only other events of Longhorn", change: func(f map[string]string) { f["events.json"] = listOfAll(event, another) },
			want: each("ok  0", facts.LonghornEvents)},
		{name: "only events of others", change: func(f map[string]string) { f["events.json"] = listOfAll(another) },
			want: each(none, facts.LonghornEvents)},
		{name: "the same event twice", change: func(f map[string]string) { f["events2.json"] = listOfAll(salvage, event, salvage) }},
		{name: "an event of another shape", change: func(f map[string]string) {
			f["events.json"] = listOfAll(salvage, manifest("v1", "Event", "longhorn-system", "x", `,"reason":{}`))
		}, want: each(bad, facts.LonghornEvents)},
		{name: "no Longhorn, but events", change: func(f map[string]string) {
			delete(f, "longhorn/volumes.json")
			delete(f, "longhorn/rest.json")
			delete(f, "longhorn/more.json")
		}, want: withLonghorn(none, nil), says: map[string]string{facts.LonghornEvents: "the dump has no Longhorn"}},
		{name: "Longhorn volumes alone", change: func(f map[string]string) {
			f["longhorn/volumes.json"] = listOfAll(lhVolume)
			delete(f, "longhorn/rest.json")
			delete(f, "longhorn/more.json")
		},
			want: withLonghorn(none, map[string]string{facts.LonghornVolumes: one, facts.LonghornEvents: one,
				facts.LonghornReplicas: lost, facts.LonghornNodes: lost, facts.LonghornSettings: lost}),
			says: map[string]string{facts.LonghornReplicas: "has volumes.longhorn.io and no replicas.longhorn.io: add `kubectl get replicas.longhorn.io -A -o yaml` (or, if there are none, `kubectl get --raw /apis/longhorn.io/v1beta2/replicas`)"}},
		{name: "a typed list without replicas", change: func(f map[string]string) {
			f["longhorn/volumes.json"] = listOfAll(lhVolume)
			f["r.json"] = `{"apiVersion":"longhorn.io/v1beta2","items":[],"kind":"ReplicaList","metadata":{}}`
		}, want: map[string]string{facts.LonghornReplicas: "ok  0"}},
		{name: "Longhorn in another namespace", change: func(f map[string]string) {
			for name := range f {
				f[name] = strings.ReplaceAll(f[name], "longhorn-system", "storage")
			}
		}, want: withLonghorn(lost, nil),
			says: map[string]string{facts.LonghornVolumes: "namespace storage has: set longhorn.namespace", facts.LonghornEvents: "namespace storage has"}},
		{name: "a typed list whose kind comes last", change: func(f map[string]string) {
			f["claims.json"] = `{"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}],"apiVersion":"v1","kind":"PersistentVolumeClaimList"}`
		}},
		{name: "a typed list whose kind comes first", change: func(f map[string]string) {
			f["claims.json"] = `{"kind":"PersistentVolumeClaimList","apiVersion":"v1","items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]}`
		}},
		{name: "one page of a list", change: func(f map[string]string) {
			f["claims.json"] = `{"kind":"PersistentVolumeClaimList","apiVersion":"v1","metadata":{"continue":"abc"},"items":[{"metadata":{"name":"a"}}]}`
		}, want: map[string]string{facts.KubeClaims: bad}, says: map[string]string{facts.KubeClaims: "continue token"}},
		{name: "single objects, lists in lists, arrays", change: func(f map[string]string) {
			f["claims.json"] = claimA + "\n" + "[" + listOfAll(listOfAll(claimB)) + ",7,null]"
		}},
		{name: "the same twice", change: func(f map[string]string) { f["again.json"] = f["claims.json"]; f["z.json"] = f["longhorn/rest.json"] }},
		{name: "cut in an object", change: func(f map[string]string) { f["claims.json"] = f["claims.json"][:len(claimA)+60] },
			want: map[string]string{facts.KubeClaims: bad}, says: map[string]string{facts.KubeClaims: "claims.json: line 1: jsontext: unexpected EOF"}},
		{name: "cut in an object, line 3", change: func(f map[string]string) { f["claims.json"] = "\n\n" + listOfAll(claimA)[:len(claimA)+31] },
			want: map[string]string{facts.KubeClaims: bad}, says: map[string]string{facts.KubeClaims: "claims.json: line 3: jsontext: unexpected EOF"}},
		{name: "gzip cut", change: func(f map[string]string) { z := zipped(f["claims.json"]); f["claims.json"] = z[:len(z)-6] },
			want: map[string]string{facts.KubeClaims: bad}, says: map[string]string{facts.KubeClaims: "unexpected EOF"}},
		{name: "a broken file besides", change: func(f map[string]string) { f["broken.yaml"] = "a: [" }},
		{name: "a broken file, and claims missing", change: func(f map[string]string) { f["claims.json"] = "{nonsense" },
			want: map[string]string{facts.KubeClaims: bad}, says: map[string]string{facts.KubeClaims: "a broken file that may have had them: mend or remove it"}},
		{name: "a broken file, and Longhorn missing", change: func(f map[string]string) {
			f["longhorn/volumes.json"], f["longhorn/rest.json"] = "{nonsense", "[1,"
			delete(f, "longhorn/more.json")
		}, want: withLonghorn(bad, nil),
			says: map[string]string{facts.LonghornVolumes: "and 1 more files"}},
		{name: "a field of another shape", change: func(f map[string]string) {
			f["claims.json"] = listOfAll(claimA, manifest("v1", "PersistentVolumeClaim", "hub", "b", `,"spec":7`))
		}, want: map[string]string{facts.KubeClaims: bad}, says: map[string]string{facts.KubeClaims: `1 of 2 objects have fields of an unknown form, the first is persistentvolumeclaims "b"`}},
		{name: "metadata of another shape", change: func(f map[string]string) {
			f["claims.json"] = listOfAll(claimA, `{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":[]}`)
		}, want: map[string]string{facts.KubeClaims: bad}},
		{name: "files of other programs", change: func(f map[string]string) {
			f["values.yaml"] = "items:\n- a\n- b\nkind: {a: b}\n"
			f["a.json"], f["b.json"], f["c.json"] = `{"metadata":[],"kind":"Deployment"}`, `[1,"x"]`, `"x"`
			f["list.yaml"], f["comment.yaml"], f["empty.yaml"] = "- a\n- b: c\n", "# nothing\n", ""
		}},
		{name: "a cut YAML list", change: func(f map[string]string) {
			delete(f, "claims.json")
			f["claims.yaml"] = "apiVersion: v1\nitems:\n- apiVersion: v1\n  kind: PersistentVolumeClaim\n  metadata:\n    name: a\n"
		}, want: map[string]string{facts.KubeClaims: bad}, says: map[string]string{facts.KubeClaims: "seems to break off"}},
		{name: "no Namespaced kinds of another group", change: func(f map[string]string) {
			f["z.json"] = manifest("example.org/v1", "PersistentVolumeClaim", "hub", "z", "") + manifest("metrics.k8s.io/v1", "Node", "", "z", "")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := healthy()
			tt.change(files)
			_, _, sources := Read(t.Context(), folder(t, files), "longhorn-system")
			want := healthyStatus()
			maps.Copy(want, tt.want)
			if diff := cmp.Diff(want, brief(sources)); diff != "" {
				t.Errorf("statuses (-want +got):\n%s%s", diff, detail(sources, facts.KubeClaims))
			}
			for name, part := range tt.says {
				if got := detail(sources, name); !strings.Contains(got, part) || strings.Contains(got, "\n") {
					t.Errorf("%s says %q, want one line with %q", name, got, part)
				}
			}
		})
	}
}

// openToAll lets everybody into a folder of a test, which testing keeps private.
func openToAll(t *testing.T, dir string) string {
	t.Helper()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestWholeDumpFails(t *testing.T) {
	private := folder(t, map[string]string{"sub/claims.json": listOfAll(claimA)})
	openToAll(t, private)
	if err := os.Chmod(filepath.Join(private, "sub"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(private, "sub"), 0o755) })
	ended, end := context.WithCancel(t.Context())
	end()
	for name, tt := range map[string]struct {
		ctx  context.Context
		path string
		want string
	}{
		"no such folder": {t.Context(), filepath.Join(openToAll(t, t.TempDir()), "none"), lost},
		"empty folder":   {t.Context(), openToAll(t, t.TempDir()), lost},
		"private folder": {t.Context(), private, "failed forbidden 0"},
		"too late":       {ended, openToAll(t, folder(t, healthy())), "failed timeout 0"},
	} {
		var k facts.Kube
		var l facts.Longhorn
		var sources []facts.Source
		nobody.Do(t, func() { k, l, sources = Read(tt.ctx, tt.path, "longhorn-system") })
		for source, status := range brief(sources) {
			if status != tt.want {
				t.Errorf("%s: %s is %q, want %q", name, source, status, tt.want)
			}
		}
		if len(sources) != len(healthyStatus()) || len(k.Claims) != 0 || len(l.Volumes) != 0 {
			t.Errorf("%s: %d sources, facts %+v", name, len(sources), k)
		}
	}
}

func TestNewestWins(t *testing.T) {
	version := func(rv, pv string) string {
		return fmt.Sprintf(`{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"namespace":"hub","name":"a","resourceVersion":%q},"spec":{"volumeName":%q}}`, rv, pv)
	}
	for _, tt := range []struct{ first, second, want string }{
		{version("9", "old"), version("10", "new"), "new"},
		{version("10", "new"), version("9", "old"), "new"},
		{version("10", "first"), version("10", "second"), "second"},
		{version("", "first"), version("", "second"), "second"},
		{version("x", "first"), version("9", "second"), "second"},
		{version("00012", "new"), version("9", "old"), "new"},
	} {
		k, _, sources := Read(t.Context(), folder(t, map[string]string{"1.json": tt.first, "2.json": tt.second}), "")
		if len(k.Claims) != 1 || k.Claims[0].VolumeName != tt.want {
			t.Errorf("%s then %s gives %+v (%s)", tt.first, tt.second, k.Claims, detail(sources, facts.KubeClaims))
		}
	}
}

func TestLinks(t *testing.T) {
	dir, links := folder(t, healthy()), t.TempDir()
	for link, target := range map[string]string{"folder": dir, "files/claims.json": filepath.Join(dir, "claims.json"), "broken/x.json": filepath.Join(dir, "none")} {
		link = filepath.Join(links, link)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{"folder": "ok  2", "files": "ok  2", "broken": bad} {
		_, _, sources := Read(t.Context(), filepath.Join(links, path), "longhorn-system")
		if got := brief(sources)[facts.KubeClaims]; got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestVersion(t *testing.T) {
	dir := folder(t, map[string]string{"version.yaml": "clientVersion:\n  gitVersion: v1.30.0\nserverVersion:\n  gitVersion: v1.36.3\n"})
	if k, _, _ := Read(t.Context(), dir, ""); k.Version != "v1.36.3" {
		t.Errorf("got %q", k.Version)
	}
}

func TestBounds(t *testing.T) {
	huge := strings.Repeat("x", maxObject+1<<20)
	for name, content := range map[string]string{
		"a long string.json": `{"a":"` + huge + `"}`,
		"a long line.yaml":   "a: " + huge,
		"many lines.yaml":    strings.Repeat("# "+huge[:1000]+"\n", maxObject/1000+1),
		"a long item.yaml":   "items:\n- a:\n" + strings.Repeat("  - "+huge[:1000]+"\n", maxObject/1000+1),
		"packed.json.gz":     `{"a":"` + huge + `"}`,
	} {
		_, _, sources := Read(t.Context(), folder(t, map[string]string{name: content}), "")
		if got := detail(sources, facts.KubeClaims); !strings.Contains(got, "larger than 16 MiB") && !strings.Contains(got, "too long") {
			t.Errorf("%s: got %q", name, got)
		}
	}
	many := "[" + strings.Repeat(claimB+",\n", maxObject*5/4/len(claimB)) + claimA + "]"
	k, _, sources := Read(t.Context(), folder(t, map[string]string{"many.json": many}), "")
	if len(k.Claims) != 2 {
		t.Errorf("many small objects: %d claims, %s", len(k.Claims), detail(sources, facts.KubeClaims))
	}
}
