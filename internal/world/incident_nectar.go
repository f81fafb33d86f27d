package world

import (
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/facts"
)

var melbourne = time.FixedZone("AEDT", 11*60*60)

func nectarAt(month time.Month, day, hour, minute int) time.Time {
	return time.Date(2023, month, day, hour, minute, 0, 0, melbourne).UTC()
}

const (
	nectarHub     = "nectar"
	nectarUsers   = 271 // with 27 named servers, the hub's and Prometheus' claims: 300 volumes
	nectarRunning = 8   // users who are logged in throughout
	nectarBlank   = 40  // stopped servers whose volumes' lost replicas are taken off record
	nectarLogins  = 12  // users who log in after that, the first of those
	nectarMetrics = "prometheus-server"
)

// nectarWorkers are the old workers, what replaced them, and when.
var nectarWorkers = []struct {
	old, new string
	at       time.Time
}{
	{"worker-1", "small-worker-a", nectarAt(time.February, 21, 13, 40)},
	{"worker-2", "small-worker-b", nectarAt(time.February, 21, 14, 55)},
	{"worker-3", "small-worker-c", nectarAt(time.February, 21, 16, 0)},
}

// Nectar2023 is the loss of all users' volumes of Nectar's notebook service.
func Nectar2023() Incident {
	replaced := func(n int) func(time.Time) *facts.Snapshot {
		return func(at time.Time) *facts.Snapshot { return nectarReplaced(at, n) }
	}
	return Incident{
		Name: "nectar-2023", Title: "Nectar Research Cloud, February 2023", Schema: "3.1.1", Zone: melbourne,
		Story: nectarStory, Liberties: nectarLiberties,
		Stages: []Stage{
			stage("the-day-before", nectarAt(time.February, 20, 16, 0), nectarHealthy,
				"300 volumes with two replicas each on three workers. Ten are attached; the others belong to users whose servers are stopped. "+
					"All that can be told is what is known of Longhorn 1.2.4 today: that it lets a drain go that takes the last copies with it.",
				knownBugs(finds{})),
			stage("first-worker", nectarAt(time.February, 21, 14, 10), replaced(1),
				"The first worker was drained and deleted, and a smaller one under a new name took its place. Attached volumes were rebuilt. "+
					"Two thirds of the detached ones have one replica left, but Longhorn counts the one on the deleted worker as healthy.",
				knownBugs(finds{"lh-replica-node-missing": 1, "lh-single-usable-replica": 193})),
			stage("second-worker", nectarAt(time.February, 21, 15, 30), replaced(2),
				"The same with the second worker. Longhorn let it go: every volume seemed to have another healthy replica. "+
					"Volumes that lay on the first two workers have none left.",
				knownBugs(finds{"lh-replica-node-missing": 2, "lh-single-usable-replica": 194, "lh-no-usable-replica": 96})),
			stage("third-worker", nectarAt(time.February, 21, 16, 25), replaced(3),
				"The same with the last one. No detached volume has a replica on a worker that exists. "+
					"Longhorn's page still shows them with the space they used.",
				knownBugs(finds{"lh-replica-node-missing": 3, "lh-no-usable-replica": 290})),
			stage("records-removed", nectarAt(time.February, 21, 16, 30), nectarForgotten,
				"Somebody begins to clean up and removes what is on record of replicas on the deleted workers, for 40 volumes. To Longhorn those "+
					"volumes are new now: it makes two blank replicas for each at once. They wait to be mounted, and formatted.",
				knownBugs(finds{"lh-replica-node-missing": 3, "lh-no-usable-replica": 290 - nectarBlank, "lh-blank-attach-risk": nectarBlank})),
			stage("users-log-in", nectarAt(time.February, 21, 16, 50), nectarFormatted,
				"From 16:32 users log in. Longhorn attaches their volumes with blank replicas, and the kubelet formats them.",
				knownBugs(finds{"lh-replica-node-missing": 3, "lh-no-usable-replica": 290 - nectarBlank, "lh-blank-attach-risk": nectarBlank - nectarLogins,
					"pvc-emptied": nectarLogins})),
			stage("all-clear", nectarAt(time.February, 28, 14, 0), nectarRestored,
				"A week later every volume is there again with two replicas on the new workers; the records of lost replicas are gone. "+
					"Longhorn is still 1.2.4, and the next rebuild would go the same way.", knownBugs(finds{})),
		},
	}
}

// knownBugs adds what is known of Longhorn 1.2.4, whatever its state.
func knownBugs(found finds) finds {
	found["lh-version-known-bug"] = 7
	return found
}

