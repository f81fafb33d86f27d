package checks

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubServerNameInvalid = &Check{
	ID:       "hub-server-name-invalid",
	Title:    "Every named server has a name that JupyterHub 6 accepts",
	Severity: verdict.Warning,
	Since:    "0.2.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers},
	Doc: Doc{
		Meaning: "JupyterHub 6 wants names of servers to have 1 to 30 characters: lower-case letters, digits and single hyphens, a letter first and no hyphen last. " +
			"Older names still start by default, and will not in JupyterHub 7. With `allow_existing_invalid_named_servers = \"autorename\"` the hub renames " +
			"stopped servers when it starts. Where neither the state remembers the claim nor the claim's name is free of the server's, the renamed " +
			"server mounts a new, empty claim. Where the claim is remembered, this is only an info.",
		FalseAlarms: "Before JupyterHub 6 almost any name is fine, and the check is skipped. The default server has no name and is never meant.",
		Do: []string{
			"Leave `c.JupyterHub.allow_existing_invalid_named_servers` at its default, `allow-start`, while any server here is without a remembered claim.",
			"Start each of these servers once under KubeSpawner 7 or later, stop it, and see that its state names the claim (pvc_name).",
			"Where it still does not, write the claim that the server mounts into its state while the hub is down, after copying the database.",
			"Run `audit now`; once every server is only an info, set `autorename` for one start of the hub, with these servers stopped.",
			"Otherwise make a new server under a good name, copy the files from the old claim, and delete the old server only after a backup.",
		},
		Dont: []string{
			"Do not set `autorename` before each server's claim is remembered: the files seem lost, and the next clean-up of claims without an owner loses them.",
			"Do not delete and make such a server again: its claim may be deleted with it.",
		},
		Sources: []string{"jupyterhub docs/source/howto/upgrading-v6.md, jupyterhub/slugs.py, jupyterhub/app.py", "kubespawner/spawner.py (remember_pvc_name)"},
	},
	Run: runHubServerNameInvalid,
}

func runHubServerNameInvalid(in *Input) Result {
	h := in.Hub
	if why := beforeSix(h); why != "" {
		return Result{Skip: why}
	}
	r := Result{Unknown: rowsUnread(h)}
	forgotten := 0
	for i := range h.Spawners {
		sp := &h.Spawners[i]
		if sp.Name == "" || validServerName(sp.Name) {
			continue
		}
		f := in.invalidServerName(sp)
		if f.Severity == verdict.Warning {
			forgotten++
		}
		r.Findings = append(r.Findings, f)
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("%s have names that JupyterHub 6 does not accept; a new name would cost %s their claim", text.Count(n, "server"), text.Number(forgotten))
	}
	if len(r.Findings) > 0 && r.Unknown == "" {
		r.Unknown = statesUnread(h)
	}
	return r
}

func (in *Input) invalidServerName(sp *facts.Spawner) verdict.Finding {
	h := in.Hub
	message := in.serverText(sp) + " breaks the rule for names since JupyterHub 6 (up to 30 of a-z, 0-9 and single hyphens, a letter first)"
	severity := verdict.Warning
	switch {
	case !strings.Contains(h.KubeSpawner.PVCNameTemplate, "server") && h.KubeSpawner.PVCNameTemplate != "":
		severity = verdict.Info
		message += "; the name of its claim does not depend on it"
	case !h.StatesRead:
		message += "; whether its claim is remembered could not be seen"
	case sp.State.PVCName == "":
		message += "; its claim is not remembered, and after a renaming it would mount a new one"
	case !h.KubeSpawner.RememberPVCName:
		message += fmt.Sprintf("; its claim %q is noted but remember_pvc_name is off, and after a renaming it would mount a new one", sp.State.PVCName)
	default:
		severity = verdict.Info
		message += fmt.Sprintf("; its claim %q is remembered", sp.State.PVCName)
	}
	details := map[string]string{}
	if sp.State.PVCName != "" {
		details["claim"] = sp.State.PVCName
	}
	return in.serverFinding(sp, severity, message, details)
}

const maxServerName = 30

var serverName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// validServerName tells whether JupyterHub 6 lets somebody make a server of
// that name.
func validServerName(name string) bool {
	return len(name) <= maxServerName && serverName.MatchString(name)
}

// beforeSix says why the hub is older than JupyterHub 6, "" if it is not.
func beforeSix(h *facts.Hub) string {
	const rule = "the rule for the names of servers came with JupyterHub 6"
	if major, err := strconv.Atoi(majorVersion(h.API.Version)); err == nil {
		if major >= 6 {
			return ""
		}
		return fmt.Sprintf("the hub runs JupyterHub %s: %s", h.API.Version, rule)
	}
	if !schemaUpTo(&h.Database, "5") {
		return ""
	}
	if len(h.Database.Revisions) == 0 {
		return "nothing tells that the hub is JupyterHub 6 or later: " + rule
	}
	return fmt.Sprintf("the schema revision %s is from before JupyterHub 6: %s", strings.Join(h.Database.Revisions, ", "), rule)
}

// majorVersion is what stands before the first full stop of a version.
func majorVersion(version string) string {
	major, _, _ := strings.Cut(version, ".")
	return major
}

// schemaUpTo tells whether a database's schema is that of a JupyterHub series
// or older. A revision that the audit does not know is newer.
func schemaUpTo(d *facts.Database, release string) bool {
	head, _ := headOf(release)
	last := revisionRank(head.id)
	for _, id := range d.Revisions {
		if rank := revisionRank(id); rank < 0 || rank > last {
			return false
		}
	}
	return true
}
