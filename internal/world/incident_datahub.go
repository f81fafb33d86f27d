package world

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

var pacific = time.FixedZone("PST", -8*60*60)

// datahubAt is a moment of the night of the accident.
func datahubAt(day, hour, minute int) time.Time {
	return time.Date(2017, 2, day, hour, minute, 0, 0, pacific).UTC()
}

// Who did what in the datahub's accident.
const (
	datahubUsers  = 1000
	datahubLogins = 50               // users who logged in on the empty database
	datahubDots   = datahubUsers / 8 // users with a dot in their name
	datahubTwins  = 24               // those of them who came back too early
)

// needTables are the checks that cannot tell anything of a database
// without tables.
var needTables = []string{"hub-db-schema-mismatch", "hub-cookie-constraint-missing", "hub-cookie-id-null", "hub-cookie-id-duplicate",
	"hub-cookie-id-handmade", "hub-spawner-duplicate", "hub-spawner-state-broken", "hub-spawner-server-wrong", "hub-time-impossible",
	"hub-user-name-refused", "hub-user-twin", "hub-user-id-changed", "pvc-duplicate-server", "pvc-name-collision"}

// Datahub2017 is the loss of the hub database of Berkeley's DataHub.
func Datahub2017() Incident {
	return Incident{
		Name: "datahub-2017", Title: "Berkeley DataHub, February 2017", Schema: "0.7.2", Zone: pacific,
		Story: datahubStory, Liberties: datahubLiberties,
		Stages: []Stage{
			stage("the-day-before", datahubAt(8, 12, 0), datahubHealthy,
				"A thousand users with a claim each; copies of the database every night.", nil),
			stage("database-emptied", datahubAt(9, 0, 30), datahubEmptied,
				"Somebody who wanted to look into the hub's database typed `.save` in an sqlite shell. "+
					"The file is now an empty database; the hub's log fills with \"no such table\".",
				finds{"hub-db-corrupt": 1, "hub-user-count-drift": 1, "hub-db-reset": 1}, needTables...),
			stage("hub-restarted", datahubAt(9, 2, 0), datahubRestarted,
				"At 01:12 the hub's pod was deleted, and a new hub made itself at home in the empty database. Fifty users have "+
					"logged in since. Each is a new user with a new id, hence a new claim, hence an empty home.",
				finds{"hub-user-count-drift": 1, "hub-db-reset": 1, "pvc-duplicate-server": datahubLogins}),
			stage("users-rebuilt", datahubAt(9, 2, 34), datahubRebuilt,
				"The table of users was rebuilt from the names of the old claims: all ids are right again, but every dot in a name has become a "+
					"hyphen, and every user has the same made-up cookie_id, so that everybody is logged in as the first user.",
				finds{"hub-cookie-id-duplicate": datahubUsers, "pvc-duplicate-server": datahubLogins, "hub-user-id-changed": datahubDots}),
			stage("cookies-nulled", datahubAt(9, 2, 42), datahubNulled,
				"The cookie_ids were set to NULL instead. Logging in now ends in an error.",
				finds{"hub-cookie-id-null": datahubUsers, "pvc-duplicate-server": datahubLogins, "hub-user-id-changed": datahubDots}),
			stage("cookies-mended", datahubAt(9, 10, 53), datahubTwinned,
				"Everybody has a cookie_id of their own. Users with a dot in their name who logged in since nine o'clock "+
					"became new users beside their rebuilt selves, with new claims.",
				finds{"pvc-duplicate-server": datahubLogins, "hub-user-twin": datahubTwins, "hub-user-id-changed": datahubDots}),
			stage("all-clear", datahubAt(10, 11, 17), datahubHealthy,
				"A day later: names are right, the new accounts and the claims made that night are gone.", nil),
		},
	}
}

const datahubStory = `An sqlite shell's ` + "`.save`" + ` replaced the hub's database by an empty one. A thousand users became none, then fifty;
each of them was given a new id, and with it a new, empty home. The repair went through a users table with one
cookie_id for all and one with none. It was noticed by chance after 47 minutes and took eleven hours.
The source is the incident report in Berkeley's repository of the DataHub.`

var datahubLiberties = []string{
	"Nightly copies of the database and snapshots of every claim exist throughout; in 2017 there was no tested backup. They are here so that the replay shows the accident alone. VolumeSnapshots did not exist yet.",
	"Who logged in when, and how many, is made up, as are all names. Those whose second account appears at 10:53 are not among the first fifty.",
	"The all-clear was given at 11:17 on the same day; the recording looks a day later, when the last leftovers are gone.",
	"Cleaning up removed claims at once and kept their volumes nowhere.",
	"The dumps are in the form that today's kubectl prints: StorageClasses by name, no annotations of 2017's Kubernetes 1.5.",
	"All user servers were stopped when the table was rebuilt. The server rows of the proxy and the hub itself are left out.",
}

