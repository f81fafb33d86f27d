package replica

import (
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
)

// NoNodes is why nothing can be judged where Kubernetes has no node.
const NoNodes = "Kubernetes listed no node at all: the list is incomplete"

// Gaps says why replicas cannot be judged although their lists were read; "" if
// they can. A list that is empty as a whole is more likely incomplete than true:
// Longhorn makes blank replicas at once for a volume that has none, and a
// cluster without nodes runs nothing. Taken at its word it would make every
// volume lost.
func Gaps(s *facts.Snapshot) string {
	switch l := &s.Longhorn; {
	case len(l.Replicas) > 0 && len(l.Nodes) > 0 && len(s.Kube.Nodes) > 0 || !hasReplicated(l.Volumes):
		return ""
	case len(l.Replicas) == 0:
		return fmt.Sprintf("Longhorn has %s and not one replica: either the list of replicas is incomplete, or Longhorn's manager is down and its records are gone",
			text.Count(len(l.Volumes), "volume"))
	case len(s.Kube.Nodes) == 0:
		return NoNodes
	}
	return "Longhorn listed no node at all: either the list is incomplete or its records are gone"
}

// hasReplicated tells whether some volume should have replicas.
func hasReplicated(volumes []facts.LHVolume) bool {
	for i := range volumes {
		if v := &volumes[i]; !v.Sharded && v.HasHistory() {
			return true
		}
	}
	return false
}

// UnreadShards is the source without which no sharded volume can be judged, if
// one failed.
func UnreadShards(s *facts.Snapshot) (facts.Source, bool) {
	for _, name := range []string{facts.LonghornShardGroups, facts.LonghornShards} {
		if src := s.Source(name); src.Status == facts.Failed {
			return src, true
		}
	}
	return facts.Source{}, false
}
