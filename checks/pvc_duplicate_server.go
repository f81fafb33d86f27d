package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/prediction"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var pvcDuplicateServer = &Check{
	ID:       "pvc-duplicate-server",
	Title:    "Every server of every user has one claim",
	Severity: verdict.Critical,
	Since:    "0.1.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers, facts.KubeClaims},
	Doc: Doc{
		Meaning: "Two claims are for the same server of the same user. The server mounts one of them; the user's files are in the other, and what they " +
			"see is an old or an empty home. It happens when the hub gave the user a new id, when KubeSpawner changed how it names claims, or " +
			"when the hub forgot which claim the server had.",
		FalseAlarms: "Several named servers of one user have a claim each, and several servers may share one claim: neither is reported. Claims that are " +
			"being deleted are not counted, nor are claims of users or named servers that the database does not have, claims under `otherClaims`, and copies " +
			"that Kubernetes made of a claim or a snapshot. A copy that was made by other means, as by restoring files into a new claim, is taken for the " +
			"user's claim while it carries the user's annotations or a name that some KubeSpawner gives: make it in another namespace, or list it under " +
			"`otherClaims` in the audit's configuration.",
		Do: []string{
			"Ask the user not to work in either copy, and stop the server.",
			"Find the claim with the files: the finding names the one that has more data or is older, when each was last used, and which one the next start takes; look into both from a pod that mounts them read-only.",
			"Mind the cause that the finding names: after a reset of the database or an upgrade others may follow, so settle that first (`audit explain hub-db-reset`, `audit predict`).",
			"Save whatever is new in the other one.",
			"Stop the hub, set the state of the server's row in table spawners to name the right claim (`pvc_name`, KubeSpawner 7), and start the hub. Older hubs find a claim only by its name: bind the right volume under the name that the hub asks for.",
			"When the user has confirmed their files, list the spare claim under `otherClaims` in the audit's configuration, and delete it only after a backup.",
		},
		Dont: []string{
			"Do not delete the claim that nothing mounts: it is the one that holds the old files.",
			"Do not change pvc_name_template to make one user's claim fit: it moves everybody else.",
		},
		Sources: []string{"Berkeley DataHub post-mortem, 2017-02-09", "jupyterhub/kubespawner#937", "jupyterhub/zero-to-jupyterhub-k8s#3574"},
	},
	Run: runPVCDuplicateServer,
}

func runPVCDuplicateServer(in *Input) Result {
	claims := map[serverKey][]*facts.Claim{}
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		o, ok := in.Owners().Owner(c.Namespace, c.Name)
		if ok && o.Hub == in.Hub.Name && o.UserID != 0 && c.Deleting.IsZero() {
			s := serverKey{o.UserID, o.Server}
			claims[s] = append(claims[s], c)
		}
	}
	r := Result{Unknown: usersUnread(in.Hub)}
	d := duplicates{in: in}
	for server, same := range claims {
		if len(same) > 1 && d.exists(server) {
			r.Findings = append(r.Findings, d.finding(server, same))
		}
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("%s have more than one claim each: some of them see an old or an empty home", text.Count(n, "server"))
	}
	return r
}

// duplicates reports servers with several claims. What it looks up is made for
// the first of them.
type duplicates struct {
	in      *Input
	servers map[serverKey]*facts.Spawner
	starts  map[serverKey]*prediction.Start
	// untold says why the next starts are not known.
	untold string
	causes duplicateCauses
}

// exists tells whether the hub has a server. A named one that it does not have
// any more leaves claims that no start will mount.
func (d *duplicates) exists(server serverKey) bool {
	if d.servers == nil {
		d.servers = make(map[serverKey]*facts.Spawner, len(d.in.Hub.Spawners))
		for i := range d.in.Hub.Spawners {
			sp := &d.in.Hub.Spawners[i]
			d.servers[serverKey{sp.UserID, sp.Name}] = sp
		}
	}
	return server.server == "" || d.servers[server] != nil || d.in.Hub.SpawnersRead != facts.Complete
}