// datahubHealthy is the DataHub at a time at which all is well. Its claims,
// users and disks are the same at any time.
func datahubHealthy(at time.Time) *facts.Snapshot {
	s := Healthy(Size{Users: datahubUsers, Nodes: 6, Replicas: 1})
	s.Kube.Version = ""
	NameUsers(s, HubName, datahubName)
	MoveTo(s, datahubAt(8, 12, 0))
	OldNames(s, HubName)
	hub := Hub(s, HubName)
	hub.KubeSpawner.SlugScheme = "escape"
	FitSchema(hub, "0.7.2")
	hubImage(s, hub, "jupyterhub/k8s-hub:v0.3.1")
	oldPods(s, hub)
	toPersistentDisks(s)
	passTime(s, at)
	return s
}

// datahubName is the login of a user; every eighth has a dot in it.
func datahubName(i int) string {
	given, family := person(i)
	if (i+1)%8 == 4 {
		return given + "." + family
	}
	return given + family
}

// oldPods names pods as KubeSpawner did before 0.6: as it named claims.
func oldPods(s *facts.Snapshot, hub *facts.Hub) {
	renamed := map[string]string{}
	for i := range hub.Spawners {
		sp := &hub.Spawners[i]
		name := oldPod(hub.Users[i].Name, sp.UserID)
		renamed[sp.State.PodName] = name
		sp.State.PodName = name
	}
	for i := range s.Kube.Pods {
		if name, ok := renamed[s.Kube.Pods[i].Name]; ok {
			s.Kube.Pods[i].Name, s.Kube.Pods[i].Component = name, ""
		}
	}
	for i := range hub.Servers {
		hub.Servers[i].IP = fmt.Sprintf("10.4.%d.%d", i/250, i%250+2)
	}
	Settle(s)
}

func oldPod(user string, id int64) string {
	return strings.Replace(kubespawner.LossyClaim(user, id), "claim-", "jupyter-", 1)
}

// toPersistentDisks puts all volumes on Google's disks, as there was no Longhorn.
func toPersistentDisks(s *facts.Snapshot) {
	s.Longhorn = facts.Longhorn{}
	for i := range s.Sources {
		if src := &s.Sources[i]; strings.HasPrefix(src.Name, "longhorn/") {
			*src = facts.Source{Name: src.Name, Status: facts.Absent}
		}
	}
	s.Kube.StorageClasses = []facts.StorageClass{{Name: "standard", Provisioner: "kubernetes.io/gce-pd",
		ReclaimPolicy: "Retain", BindingMode: "Immediate", Default: true}}
	for i := range s.Kube.Claims {
		s.Kube.Claims[i].StorageClass = "standard"
	}
	for i := range s.Kube.Volumes {
		v := &s.Kube.Volumes[i]
		v.StorageClass, v.Driver, v.Handle = "standard", "gcePersistentDisk", disk(v.Name)
	}
	Settle(s)
}

// disk is the name that GKE gives the disk of a volume.
func disk(volume string) string { return "gke-datahub-dynamic-" + volume }

// passTime moves the clock on to a time, with the nights up to then: the
// newest copies of the database, and a snapshot of each claim there was.
func passTime(s *facts.Snapshot, at time.Time) {
	s.Now = at
	nightly(s, 10*time.Minute)
	night := lastNight(at, 6*time.Hour)
	s.Kube.Snapshots = nil
	for _, c := range s.Kube.Claims {
		if c.Created.Before(night) {
			s.Kube.Snapshots = append(s.Kube.Snapshots, facts.VolumeSnapshot{Namespace: c.Namespace, Name: "nightly-" + c.Name,
				Created: night, Claim: c.Name, Ready: true, Taken: night.Add(20 * time.Second), RestoreBytes: c.RequestBytes})
		}
	}
	Settle(s)
}

func datahubEmptied(at time.Time) *facts.Snapshot {
	s := datahubHealthy(at)
	WipeDatabase(s, HubName)
	Hub(s, HubName).Database.Modified = datahubAt(9, 0, 25)
	return s
}

