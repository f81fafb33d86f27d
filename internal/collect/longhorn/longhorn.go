// Package longhorn reads Longhorn's own records of volumes, replicas, nodes
// and settings, as Longhorn 1.2 to 1.12 write them.
package longhorn

import (
	"context"
	"errors"

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
	resources []*kube.Resource
}

type setting struct{ name, value string }

// NewTables returns empty tables for the Longhorn in a namespace.
func NewTables(namespace string) *Tables {
	t := &Tables{longhorn: facts.Longhorn{Namespace: namespace}}
	l := &t.longhorn
	resource := func(source, item, kind, plural string) kube.Resource {
		return kube.Resource{Source: source, Item: item, Group: Group, Versions: []string{"v1beta2", "v1beta1"}, Kind: kind, Plural: plural}
	}
	t.resources = []*kube.Resource{
		kube.Custom(resource(facts.LonghornVolumes, "volumes", "Volume", "volumes"),
			&l.Volumes, volume, func(v *facts.LHVolume) (string, string) { return "", v.Name }),
		kube.Custom(resource(facts.LonghornReplicas, "replicas", "Replica", "replicas"),
			&l.Replicas, replica, func(r *facts.LHReplica) (string, string) { return "", r.Name }),
		kube.Custom(resource(facts.LonghornNodes, "nodes", "Node", "nodes"),
			&l.Nodes, node, func(n *facts.LHNode) (string, string) { return "", n.Name }),
		kube.Custom(resource(facts.LonghornSettings, "settings", "Setting", "settings"),
			&t.settings, toSetting, func(s *setting) (string, string) { return "", s.name }),
	}
	return t
}

// Resources are the kinds of objects that fill the tables.
func (t *Tables) Resources() []*kube.Resource { return t.resources }

// Len is the number of objects of all kinds.
func (t *Tables) Len() int {
	n := 0
	for _, r := range t.resources {
		n += r.Len()
	}
	return n
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
	if t.Len() == 0 && allOK(sources) {
		return facts.Longhorn{}, kube.AllFailed(t.resources, t.nothing(ctx, c, served))
	}
	return t.Facts(), sources
}

// version tells at which version a resource is served. Longhorn without one of
// its kinds is broken, not absent.
func version(served kube.Served, all []*kube.Resource, r *kube.Resource) (string, error) {
	v, err := served.Version(r)
	if absent := (*source.AbsentError)(nil); !errors.As(err, &absent) {
		return v, err
	}
	for _, other := range all {
		if len(served.Versions[other.Plural]) > 0 {
			return "", source.Failed(facts.CauseMissing, nil, "the cluster has %s and not %s: Longhorn is half installed or half removed; finish either", other.Name(), r.Name())
		}
	}
	return "", source.Absent("the cluster has no Longhorn (API group %s)", Group)
}

func allOK(sources []facts.Source) bool {
	for _, s := range sources {
		if s.Status != facts.OK {
			return false
		}
	}
	return true
}

// nothing tells why a namespace has not one object of Longhorn, which a
// running Longhorn always has: it is in another namespace, or was removed and
// has left its CustomResourceDefinitions.
func (t *Tables) nothing(ctx context.Context, c *kube.Client, served kube.Served) error {
	settings := t.resources[len(t.resources)-1]
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
