package checks

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var podUnknownToHub = &Check{
	ID:       "pod-unknown-to-hub",
	Title:    "The hub holds every running server as running",
	Severity: verdict.Warning,
	Since:    "0.3.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers, facts.KubePods},
	Params: []Param{
		{Name: "minAge", Doc: "how old a pod must be before the hub must hold its server as running", Default: float64(15 * time.Minute),
			Min: float64(time.Minute), Max: float64(7 * 24 * time.Hour), Unit: UnitDuration},
	},
	Doc: Doc{
		Meaning: "A pod runs a user's server, and the hub holds that server as stopped or does not know it. Its owner cannot reach it, nothing culls it, and it " +
			"keeps writing to its claim. The owner's next start ends it without a question and with it what was not saved, where the new pod has the " +
			"same name; where the name is another, two pods write to one home.",
		FalseAlarms: "Pods younger than `minAge`, pods that are being deleted and pods without a user's name are not counted, and a restart of the hub changes " +
			"nothing in the database. A server that was stopped during the run itself is left out. A user who was renamed while a server ran is found " +
			"by the pod's name. Pods of another hub in the namespace are told apart only if the configuration names that hub too. A database that was " +
			"replaced is hub-db-reset's or hub-db-corrupt's to tell.",
		Do: []string{
			"Look at the pod, and note the claims that it mounts: `kubectl -n NAMESPACE get pod POD -o yaml`.",
			"If all pods are listed here, find out since when the hub knows none of them (`audit history`), and treat it as a lost database until the opposite is shown.",
			"Ask the owner whether something in it is unsaved. What notebooks and terminals hold can still be had from inside: `kubectl -n NAMESPACE exec -it POD -- bash`.",
			"When nothing in it is needed, delete the pod: `kubectl -n NAMESPACE delete pod POD`. Its claim stays.",
			"Let the owner start the server again from the hub's page, and run `audit now`.",
		},
		Dont: []string{
			"Do not expect a restart of the hub to find the pod again: it looks only for servers that its database holds as running.",
			"Do not start the server from the hub's page to get the pod back: the hub deletes a pod of that name first.",
		},
		Sources: []string{"2i2c-org/infrastructure#3130", "jupyterhub/app.py (init_spawners), kubespawner/spawner.py (_make_create_pod_request)"},
	},
	Run: runPodUnknownToHub,
}

func runPodUnknownToHub(in *Input) Result {
	if why := rowsUnread(in.Hub); why != "" {
		return in.unlessLost(Result{Unknown: why})
	}
	held, rows := in.heldServers(), in.serverRows()
	var r Result
	judged := 0
	for _, p := range in.serverPods() {
		if p.Phase != "Running" || in.Now.Sub(p.Created) <= in.Duration("minAge") {
			continue
		}
		judged++
		if held.has(p) || rows.stoppedNow(p, in.Now) {
			continue
		}
		r.Findings = append(r.Findings, rows.finding(p))
	}
	if len(r.Findings) == 0 {
		return Result{}
	}
	if why := in.foreignPods(); why != "" {
		return Result{Unknown: why}
	}
	r.Summary = podsSummary(len(r.Findings), judged)
	return in.unlessLost(r)
}

func podsSummary(n, judged int) string {
	switch {
	case n == judged && n > 1:
		return fmt.Sprintf("the hub forgot all of its %s: each goes on, unreachable, and a restart of the hub does not bring them back", text.Count(n, "running server"))
	case n > 1:
		return fmt.Sprintf("%s of %s run servers that the hub does not hold as running", text.Number(n), text.Count(judged, "pod"))
	}
	return ""
}

// unlessLost gives way to the check that tells of a lost database, where that
// explains what was found or could not be told.
func (in *Input) unlessLost(r Result) Result {
	if why := in.lossExplained(); why != "" {
		return Result{Skip: "explained by " + why}
	}
	return r
}

