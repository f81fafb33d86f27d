package longhorn

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hubaudit/internal/collect/kube"
	"hubaudit/internal/facts"
)

// served answers paths with JSON; what is missing is not found, and an answer
// that begins with a number is that status.
type served map[string]string

func (s served) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := s[r.URL.Path]
	if selector := r.URL.Query().Get("fieldSelector"); (r.URL.Path == pathEvents) != (selector == "reason=AutoSalvaged") {
		http.Error(w, "the field selector is "+selector, http.StatusBadRequest)
		return
	}
	if !ok {
		http.Error(w, "404 page not found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	var code int
	if _, err := fmt.Sscanf(body, "%d", &code); err == nil {
		w.WriteHeader(code)
		body = fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":%d}`, code)
	}
	fmt.Fprint(w, body)
}

func connect(t *testing.T, s served) *kube.Client {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	config := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: %q}}]\n", server.URL)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", path)
	c, err := kube.Connect(kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func list(kind, version string, items ...string) string {
	return fmt.Sprintf(`{"apiVersion":"longhorn.io/%s","items":[%s],"kind":"%sList","metadata":{"continue":"","resourceVersion":"1"}}`, version, strings.Join(items, ","), kind)
}

func group(versions ...string) string {
	var list []string
	for _, v := range versions {
		list = append(list, fmt.Sprintf(`{"groupVersion":"longhorn.io/%s","version":"%s"}`, v, v))
	}
	return fmt.Sprintf(`{"kind":"APIGroupList","groups":[{"name":"longhorn.io","versions":[%s]}]}`, strings.Join(list, ","))
}

func resources(plurals ...string) string {
	var list []string
	for _, p := range plurals {
		list = append(list, fmt.Sprintf(`{"name":%q},{"name":%q}`, p, p+"/status"))
	}
	return fmt.Sprintf(`{"kind":"APIResourceList","resources":[%s]}`, strings.Join(list, ","))
}

// kinds are all that a Longhorn has always had, newer those that came later.
var (
	kinds = []string{"volumes", "replicas", "nodes", "settings", "instancemanagers", "engineimages", "backuptargets", "backupvolumes", "backups", "recurringjobs"}
	newer = []string{"orphans", "shardgroups", "shards"}
)

const pathEvents = "/api/v1/namespaces/longhorn-system/events"

// cluster has a Longhorn with one object of each kind, at one version.
func cluster(version string) served {
	path := "/apis/longhorn.io/" + version
	in := path + "/namespaces/longhorn-system/"
	return served{
		"/apis": group(version), path: resources(slices.Concat(kinds, newer)...),
		in + "volumes":  list("Volume", version, `{"metadata":{"name":"v"}}`),
		in + "replicas": list("Replica", version, `{"metadata":{"name":"b"}},{"metadata":{"name":"a"}}`),
		in + "nodes":    list("Node", version, `{"metadata":{"name":"n"}}`),
		in + "settings": list("Setting", version, `{"metadata":{"name":"current-longhorn-version"},"value":"v1.9.0"}`),

		in + "instancemanagers": list("InstanceManager", version, `{"metadata":{"name":"m"}}`),
		in + "engineimages":     list("EngineImage", version, `{"metadata":{"name":"e"}}`),
		in + "orphans":          list("Orphan", version, `{"metadata":{"name":"o"}}`),
		in + "shardgroups":      list("ShardGroup", version, `{"metadata":{"name":"v"}}`),
		in + "shards":           list("Shard", version, `{"metadata":{"name":"s"}}`),
		in + "backuptargets":    list("BackupTarget", version, `{"metadata":{"name":"default"}}`),
		in + "backupvolumes":    list("BackupVolume", version, `{"metadata":{"name":"v"},"status":{"lastBackupName":"gone"}}`),
		in + "backups": list("Backup", version, `{"metadata":{"name":"b-1"},"status":{"state":"Completed","volumeName":"v","backupCreatedAt":"2026-11-20T02:30:00Z"}}`,
			`{"metadata":{"name":"b-2"},"status":{"state":"Error","volumeName":"v"}}`),
		in + "recurringjobs": list("RecurringJob", version, `{"metadata":{"name":"nightly"}}`),
		pathEvents: `{"apiVersion":"v1","kind":"EventList","items":[
			{"metadata":{"name":"1"},"reason":"AutoSalvaged","involvedObject":{"kind":"Volume","name":"v"}}]}`,
	}
}

func statuses(sources []facts.Source) map[string]facts.Source {
	m := map[string]facts.Source{}
	for _, s := range sources {
		m[s.Name] = s
	}
	return m
}

func TestReadBothVersions(t *testing.T) {
	both := cluster("v1beta2")
	both["/apis"] = group("v1beta1", "v1beta2")
	both["/apis/longhorn.io/v1beta1"] = resources(kinds...)
	for name, s := range map[string]served{"v1beta2": cluster("v1beta2"), "v1beta1": cluster("v1beta1"), "both": both} {
		l, sources := Read(t.Context(), connect(t, s), "longhorn-system")
		if l.Namespace != "longhorn-system" || l.Version != "v1.9.0" || len(l.Volumes) != 1 || len(l.Nodes) != 1 || len(l.Replicas) != 2 || l.Replicas[0].Name != "a" ||
			len(l.InstanceManagers) != 1 || len(l.EngineImages) != 1 || len(l.Orphans) != 1 || len(l.ShardGroups) != 1 || len(l.Shards) != 1 || len(l.Salvages) != 1 ||
			len(l.BackupTargets) != 1 || len(l.BackupVolumes) != 1 || len(l.Backups) != 1 || l.Backups[0].Good != 1 || len(l.RecurringJobs) != 1 {
			t.Errorf("%s: got %+v", name, l)
		}
		for _, source := range sources {
			if source.Status != facts.OK {
				t.Errorf("%s: %+v", name, source)
			}
		}
		if len(sources) != len(Sources()) {
			t.Errorf("%s: %d sources", name, len(sources))
		}
		if n := statuses(sources)[facts.LonghornBackups].Items["backups"]; n != 2 {
			t.Errorf("%s: %d backups were read, want both objects counted", name, n)
		}
	}
}

func TestReadTroubles(t *testing.T) {
	const path = "/apis/longhorn.io/v1beta2"
	empty := func(change func(s served)) served {
		s := cluster("v1beta2")
		for _, plural := range slices.Concat(kinds, newer) {
			s[path+"/namespaces/longhorn-system/"+plural] = list("Any", "v1beta2")
		}
		change(s)
		return s
	}
	with := func(change func(s served)) served {
		s := cluster("v1beta2")
		change(s)
		return s
	}
	type want struct {
		status facts.Status
		cause  facts.Cause
		detail string
	}
	ok := want{facts.OK, "", ""}
	all := func(w want) map[string]want {
		m := map[string]want{}
		for _, name := range Sources() {
			m[name] = w
		}
		return m
	}
	but := func(w want, names ...string) map[string]want {
		m := all(ok)
		for _, name := range names {
			m[name] = w
		}
		return m
	}
	for name, tt := range map[string]struct {
		s    served
		want map[string]want
	}{
		"no Longhorn":         {served{"/apis": `{"kind":"APIGroupList","groups":[]}`}, all(want{facts.Absent, "", "no Longhorn"})},
		"no API server":       {served{}, all(want{facts.Failed, facts.CauseMissing, "not one of a Kubernetes API server"})},
		"discovery forbidden": {served{"/apis": "403"}, all(want{facts.Failed, facts.CauseForbidden, "system:discovery"})},
		"backups forbidden": {with(func(s served) { s[path+"/namespaces/longhorn-system/backups"] = "403" }),
			but(want{facts.Failed, facts.CauseForbidden, `resources: ["backups"]`}, facts.LonghornBackups)},
		"a backup of an unknown form": {with(func(s served) {
			s[path+"/namespaces/longhorn-system/backups"] = list("Backup", "v1beta2", `{"metadata":{"name":"b"},"status":{"size":{}}}`)
		}), but(want{facts.Failed, facts.CauseUnreadable, `backups.longhorn.io "b"`}, facts.LonghornBackups)},
		"one list forbidden": {with(func(s served) { s[path+"/namespaces/longhorn-system/replicas"] = "403" }),
			but(want{facts.Failed, facts.CauseForbidden, `in namespace longhorn-system: give the auditor a role with the rule {apiGroups: ["longhorn.io"], resources: ["replicas"]`}, facts.LonghornReplicas)},
		"events forbidden": {with(func(s served) { s[pathEvents] = "403" }),
			but(want{facts.Failed, facts.CauseForbidden, `may not list events in namespace longhorn-system: give the auditor a role with the rule {apiGroups: [""], resources: ["events"]`}, facts.LonghornEvents)},
		"one kind not served": {with(func(s served) { s[path] = resources(slices.Concat(newer, kinds[:1], kinds[2:])...) }),
			but(want{facts.Failed, facts.CauseMissing, "has volumes.longhorn.io and not replicas.longhorn.io: Longhorn is half installed"}, facts.LonghornReplicas)},
		"no newer kind": {with(func(s served) { s[path] = resources(kinds...) }),
			but(want{facts.Absent, "", ".longhorn.io, which came with 1."}, facts.LonghornOrphans, facts.LonghornShardGroups, facts.LonghornShards)},
		"only other kinds served": {with(func(s served) { s[path] = resources("systembackups") }), all(want{facts.Absent, "", "no Longhorn"})},
		"an unknown version": {with(func(s served) {
			s["/apis"] = group("v2")
			s["/apis/longhorn.io/v2"] = resources(slices.Concat(kinds, newer)...)
		}), func() map[string]want {
			m := all(want{facts.Failed, facts.CauseUnreadable, "only as v2"})
			m[facts.LonghornEvents] = ok
			return m
		}()},
		"removed": {empty(func(s served) { s[path+"/settings"] = list("Setting", "v1beta2") }), all(want{facts.Absent, "", "no Longhorn in any namespace"})},
		"removed, of 1.2": {empty(func(s served) {
			s[path], s[path+"/settings"] = resources(kinds...), list("Setting", "v1beta2")
		}), all(want{facts.Absent, "", "no Longhorn in any namespace"})},
		"in another place": {empty(func(s served) {
			s[path+"/settings"] = list("Setting", "v1beta2", `{"metadata":{"name":"x","namespace":"storage"}}`)
		}), all(want{facts.Failed, facts.CauseMissing, "namespace storage has"})},
		"in another place, events forbidden": {empty(func(s served) {
			s[pathEvents] = "403"
			s[path+"/settings"] = list("Setting", "v1beta2", `{"metadata":{"name":"x","namespace":"storage"}}`)
		}), all(want{facts.Failed, facts.CauseMissing, "namespace storage has"})},
		"perhaps elsewhere":   {empty(func(s served) { s[path+"/settings"] = "403" }), all(want{facts.Failed, facts.CauseMissing, "check longhorn.namespace"})},
		"without volumes yet": {with(func(s served) { s[path+"/namespaces/longhorn-system/volumes"] = list("Volume", "v1beta2") }), all(ok)},
	} {
		t.Run(name, func(t *testing.T) {
			l, sources := Read(t.Context(), connect(t, tt.s), "longhorn-system")
			got := statuses(sources)
			if got[facts.LonghornVolumes].Status == facts.Absent && len(l.Salvages) > 0 {
				t.Errorf("events without a Longhorn: %v", l.Salvages)
			}
			for _, source := range Sources() {
				s, w := got[source], tt.want[source]
				if s.Status != w.status || s.Cause != w.cause || !strings.Contains(s.Detail, w.detail) {
					t.Errorf("%s: got %+v, want %+v", source, s, w)
				}
			}
		})
	}
}
