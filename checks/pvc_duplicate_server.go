package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
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
			"being deleted are not counted, nor are claims of users that the database does not have. A clone made for recovery is taken for the " +
			"user's claim only while it carries the user's annotations: make it without them or in another namespace, or take them off with " +
			"`kubectl -n NAMESPACE annotate pvc CLONE hub.jupyter.org/username-`.",
		Do: []string{
			"Ask the user not to work in either copy, and stop the server.",
			"Find the claim with the files: the details name the one with more data and when each was last used; look into both from a pod that mounts them read-only.",
			"Save whatever is new in the other one.",
			"Stop the hub, set the state of the server's row in table spawners to name the right claim (`pvc_name`, KubeSpawner 7), and start the hub. Older hubs find a claim only by its name: bind the right volume under the name that the hub asks for.",
			"When the user has confirmed their files, take the annotations off the spare claim, and delete it only after a backup.",
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
	type server struct {
		user int64
		name string
	}
	claims := map[server][]*facts.Claim{}
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		o, ok := in.Owners().Owner(c.Namespace, c.Name)
		if ok && o.Hub == in.Hub.Name && o.UserID != 0 && c.Deleting.IsZero() {
			s := server{o.UserID, o.Server}
			claims[s] = append(claims[s], c)
		}
	}
	r := Result{Unknown: usersUnread(in.Hub)}
	for _, same := range claims {
		if len(same) > 1 {
			r.Findings = append(r.Findings, in.duplicate(same))
		}
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("%s have more than one claim each: some of them see an old or an empty home", text.Count(n, "server"))
	}
	return r
}

// duplicate reports one server's claims, which claim has the data, and which
// one the server mounts.
func (in *Input) duplicate(same []*facts.Claim) verdict.Finding {
	slices.SortFunc(same, func(a, b *facts.Claim) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	owner, _ := in.Owners().Owner(same[0].Namespace, same[0].Name)
	texts := make([]string, len(same))
	mounted := "not known"
	for i, c := range same {
		texts[i] = in.claimText(c)
		if o, _ := in.Owners().Owner(c.Namespace, c.Name); o.By == attribution.ByState {
			mounted = c.Name
		}
	}
	data, why := in.likelyData(same)
	details := map[string]string{"claims": strings.Join(texts, "; "), "likelyData": data.Name, "likelyDataBecause": why, "remembered": mounted}
	ownerDetails(details, owner)
	delete(details, "attributedBy") // differs from claim to claim
	return verdict.Finding{
		Subject: verdict.Subject{Kind: "user", Name: owner.User, Namespace: same[0].Namespace, ID: idText(owner.UserID)},
		Message: fmt.Sprintf("%s has %s, one is expected: %s; the files are probably in %s, %s",
			owner, text.Count(len(same), "claim"), list(texts, 4), data.Name, why),
		Details: details,
	}
}

// claimText is a claim with what hints at its contents.
func (in *Input) claimText(c *facts.Claim) string {
	hints := []string{"created " + day(c.Created)}
	if v := in.lhVolume(c); v != nil {
		hints = append(hints, bytesText(v.ActualBytes))
		switch {
		case v.State == "attached":
			hints = append(hints, "in use")
		case !v.LastPodRefAt.IsZero():
			hints = append(hints, "last used "+day(v.LastPodRefAt))
		}
	}
	return c.Name + " (" + strings.Join(hints, ", ") + ")"
}

// likelyData picks the claim that probably holds the user's files: the one
// with clearly more data where Longhorn says how much, else the oldest. same
// is sorted by age.
func (in *Input) likelyData(same []*facts.Claim) (*facts.Claim, string) {
	best, most, second := same[0], int64(-1), int64(-1)
	for _, c := range same {
		v := in.lhVolume(c)
		if v == nil {
			return same[0], "the oldest"
		}
		switch n := v.ActualBytes; {
		case n > most:
			best, most, second = c, n, most
		case n > second:
			second = n
		}
	}
	// A filesystem without a file takes some space too.
	const clearly = 16 << 20
	if most-second < clearly {
		return same[0], "the oldest of about equal ones"
	}
	return best, "which has the most data"
}