func datahubRestarted(at time.Time) *facts.Snapshot {
	s := datahubHealthy(at)
	hub := Hub(s, HubName)
	var names []string
	for i := range datahubLogins {
		names = append(names, hub.Users[(i+1)*datahubUsers/datahubLogins-1].Name)
	}
	ResetDatabase(s, HubName, names...)
	FitSchema(hub, "0.7.2")
	hubImage(s, hub, "jupyterhub/k8s-hub:v0.3.1")
	for i := range hub.Users {
		login(s, hub, hub.Users[i].ID, at.Add(-time.Duration(48-i*3/4)*time.Minute))
	}
	pod := slices.IndexFunc(s.Kube.Pods, func(p facts.Pod) bool { return p.Component == "hub" })
	s.Kube.Pods[pod].Name, s.Kube.Pods[pod].Created = "hub-6b7f9d4c5-k8w2d", datahubAt(9, 1, 12)
	Settle(s)
	return s
}

// login is what KubeSpawner does for a user of 2017 without a claim of the
// user's id: a new claim on a new disk, and a server on it.
func login(s *facts.Snapshot, hub *facts.Hub, id int64, at time.Time) {
	user := slices.IndexFunc(hub.Users, func(u facts.User) bool { return u.ID == id })
	sp := slices.IndexFunc(hub.Spawners, func(sp facts.Spawner) bool { return sp.UserID == id })
	hub.Users[user].LastActivity = at.Add(8 * time.Minute)
	name, pod := kubespawner.LossyClaim(hub.Users[user].Name, id), oldPod(hub.Users[user].Name, id)
	uid := madeUpUID("claim", name)
	s.Kube.Claims = append(s.Kube.Claims, facts.Claim{Namespace: hub.Namespace, Name: name, UID: uid, Created: at, Phase: "Bound",
		VolumeName: "pvc-" + uid, StorageClass: "standard", AccessModes: []string{"ReadWriteOnce"}, RequestBytes: 10 << 30})
	s.Kube.Volumes = append(s.Kube.Volumes, facts.Volume{Name: "pvc-" + uid, UID: madeUpUID("volume", name), Created: at.Add(4 * time.Second),
		Phase: "Bound", ReclaimPolicy: "Retain", StorageClass: "standard", CapacityBytes: 10 << 30, Driver: "gcePersistentDisk", Handle: disk("pvc-" + uid),
		ClaimNamespace: hub.Namespace, ClaimName: name, ClaimUID: uid})
	s.Kube.Pods = append(s.Kube.Pods, facts.Pod{Namespace: hub.Namespace, Name: pod, Created: at.Add(time.Second), Phase: "Running",
		Node: s.Kube.Nodes[int(id)%len(s.Kube.Nodes)].Name, Claims: []string{name}})
	server := facts.Server{ID: int64(len(hub.Servers) + 1), IP: fmt.Sprintf("10.4.9.%d", len(hub.Servers)+2), Port: 8888}
	hub.Servers = append(hub.Servers, server)
	hub.Spawners[sp] = facts.Spawner{UserID: id, ServerID: server.ID,
		State: facts.SpawnerState{Form: "object", PodName: pod}}
}

func datahubRebuilt(at time.Time) *facts.Snapshot {
	s := datahubRestarted(datahubAt(9, 2, 0))
	passTime(s, at)
	hub := Hub(s, HubName)
	hub.Users, hub.Spawners, hub.Servers = nil, nil, nil
	for i := range datahubUsers {
		id := int64(i + 1)
		hub.Users = append(hub.Users, facts.User{ID: id, Name: kubespawner.Lossy(datahubName(i)), Cookie: facts.CookieUnique})
		hub.Spawners = append(hub.Spawners, facts.Spawner{UserID: id})
	}
	s.Kube.Pods = slices.DeleteFunc(s.Kube.Pods, func(p facts.Pod) bool { return p.Component != "hub" })
	ShareCookies(s, HubName)
	Settle(s)
	return s
}

func datahubNulled(at time.Time) *facts.Snapshot {
	s := datahubRebuilt(at)
	NullCookies(s, HubName)
	return s
}

func datahubTwinned(at time.Time) *facts.Snapshot {
	s := datahubRebuilt(at)
	hub := Hub(s, HubName)
	setCookies(hub, nil, facts.CookieUnique)
	for i := 0; len(hub.Users) < datahubUsers+datahubTwins; i++ {
		name := datahubName(i)
		if !strings.Contains(name, ".") || (i+1)%(datahubUsers/datahubLogins) == 0 {
			continue
		}
		id := int64(len(hub.Users) + 1)
		hub.Users = append(hub.Users, facts.User{ID: id, Name: name, Cookie: facts.CookieUnique})
		hub.Spawners = append(hub.Spawners, facts.Spawner{UserID: id})
		login(s, hub, id, at.Add(-time.Duration(115-4*(len(hub.Users)-datahubUsers))*time.Minute))
	}
	Settle(s)
	return s
}