// next is a server's next start; nil where that cannot be told.
func (d *duplicates) next(server serverKey) *prediction.Start {
	if d.starts == nil {
		starts, err := d.in.Starts()
		if err != nil {
			d.untold = err.Error()
		}
		d.starts = make(map[serverKey]*prediction.Start, len(starts))
		for i := range starts {
			d.starts[serverKey{starts[i].UserID, starts[i].Server}] = &starts[i]
		}
	}
	return d.starts[server]
}

// finding reports one server's claims: which of them has the data, which one
// the server mounts, and how it came to several.
func (d *duplicates) finding(server serverKey, same []*facts.Claim) verdict.Finding {
	same, data, why := d.in.byAge(same)
	owner, _ := d.in.Owners().Owner(same[0].Namespace, same[0].Name)
	texts := make([]string, len(same))
	remembered := "not known"
	for i, c := range same {
		texts[i] = d.in.claimText(c)
		if o, _ := d.in.Owners().Owner(c.Namespace, c.Name); o.By == attribution.ByState {
			remembered = c.Name
		}
	}
	details := map[string]string{"claims": strings.Join(texts, "; "), "likelyData": data.Name, "likelyDataBecause": why, "remembered": remembered}
	ownerDetails(details, owner)
	delete(details, "attributedBy") // differs from claim to claim
	message := fmt.Sprintf("%s has %s, one is expected: %s; the files are probably in %s, %s",
		owner, text.Count(len(same), "claim"), list(texts, 4), data.Name, why)
	if mounts := d.mounts(server, same, details); mounts != "" {
		message += "; " + mounts
	}
	if cause, clause := d.causes.of(d.in, owner, same); cause != "" {
		details["cause"] = cause
		message += "; " + clause
	}
	subject := userSubject(&facts.User{ID: owner.UserID, Name: owner.User})
	subject.Namespace = same[0].Namespace
	return verdict.Finding{Subject: subject, Message: message, Details: details}
}

// mounts says in a clause which of a server's claims a pod mounts now and which
// one its next start takes.
func (d *duplicates) mounts(server serverKey, same []*facts.Claim, details map[string]string) string {
	now, next, because, verb := "", "", "", "mounts"
	for _, c := range same {
		if content := d.in.contents().Of(c); content.Pod != "" {
			now = c.Name
			details["mountedBy"], details["mounted"] = content.Pod, c.Name
		}
	}
	if s := d.next(server); s == nil {
		because = d.untold
	} else {
		next, because = s.Claim, s.Because
		if d.in.claimsByKey()[claimKey{s.Namespace, s.Claim}] == nil {
			verb = "makes"
		}
	}
	details["nextStart"], details["nextStartBecause"] = cmp.Or(next, "not known"), because
	switch {
	case now != "" && now == next:
		return fmt.Sprintf("%s is mounted now and by the next start", now)
	case now != "" && next != "":
		return fmt.Sprintf("%s is mounted now, and the next start %s %s", now, verb, next)
	case now != "":
		return now + " is mounted now"
	case next != "":
		return "the next start " + verb + " " + next
	}
	return ""
}

// byAge returns the claims of one server, oldest first, the one that probably
// holds its user's files, and why that.
func (in *Input) byAge(same []*facts.Claim) (ordered []*facts.Claim, data *facts.Claim, why string) {
	likeliest, why := in.contents().Likeliest(same)
	data = likeliest[0]
	slices.SortStableFunc(likeliest, func(a, b *facts.Claim) int { return a.Created.Compare(b.Created) })
	return likeliest, data, why
}

// claimText is a claim with what hints at its contents.
func (in *Input) claimText(c *facts.Claim) string {
	hints := []string{"created " + day(c.Created)}
	content := in.contents().Of(c)
	if content.Bytes >= 0 {
		hints = append(hints, bytesText(content.Bytes))
	}
	switch {
	case content.InUse():
		hints = append(hints, "in use")
	case !content.LastUsed.IsZero():
		hints = append(hints, "last used "+day(content.LastUsed))
	}
	return c.Name + " (" + strings.Join(hints, ", ") + ")"
}
