package drain

import (
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
)

// sight is what of the cluster can be seen.
type sight struct {
	// nodes: Kubernetes' nodes are known. longhorn: Longhorn's volumes, replicas and
	// nodes are, or there is no Longhorn.
	nodes, longhorn bool
	unknown         []string
}

// essential are the sources without which a loss may be missed, by what is
// missed. Those of Longhorn are absent where there is none, or where it is too
// old for them.
var essential = []struct {
	source, cost string
	needed       bool
}{
	{facts.KubeVolumes, "volumes outside of Longhorn are not seen", true},
	{facts.KubeClaims, "whose volumes they are cannot be told", true},
	{facts.KubePods, "which servers stop, and which volumes are attached again, cannot be told", true},
	{facts.LonghornSettings, "what Longhorn rebuilds cannot be told", false},
	{facts.LonghornOrphans, "the last remains of a lost volume may be missed", false},
	{facts.LonghornShardGroups, "sharded volumes cannot be judged", false},
	{facts.LonghornShards, "sharded volumes cannot be judged", false},
}

// gaps finds what the snapshot does not show.
func gaps(s *facts.Snapshot) sight {
	var v sight
	v.nodes = v.read(s, facts.KubeNodes, "no copy of anything can be placed", true)
	if v.nodes && len(s.Kube.Nodes) == 0 {
		v.nodes = false
		v.add(replica.NoNodes)
	}
	v.longhorn = true
	for _, name := range []string{facts.LonghornVolumes, facts.LonghornReplicas, facts.LonghornNodes} {
		v.longhorn = v.read(s, name, "Longhorn's volumes are not judged", false) && v.longhorn
	}
	if why := replica.Gaps(s); v.nodes && v.longhorn && why != "" {
		v.longhorn = false
		v.add(why)
	}
	for _, e := range essential {
		v.read(s, e.source, e.cost, e.needed)
	}
	return v
}

func (v *sight) add(unknown string) { v.unknown = append(v.unknown, unknown) }

// read tells whether a source was read, or is absent where it may be.
func (v *sight) read(s *facts.Snapshot, name, cost string, needed bool) bool {
	src := s.Source(name)
	if src.Status == facts.OK || src.Status == facts.Absent && !needed {
		return true
	}
	v.add(fmt.Sprintf("%s is %s, so %s: %s", name, src.Status, cost, src.Detail))
	return false
}