const nectarStory = `Workers were drained, deleted and replaced by smaller ones, one at a time. Longhorn 1.2 counted a stopped replica on a deleted node as
healthy (longhorn/longhorn#2237) and so allowed the next drain, and nothing rebuilds a volume that is not attached. After the
third worker no detached volume had a replica left; those that were mounted next were formatted.
The source is the service's post-mortem "How we lost all user data on our Jupyter Notebook service".`

var nectarLiberties = []string{
	"Only the time of formatting (05:32 UTC on 21 February) is known; the times of the drains, and how long they took, are made up, as are all names.",
	"Longhorn 1.2 is known; 1.2.4, JupyterHub 3 and KubeSpawner 4 are assumed.",
	"Volumes have two replicas, so that the stages differ. Which volume lies where is spread evenly.",
	"How the blank replicas came about is not known. That somebody removed records, of 40 volumes, and that those users logged in first, is made up; what Longhorn does then is not.",
	"Last night's Longhorn backups and copies of the hub's database exist, so that the replay shows the accident alone. The real all-clear was an empty home for everybody.",
	"Restored volumes keep their names; in reality a restored or re-created volume has a new one.",
}

// nectarHealthy is the service at a time at which all is well, with Longhorn
// 1.2 and KubeSpawner 4.
func nectarHealthy(at time.Time) *facts.Snapshot {
	s := Healthy(Size{Users: nectarUsers, Nodes: len(nectarWorkers), Replicas: 2})
	s.Kube.Version = ""
	AddClaim(s, facts.Claim{Name: nectarMetrics, Component: "server", Created: s.Now.AddDate(0, -6, 0), RequestBytes: 20 << 30})
	NameUsers(s, HubName, func(i int) string {
		given, family := person(i)
		return given + family
	})
	Rename(s, HubName, nectarHub)
	MoveTo(s, nectarAt(time.February, 20, 16, 0))
	hub := s.Hubs[0]
	hub.KubeSpawner = facts.KubeSpawner{Version: "4.2.0", VersionFrom: "the configuration", PVCNameTemplate: "claim-{username}--{servername}",
		TemplateSet: true, SlugScheme: "escape", LegacyNames: true, DeletePVC: true}
	FitSchema(hub, "3.1.1")
	hubImage(s, hub, "hub.example.org/jupyterhub/own-hub:2023-01") // tells no chart
	s.Kube.Pods = append(s.Kube.Pods, facts.Pod{Namespace: hub.Namespace, Name: "prometheus-server-7c9d8b6f5-4jx2m", Phase: "Running",
		Component: "server", Created: s.Now.AddDate(0, 0, -9), Claims: []string{nectarMetrics}})
	attach(s, nectarMetrics, "worker-2")
	keepRunning(s, nectarRunning)
	toLonghorn12(s)
	passNights(s, at)
	return s
}

// keepRunning stops all users' servers but the first few.
func keepRunning(s *facts.Snapshot, few int) {
	stop := map[string]bool{}
	for _, p := range s.Kube.Pods {
		if p.HasUser {
			few--
			stop[p.Claims[0]] = few < 0
		}
	}
	stopped := map[string]bool{}
	for i := range s.Longhorn.Volumes {
		if v := &s.Longhorn.Volumes[i]; stop[v.ClaimName] {
			moveOrStop(s, v)
			stopped[v.Name] = true
		}
	}
	for i := range s.Longhorn.Replicas {
		if r := &s.Longhorn.Replicas[i]; stopped[r.Volume] {
			r.State = "stopped"
		}
	}
	Settle(s)
}

// attach attaches a claim's volume to a node, where the pod runs that mounts it.
func attach(s *facts.Snapshot, claim, node string) {
	i := slices.IndexFunc(s.Longhorn.Volumes, func(v facts.LHVolume) bool { return v.ClaimName == claim })
	v := &s.Longhorn.Volumes[i]
	v.State, v.Robustness, v.NodeID, v.LastPodRefAt = "attached", "healthy", node, 0
	for i := range s.Longhorn.Replicas {
		if r := &s.Longhorn.Replicas[i]; r.Volume == v.Name {
			r.State = "running"
		}
	}
	for i := range s.Kube.Pods {
		if p := &s.Kube.Pods[i]; slices.Contains(p.Claims, claim) {
			p.Node = node
		}
	}
}

// toLonghorn12 takes away what Longhorn 1.2 and KubeSpawner 4 did not record.
func toLonghorn12(s *facts.Snapshot) {
	s.Longhorn.Settings = map[string]string{"default-replica-count": "2", "allow-node-drain-with-last-healthy-replica": "false",
		"allow-recurring-job-while-volume-detached": "true"}
	FitLonghorn(s, "v1.2.4")
	for i := range s.Kube.Claims {
		s.Kube.Claims[i].KubeSpawnerVersion, s.Kube.Claims[i].Chart = "", ""
	}
	for i := range s.Kube.Pods {
		s.Kube.Pods[i].KubeSpawnerVersion = ""
	}
	for _, h := range s.Hubs {
		for i := range h.Spawners {
			if state := &h.Spawners[i].State; state.Form == "object" {
				*state = facts.SpawnerState{Form: "object", PodName: state.PodName}
			}
		}
	}
	Settle(s)
}

