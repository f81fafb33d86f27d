// Package longhorn reads Longhorn's own records of volumes, replicas, nodes,
// settings, what runs and lies on its nodes, and backups, as Longhorn 1.2 to 1.12
// write them, and the events in which it took failed replicas into use again.
package longhorn

import (
	"context"
	"errors"
	"slices"
	"time"

	"hubaudit/internal/collect/kube"
	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// Group is Longhorn's API group.
const Group = "longhorn.io"

// versionSetting is the setting in which Longhorn keeps its own version.
const versionSetting = "current-longhorn-version"

// Tables are the lists of facts.Longhorn while they are being filled.
type Tables struct {
	longhorn  facts.Longhorn
	settings  []setting
	backups   backupFold
	resources []*kube.Resource
}

type setting struct{ name, value string }

// since tells which version of Longhorn brought a kind that older ones do
// without. A cluster has the others, or it has no Longhorn.
var since = map[string]string{facts.LonghornOrphans: "1.3", facts.LonghornShardGroups: "1.12.1", facts.LonghornShards: "1.12.1"}

// NewTables returns empty tables for the Longhorn in a namespace.
func NewTables(namespace string) *Tables {
	t := &Tables{longhorn: facts.Longhorn{Namespace: namespace}}
	l := &t.longhorn
	resource := func(source, kind, plural string) kube.Resource {
		return kube.Resource{Source: source, Item: plural, Group: Group, Versions: []string{"v1beta2", "v1beta1"}, Kind: kind, Plural: plural}
	}
	t.resources = []*kube.Resource{
		kube.Custom(resource(facts.LonghornVolumes, "Volume", "volumes"),
			&l.Volumes, volume, func(v *facts.LHVolume) (string, string) { return "", v.Name }),
		kube.Custom(resource(facts.LonghornReplicas, "Replica", "replicas"),
			&l.Replicas, replica, func(r *facts.LHReplica) (string, string) { return "", r.Name }),
		kube.Custom(resource(facts.LonghornNodes, "Node", "nodes"),
			&l.Nodes, node, func(n *facts.LHNode) (string, string) { return "", n.Name }),
		kube.Custom(resource(facts.LonghornSettings, "Setting", "settings"),
			&t.settings, toSetting, func(s *setting) (string, string) { return "", s.name }),
		kube.Custom(resource(facts.LonghornInstanceManagers, "InstanceManager", "instancemanagers"),
			&l.InstanceManagers, instanceManager, func(m *facts.LHInstanceManager) (string, string) { return "", m.Name }),
		kube.Custom(resource(facts.LonghornEngineImages, "EngineImage", "engineimages"),
			&l.EngineImages, engineImage, func(e *facts.LHEngineImage) (string, string) { return "", e.Name }),
		kube.Custom(resource(facts.LonghornOrphans, "Orphan", "orphans"),
			&l.Orphans, orphan, func(o *facts.LHOrphan) (string, string) { return "", o.Name }),
		kube.Custom(resource(facts.LonghornShardGroups, "ShardGroup", "shardgroups"),
			&l.ShardGroups, shardGroup, func(g *facts.LHShardGroup) (string, string) { return "", g.Name }),
		kube.Custom(resource(facts.LonghornShards, "Shard", "shards"),
			&l.Shards, shard, func(s *facts.LHShard) (string, string) { return "", s.Name }),
		kube.Custom(resource(facts.LonghornBackupTargets, "BackupTarget", "backuptargets"),
			&l.BackupTargets, backupTarget, func(t *facts.LHBackupTarget) (string, string) { return "", t.Name }),
		kube.Custom(resource(facts.LonghornBackupVolumes, "BackupVolume", "backupvolumes"),
			&l.BackupVolumes, backupVolume, func(v *facts.LHBackupVolume) (string, string) { return "", v.Name }),
		kube.Folded(resource(facts.LonghornBackups, "Backup", "backups"), t.backups.add, t.backups.reset),
		kube.Custom(resource(facts.LonghornRecurringJobs, "RecurringJob", "recurringjobs"),
			&l.RecurringJobs, recurringJob, func(j *facts.LHRecurringJob) (string, string) { return "", j.Name }),
		kube.CustomOnly(kube.Resource{Source: facts.LonghornEvents, Item: "events", Versions: []string{"v1"}, Kind: "Event", Plural: "events",
			FieldSelector: "reason=" + salvageReason}, isSalvage,
			&l.Salvages, salvage, func(s *facts.LHSalvage) (string, string) { return s.Volume, s.At.Format(time.RFC3339) }),
	}
	return t
}

// Resources are the kinds of objects that fill the tables.
func (t *Tables) Resources() []*kube.Resource { return t.resources }

// Len is the number of objects of all kinds that are Longhorn's own: events
// outlive what they are about.
func (t *Tables) Len() int {
	n := 0
	for _, r := range t.resources {
		if r.Group == Group {
			n += r.Len()
		}
	}
	return n
}

// Optional tells whether a Longhorn may well be without a source: as an older
// version is, or as a dump is that was made for what an older audit read.
func Optional(source string) bool {
	return !slices.Contains([]string{facts.LonghornVolumes, facts.LonghornReplicas, facts.LonghornNodes, facts.LonghornSettings}, source)
}

// Facts returns what the tables hold, sorted. Without any object it is the
// zero value: there is no Longhorn to speak of.
func (t *Tables) Facts() facts.Longhorn {
	if t.Len() == 0 {
		return facts.Longhorn{}
	}
	for _, r := range t.resources {
		r.Sort()
	}
	l := t.longhorn
	l.Settings = make(map[string]string, len(t.settings))
	for _, s := range t.settings {
		l.Settings[s.name] = s.value
	}
	l.Version = l.Settings[versionSetting]
	l.Backups = t.backups.facts()
	l.BackupVolumes = l.TellingBackupVolumes() // there is one for each home
	if len(l.BackupTargets) == 0 {
		l.BackupTargets = targetsOf(l.Settings)
	}
	return l
}

// Sources are the names of all sources that Read reads.
func Sources() []string { return kube.Names(NewTables("").Resources()) }

// Unreachable is the status of all sources when there is no client to read
// them with, because of err.
func Unreachable(err error) []facts.Source { return kube.AllFailed(NewTables("").Resources(), err) }

// Read reads the Longhorn of a namespace. Each list is a source of its own; of
// one that could not be read the facts hold nothing. All are absent where the
// cluster has no Longhorn.
func Read(ctx context.Context, c *kube.Client, namespace string) (facts.Longhorn, []facts.Source) {
	t := NewTables(namespace)
	served, err := c.Served(ctx, Group)
	if err != nil {
		return facts.Longhorn{}, kube.AllFailed(t.resources, err)
	}
	sources := c.ReadAll(ctx, namespace, t.resources, func(r *kube.Resource) (string, error) { return version(served, t.resources, r) })
	if t.Len() == 0 && noneFailed(t.resources, sources) {
		return facts.Longhorn{}, kube.AllFailed(t.resources, t.nothing(ctx, c, served))
	}
	return t.Facts(), sources
}

// version tells at which version a resource is served. Longhorn without one of
// the kinds that it always has is broken, not absent.
func version(served kube.Served, all []*kube.Resource, r *kube.Resource) (string, error) {
	installed := slices.IndexFunc(all, func(other *kube.Resource) bool {
		return other.Group == Group && len(served.Versions[other.Plural]) > 0
	})
	if installed < 0 {
		return "", source.Absent("the cluster has no Longhorn (API group %s)", Group)
	}
	if r.Group != Group {
		return r.Versions[0], nil
	}
	v, err := served.Version(r)
	if absent := (*source.AbsentError)(nil); !errors.As(err, &absent) {
		return v, err
	}
	if version, newer := since[r.Source]; newer {
		return "", source.Absent("this Longhorn has no %s, which came with %s", r.Name(), version)
	}
	return "", source.Failed(facts.CauseMissing, nil, "the cluster has %s and not %s: Longhorn is half installed or half removed; finish either", all[installed].Name(), r.Name())
}

// noneFailed tells whether Longhorn's own kinds were read, as far as this
// Longhorn has them.
func noneFailed(resources []*kube.Resource, sources []facts.Source) bool {
	for i, s := range sources {
		unread := s.Status == facts.Failed || s.Status == facts.Absent && !Optional(s.Name)
		if resources[i].Group == Group && unread {
			return false
		}
	}
	return true
}

// nothing tells why a namespace has not one object of Longhorn, which a
// running Longhorn always has: it is in another namespace, or was removed and
// has left its CustomResourceDefinitions.
func (t *Tables) nothing(ctx context.Context, c *kube.Client, served kube.Served) error {
	settings := t.resources[slices.IndexFunc(t.resources, func(r *kube.Resource) bool { return r.Source == facts.LonghornSettings })]
	v, err := served.Version(settings)
	if err != nil {
		return err
	}
	namespaces, err := c.Namespaces(ctx, settings, v)
	if err != nil {
		return source.Failed(facts.CauseMissing, err, "namespace %s has no Longhorn, and whether another one has could not be told: check longhorn.namespace", t.longhorn.Namespace)
	}
	if len(namespaces) > 0 {
		return Elsewhere(t.longhorn.Namespace, namespaces[0])
	}
	return source.Absent("the cluster has Longhorn's resource types, but no Longhorn in any namespace")
}

// Elsewhere is the error of a Longhorn that was found in another namespace
// than the configured one.
func Elsewhere(configured, found string) error {
	return source.Failed(facts.CauseMissing, nil, "namespace %s has no Longhorn, but namespace %s has: set longhorn.namespace", configured, found)
}
