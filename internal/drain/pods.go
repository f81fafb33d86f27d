package drain

import (
	"slices"

	"hubaudit/internal/facts"
)

// Pod is a pod that a step stops.
type Pod struct {
	Namespace, Name string
	Hub             string
	User, Server    string // of a user's server
	Claims          []string
	// Moves: something starts it again on another node. A user's server only stops.
	Moves bool
}

// pods knows what runs where with which claims.
type pods struct {
	byNode  map[string][]*facts.Pod
	byClaim map[claim][]*facts.Pod
	hubs    map[claim]bool // claims that a hub's own pod mounts
}

func newPods(s *facts.Snapshot) *pods {
	p := &pods{byNode: map[string][]*facts.Pod{}, byClaim: map[claim][]*facts.Pod{}, hubs: map[claim]bool{}}
	for i := range s.Kube.Pods {
		pod := &s.Kube.Pods[i]
		if pod.Phase != "Running" && pod.Phase != "Pending" || len(pod.Claims) == 0 || pod.Node == "" {
			continue
		}
		p.byNode[pod.Node] = append(p.byNode[pod.Node], pod)
		for _, name := range pod.Claims {
			k := claim{pod.Namespace, name}
			p.byClaim[k] = append(p.byClaim[k], pod)
			p.hubs[k] = p.hubs[k] || pod.Component == facts.HubComponent
		}
	}
	return p
}

// isServer tells whether a pod is a user's server: the hub starts it only when the
// user asks for it.
func isServer(p *facts.Pod) bool { return p.HasUser || p.Component == "singleuser-server" }

// returns tells whether a claim is mounted again when the node of a pod that
// mounts it is drained.
func (p *pods) returns(namespace, name string) bool {
	return slices.ContainsFunc(p.byClaim[claim{namespace, name}], func(pod *facts.Pod) bool { return !isServer(pod) })
}

// interrupted are the pods with claims of a node, hubs first, then users' servers.
func (p *planner) interrupted(node string) []Pod {
	var stopped []Pod
	for _, pod := range p.pods.byNode[node] {
		stopped = append(stopped, Pod{Namespace: pod.Namespace, Name: pod.Name, Hub: p.owners.hubs[pod.Namespace],
			User: pod.User, Server: pod.Server, Claims: pod.Claims, Moves: !isServer(pod)})
	}
	slices.SortStableFunc(stopped, func(a, b Pod) int {
		return b2i(a.User != "") - b2i(b.User != "")
	})
	return stopped
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// budgets are the PodDisruptionBudgets that allow no eviction now and may be of
// pods on the node: the API's list does not say which pods. Longhorn's own are
// its guard's.
func (p *planner) budgets(node string) []string {
	var stuck []string
	for i := range p.Kube.DisruptionBudgets {
		b := &p.Kube.DisruptionBudgets[i]
		if b.Allowed <= 0 && b.Namespace != p.Longhorn.Namespace &&
			slices.ContainsFunc(p.pods.byNode[node], func(pod *facts.Pod) bool { return pod.Namespace == b.Namespace }) {
			stuck = append(stuck, b.Namespace+"/"+b.Name)
		}
	}
	return stuck
}

// findFolders finds hubs whose sqlite database lies on the node of its pod without
// a volume: in a folder of the node, or in one that goes with the pod.
func (p *planner) findFolders() {
	p.folders = map[int][]Item{}
	for i := range p.Kube.Pods {
		pod := &p.Kube.Pods[i]
		node, ok := p.cluster.at(pod.Node)
		if !ok || pod.Component != facts.HubComponent || pod.Phase != "Running" {
			continue
		}
		for _, h := range p.Hubs {
			file := h.Database.Engine == "sqlite" && !h.Database.InMemory
			m := pod.MountOf(h.Database.Location)
			if h.Namespace != pod.Namespace || !file || m == nil {
				continue
			}
			it := Item{Volume: m.Path, Namespace: pod.Namespace, Hub: h.Name, Role: RoleHub}
			switch m.Kind {
			case facts.MountHostPath:
				it.Why = "is a folder of this node (hostPath) with the hub's database"
			case facts.MountEmptyDir, facts.MountEphemeral:
				it.Why = "goes with the hub's pod, and the hub's database with it"
			default:
				continue
			}
			p.folders[node] = append(p.folders[node], it)
		}
	}
}