// passNights moves the clock on to a time, with the nightly backups up to then.
func passNights(s *facts.Snapshot, at time.Time) {
	s.Now = at
	nightly(s, 10*time.Minute)
	backUpAll(s, lastNight(at, 15*time.Hour))
}

// nectarReplaced is the service after the first n workers were replaced.
func nectarReplaced(at time.Time, n int) *facts.Snapshot {
	s := nectarHealthy(at)
	for _, w := range nectarWorkers[:n] {
		s.Now = w.at
		addNode(s, w.new, zoneOf(s, w.old))
		for j := range s.Longhorn.Volumes {
			if v := &s.Longhorn.Volumes[j]; v.NodeID == w.old {
				attach(s, v.ClaimName, w.new)
			}
		}
		LoseNode(s, w.old)
		Rebuild(s)
	}
	toLonghorn12(s)
	s.Now = at
	return s
}

// nectarForgotten is the service after the records of some lost replicas were
// removed.
func nectarForgotten(at time.Time) *facts.Snapshot {
	s := nectarReplaced(at, len(nectarWorkers))
	s.Now = nectarAt(time.February, 21, 16, 27)
	var volumes []string
	for _, sp := range stoppedServers(s.Hubs[0], nectarBlank) {
		volumes = append(volumes, homeOf(s, s.Hubs[0], sp).Name)
	}
	ForgetReplicas(s, volumes...)
	s.Now = at
	return s
}

// nectarFormatted is the service after the first users have logged in on
// volumes that lost all their replicas.
func nectarFormatted(at time.Time) *facts.Snapshot {
	s := nectarForgotten(at)
	s.Now = nectarAt(time.February, 21, 16, 32)
	for _, sp := range stoppedServers(s.Hubs[0], nectarLogins) {
		startBlank(s, s.Hubs[0], sp)
	}
	toLonghorn12(s)
	s.Now = at
	return s
}

// stoppedServers are the first default servers of a hub that do not run.
func stoppedServers(hub *facts.Hub, most int) []*facts.Spawner {
	var stopped []*facts.Spawner
	for i := range hub.Spawners {
		if sp := &hub.Spawners[i]; len(stopped) < most && sp.ServerID == 0 && sp.Name == "" {
			stopped = append(stopped, sp)
		}
	}
	return stopped
}

func userOf(hub *facts.Hub, sp *facts.Spawner) *facts.User {
	return &hub.Users[slices.IndexFunc(hub.Users, func(u facts.User) bool { return u.ID == sp.UserID })]
}

// homeOf is the volume of a user's default server.
func homeOf(s *facts.Snapshot, hub *facts.Hub, sp *facts.Spawner) *facts.LHVolume {
	claim := "claim-" + userOf(hub, sp).Name
	return &s.Longhorn.Volumes[slices.IndexFunc(s.Longhorn.Volumes, func(v facts.LHVolume) bool { return v.ClaimName == claim })]
}

// startBlank starts a user's server. Its volume comes up with new, blank
// replicas and is formatted.
func startBlank(s *facts.Snapshot, hub *facts.Hub, sp *facts.Spawner) {
	user, v := userOf(hub, sp), homeOf(s, hub, sp)
	node := s.Kube.Nodes[int(sp.UserID)%len(s.Kube.Nodes)].Name
	last := hub.Servers[len(hub.Servers)-1].ID
	sp.ServerID, sp.Started, sp.LastActivity = last+1, s.Now, s.Now.Add(5*time.Minute)
	user.LastActivity = sp.LastActivity
	hub.Servers = append(hub.Servers, facts.Server{ID: sp.ServerID, IP: fmt.Sprintf("10.0.7.%d", sp.ServerID), Port: 8888})
	s.Kube.Pods = append(s.Kube.Pods, facts.Pod{Namespace: hub.Namespace, Name: sp.State.PodName, Phase: "Running", Node: node,
		Component: "singleuser-server", User: user.Name, HasUser: true, Created: s.Now, Claims: []string{v.ClaimName}})
	FormatReplicas(s, v)
	attach(s, v.ClaimName, node)
	Settle(s)
}

// nectarRestored is the service a week later.
func nectarRestored(at time.Time) *facts.Snapshot {
	s := nectarReplaced(nectarAt(time.February, 27, 10, 0), len(nectarWorkers))
	for _, v := range slices.Clone(s.Longhorn.Volumes) {
		Rebuild(s, v.Name)
	}
	toLonghorn12(s)
	passNights(s, at)
	return s
}
