package checks

import (
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

var hubDBEphemeral = &Check{
	ID:       "hub-db-ephemeral",
	Title:    "The hub's database outlives the hub's pod",
	Severity: verdict.Critical,
	Since:    "0.2.0",
	Scope:    PerHub,
	Uses:     []string{HubDatabase, facts.KubePods},
	Doc: Doc{
		Meaning: "The hub keeps its database in memory, or in a file that goes when its pod goes. At the next restart, upgrade or eviction the hub " +
			"starts as a new one without users: ids begin at 1 again, nothing links people to their volumes any more, and the hub says not a word " +
			"about it. A database on a hostPath (a warning) survives a restart only on the same node.",
		FalseAlarms: "A demonstration hub that is meant to forget: disable the check for it. A `database` in the audit's configuration that lacks the file's path, as in `sqlite:///`. The audit judges the volume that the hub's pod (label " +
			"component=hub) mounts above the configured path of the database; where the hub sees the file under another path than the audit does, " +
			"any volume that outlives the pod counts. A hub without a pod in its namespace is skipped.",
		Do: []string{
			"Do not restart the hub or its node before there is a copy: while the pod lives, the data does.",
			"A file: copy it out with `kubectl -n NAMESPACE exec deploy/hub -- python3 -c \"import sqlite3; sqlite3.connect('PATH').backup(sqlite3.connect('/tmp/copy.sqlite'))\"` and `kubectl -n NAMESPACE cp POD:/tmp/copy.sqlite copy.sqlite`.",
			"In memory: save what the hub still tells, with an admin's token: `curl -H \"Authorization: token TOKEN\" -H 'Accept: application/jupyterhub-pagination+json' HUB/hub/api/users?include_stopped_servers=1`, page by page.",
			"Give the hub a place to keep its database: with Zero to JupyterHub `hub.db.type: sqlite-pvc`, or a PostgreSQL or MySQL server; put the copy there before the hub starts on it.",
			"Add a backup location for it to hubs[].backups.",
		},
		Dont: []string{
			"Do not run `helm upgrade`, `kubectl rollout restart` or drain the hub's node before the copy is made.",
			"Do not delete claims that seem to have no owner after the hub has forgotten its users: they are the users' files.",
		},
		Sources: []string{
			"jupyterhub/zero-to-jupyterhub-k8s jupyterhub/values.yaml: hub.db.type sqlite-memory",
			"jupyterhub/jupyterhub jupyterhub/orm.py: an empty database is accepted silently",
			"Kubernetes documentation: ephemeral volumes",
		},
	},
	Run: runHubDBEphemeral,
}

func runHubDBEphemeral(in *Input) Result {
	d := &in.Hub.Database
	source := in.Source(facts.HubDB(in.Hub.Name))
	switch {
	case d.InMemory:
		return Result{Findings: []verdict.Finding{in.lostWith("the hub keeps its database in memory: it is empty after each restart; a file on a claim or a database server is expected",
			nil, nil)}}
	case source.Status == facts.Absent:
		return Result{Skip: fmt.Sprintf("source %s is absent: %s", source.Name, source.Detail)}
	case !onFile(d):
		return Result{}
	}
	pod, unsure := in.hubPod()
	switch {
	case unsure != "":
		return Result{Unknown: unsure}
	case pod == nil:
		return Result{Skip: fmt.Sprintf("namespace %s has no pod with the label component=hub: the hub does not run there now", in.Hub.Namespace)}
	}
	return in.judgeMounts(pod, in.databaseMounts(pod))
}

// judgeMounts judges what the database may lie on. Of several volumes one that
// lasts is enough: nothing says that it is on another.
func (in *Input) judgeMounts(pod *facts.Pod, mounts []*facts.Mount) Result {
	if len(mounts) == 0 {
		return Result{Findings: []verdict.Finding{in.lostWith(fmt.Sprintf(
			"the hub's pod %s mounts no volume that the database %s could be on: it goes with the pod, a claim is expected", pod.Name, in.Hub.Database.Location), pod, nil)}}
	}
	for _, m := range mounts {
		switch m.Kind {
		case facts.MountEmptyDir, facts.MountEphemeral, facts.MountHostPath, facts.MountCSI:
		default:
			return Result{}
		}
	}
	m := mounts[0]
	where := fmt.Sprintf("the hub's pod %s has the database %s on ", pod.Name, in.Hub.Database.Location)
	var f verdict.Finding
	switch m.Kind {
	case facts.MountCSI:
		return Result{Unknown: where + "a CSI volume made for the pod at " + m.Path + ", and whether its driver keeps what is on it cannot be seen"}
	case facts.MountHostPath:
		f = in.lostWith(where+fmt.Sprintf("a hostPath of node %s at %s: started on another node it is empty, a claim is expected", pod.Node, m.Path), pod, m)
		f.Severity = verdict.Warning
	case facts.MountEphemeral:
		f = in.lostWith(where+fmt.Sprintf("the ephemeral claim %s at %s: it goes with the pod, a claim of its own is expected", m.Claim, m.Path), pod, m)
	default:
		f = in.lostWith(where+fmt.Sprintf("an emptyDir at %s: it goes with the pod, a claim is expected", m.Path), pod, m)
	}
	return Result{Findings: []verdict.Finding{f}}
}

// lostWith is a finding about the database, with what is known of where it lies.
func (in *Input) lostWith(message string, pod *facts.Pod, m *facts.Mount) verdict.Finding {
	details := map[string]string{"database": in.Hub.Database.Location}
	if pod != nil {
		details["pod"], details["node"] = pod.Name, pod.Node
	}
	if m != nil {
		details["mountPath"], details["volumeKind"] = m.Path, m.Kind
	}
	return verdict.Finding{Subject: in.databaseSubject(), Message: message, Details: details}
}