// foreignPods says why pods of the hub's namespace may be another hub's, ""
// if they are not.
func (in *Input) foreignPods() string {
	if hub := in.unreadNeighbour(); hub != "" {
		return fmt.Sprintf("pods in namespace %s may belong to hub %s, whose users and servers could not be read in full", in.Hub.Namespace, hub)
	}
	releases, configured := map[string]bool{}, 0
	for i := range in.Kube.Pods {
		if p := &in.Kube.Pods[i]; p.Namespace == in.Hub.Namespace && p.Component == facts.HubComponent && p.Phase == "Running" {
			releases[p.Release] = true
		}
	}
	for _, h := range in.Hubs {
		if h.Namespace == in.Hub.Namespace {
			configured++
		}
	}
	if len(releases) > configured {
		return fmt.Sprintf("hubs of %s run in namespace %s and the configuration names %s: nothing tells whose pods are whose",
			text.Count(len(releases), "release"), in.Hub.Namespace, text.Number(configured))
	}
	return ""
}

// heldServers are the servers that hubs hold as running.
type heldServers struct {
	servers map[userServer]bool
	pods    map[claimKey]string // by namespace and name of the pod, the user's name, "" if not known
}

// userServer names a server by its user's name.
type userServer struct{ user, server string }

// heldServers looks at all hubs of the namespace: nothing on a pod tells whose
// of them it is.
func (in *Input) heldServers() heldServers {
	held := heldServers{map[userServer]bool{}, map[claimKey]string{}}
	for _, h := range in.Hubs {
		if h.Namespace != in.Hub.Namespace {
			continue
		}
		other := *in
		other.Hub = h
		users := other.usersByID()
		for i := range h.Spawners {
			sp := &h.Spawners[i]
			if sp.ServerID == 0 {
				continue
			}
			name := "" // a row without its user counts as running too
			if u := users[sp.UserID]; u != nil {
				name = u.Name
				held.servers[userServer{name, sp.Name}] = true
			}
			if sp.State.PodName != "" {
				held.pods[claimKey{spawnerNamespace(h, sp), sp.State.PodName}] = name
			}
		}
	}
	return held
}

// has also finds a pod by the name that the hub remembers: users and servers
// can be renamed while it runs.
func (h heldServers) has(p *facts.Pod) bool {
	_, byName := h.pods[claimKey{p.Namespace, p.Name}]
	return byName || h.servers[userServer{p.User, p.Server}]
}

// user is whose server a pod runs: as the hub has it, or as the pod says.
func (h heldServers) user(p *facts.Pod) string {
	return cmp.Or(h.pods[claimKey{p.Namespace, p.Name}], p.User)
}

// serverRows are a hub's users and their rows of spawners, by name.
type serverRows struct {
	users map[string]bool
	rows  map[userServer]*facts.Spawner
}

func (in *Input) serverRows() serverRows {
	s := serverRows{userNames(in.Hub), make(map[userServer]*facts.Spawner, len(in.Hub.Spawners))}
	users := in.usersByID()
	for i := range in.Hub.Spawners {
		sp := &in.Hub.Spawners[i]
		if u := users[sp.UserID]; u != nil {
			s.rows[userServer{u.Name, sp.Name}] = sp
		}
	}
	return s
}

// stoppedNow tells whether the hub noted the end of a server during the run:
// pods may have been read before that and the database after it.
func (s serverRows) stoppedNow(p *facts.Pod, now time.Time) bool {
	row := s.rows[userServer{p.User, p.Server}]
	return row != nil && !row.LastActivity.Before(now)
}

func (s serverRows) finding(p *facts.Pod) verdict.Finding {
	owner := attribution.Owner{User: p.User, Server: p.Server}
	details := map[string]string{"user": p.User, "server": p.Server, "node": p.Node, "started": text.Time(p.Created),
		"claims": strings.Join(p.Claims, ", ")}
	row := s.rows[userServer{p.User, p.Server}]
	holds := "holds that server as stopped"
	switch {
	case !s.users[p.User]:
		holds = "has no such user"
	case row == nil:
		holds = "knows no such server"
	case !row.LastActivity.IsZero():
		details["lastActivity"] = text.Time(row.LastActivity)
	}
	details["hubHolds"] = holds
	writes := ""
	if len(p.Claims) > 0 {
		writes = " on " + list(p.Claims, 3)
	}
	return verdict.Finding{Subject: verdict.Subject{Kind: "pod", Name: p.Name, Namespace: p.Namespace}, Details: details,
		Message: fmt.Sprintf("pod %s has been running %s%s since %s, and the hub %s; one that it holds as running is expected",
			p.Name, owner, writes, text.Time(p.Created), holds)}
}
