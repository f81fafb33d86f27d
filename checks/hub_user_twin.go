package checks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubUserTwin = &Check{
	ID:       "hub-user-twin",
	Title:    "Nobody was given a second account under another spelling of their name",
	Severity: verdict.Error,
	Since:    "0.2.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers},
	Uses:     []string{facts.KubeClaims},
	Params: []Param{
		{Name: "maxGap", Doc: "how long before the second account appeared the first one may have been used last", Default: float64(180 * 24 * time.Hour),
			Min: 0, Max: float64(10 * 365 * 24 * time.Hour), Unit: UnitDuration},
		{Name: "maxOverlap", Doc: "how long after that the first account may still have been active, as its server runs on", Default: float64(24 * time.Hour),
			Min: 0, Max: float64(365 * 24 * time.Hour), Unit: UnitDuration},
		{Name: "maxAge", Doc: "how long ago the second account may have appeared; older ones are no news", Default: float64(90 * 24 * time.Hour),
			Min: float64(time.Hour), Max: float64(10 * 365 * 24 * time.Hour), Unit: UnitDuration},
		{Name: "minLead", Doc: "how long the first account must have been there when the second appeared; both from one list of names are two people's",
			Default: float64(24 * time.Hour), Min: 0, Max: float64(365 * 24 * time.Hour), Unit: UnitDuration},
		{Name: "minPairs", Doc: "how many pairs of one rule make it a change of names and no chance", Default: 3, Min: 1, Max: 1e6, Unit: "pairs"},
		{Name: "within", Doc: "within what time their second accounts appeared", Default: float64(14 * 24 * time.Hour),
			Min: float64(time.Minute), Max: float64(365 * 24 * time.Hour), Unit: UnitDuration},
	},
	Doc: Doc{
		Meaning: "People who had an account got a second one, because the way in which a login becomes a user name changed: '.' became '-', a mail " +
			"domain was cut off or added, capitals were folded. The hub takes them for new users: they see an empty home on a new claim, and " +
			"their files are in the claim of the first account. Two names are compared after folding Unicode form and case, all symbols into " +
			"one, and the domain of an address; addresses of two domains are two people.",
		FalseAlarms: "Namesakes: `j.doe` and `jdoe` differ in more than symbols and are never compared, `bob` and `Bob` or two Unicode forms of one name " +
			"are only reported when several such pairs appear at once, and two accounts that are both in use, or that came in one day, never are. What is reported has a claim " +
			"each, and the first account fell silent when the second appeared. A single pair may still be chance and is a warning; so are several " +
			"where no claims can be seen, and there a single pair is only noted.",
		Do: []string{
			"Find out what changed on the day of the second accounts: the authenticator's configuration (`username_claim`, `username_map`, `strip_domain`), the identity provider, a users table that was rebuilt by hand.",
			"If more appear with every login, stop the hub: `kubectl -n NAMESPACE scale deployment/hub --replicas=0`. Running servers keep running.",
			"Put the old spelling back in the authenticator, so that people get their first account again.",
			"For each pair look into both claims from a pod that mounts them read-only, and copy what is new in the second into the first.",
			"Where the new spelling is to stay, rename the first account to it while the hub is down, after the second account was renamed out of the way; the claim of the first must be named in its server's state (`pvc_name`).",
			"Keep the second account's claim until its owner has confirmed their files, then delete it after a backup.",
		},
		Dont: []string{
			"Do not delete either account through the hub: that deletes its claim.",
			"Do not tell people to copy their files themselves: they cannot see the old claim.",
		},
		Sources: []string{
			"Berkeley DataHub post-mortem, 2017-02-09: '.' in names had become '-', users got a second account and claim",
			"jupyterhub/oauthenticator#660 and PR 661",
		},
	},
	Run: runHubUserTwin,
}

func runHubUserTwin(in *Input) Result {
	if why := usersUnread(in.Hub); why != "" {
		return Result{Unknown: why}
	}
	w := twinWitness{in: in, claimsSeen: in.Source(facts.KubeClaims).Status == facts.OK}
	pairs := w.pairs(families(in.Hub.Users))
	found := in.ofWeight(pairs)
	var r Result
	for _, p := range found {
		r.Findings = append(r.Findings, w.finding(p))
	}
	if len(found) > 1 {
		r.Summary = fmt.Sprintf("%s look like second accounts of users under another name; the names differ only: %s", text.Count(len(found), "user"), perRule(found))
	}
	if w.undated > 0 && len(found) == 0 {
		r.Skip = fmt.Sprintf("%s of users with like names: the database does not tell when the second one came, and there is no cluster to look at its claim", text.Count(w.undated, "pair"))
	}
	return r
}

// twins are two accounts that look like one person's.
type twins struct {
	first, second *facts.User
	appeared      time.Time // the second account
	rule          nameRule
	differ        string // in words
	several       bool   // one of several of its rule at about the same time
}

// twinWitness knows what tells a second account from a namesake.
type twinWitness struct {
	in         *Input
	claimsSeen bool
	// claims has when the oldest claim of a user was made, by user id.
	claims map[int64]time.Time
	// undated counts the pairs of which nothing tells when the second appeared:
	// the claims, which else do, are not there to be seen.
	undated int
}

// pairs judges the families of like names. Within each only neighbours in age
// are compared: the one before is the account that a second one took over from.
func (w *twinWitness) pairs(families [][]*facts.User) []twins {
	var pairs []twins
	if len(families) > 0 && w.claimsSeen {
		w.claims = w.in.firstClaims()
	}
	for _, family := range families {
		family = slices.DeleteFunc(family, func(u *facts.User) bool { return !w.settled(u) })
		if len(family) < 2 || !byAge(family) {
			continue
		}
		for i := 1; i < len(family); i++ {
			if p, ok := w.pair(family[i-1], family[i]); ok {
				pairs = append(pairs, p)
			}
		}
	}
	return pairs
}

// settled tells whether an account has something to lose: a claim, or where
// none can be seen, some activity.
func (w *twinWitness) settled(u *facts.User) bool {
	if w.claimsSeen {
		_, ok := w.claims[u.ID]
		return ok
	}
	return !u.LastActivity.IsZero()
}

// pair tells whether second took over from first.
func (w *twinWitness) pair(first, second *facts.User) (twins, bool) {
	rule, differ := difference(first.Name, second.Name)
	p := twins{first: first, second: second, rule: rule, differ: differ, appeared: second.Created}
	began := first.Created
	if p.appeared.IsZero() || p.appeared.Equal(first.Created) {
		// Before JupyterHub 0.9 nobody wrote it down, and an upgrade from there
		// gives all users the time of the upgrade.
		began, p.appeared = w.claims[first.ID], w.claims[second.ID]
	}
	last, overlap := first.LastActivity, w.in.Duration("maxOverlap")
	if p.appeared.IsZero() {
		inUse := !second.LastActivity.IsZero() && last.Sub(second.LastActivity) > overlap
		if !inUse && p.rule.alone() {
			w.undated++
		}
		return p, false
	}
	return p, w.in.Now.Sub(p.appeared) <= w.in.Duration("maxAge") && p.appeared.Sub(began) >= w.in.Duration("minLead") &&
		last.Sub(p.appeared) <= overlap && (last.IsZero() || p.appeared.Sub(last) <= w.in.Duration("maxGap"))
}

// alone tells whether a single pair of this rule is worth a word. Names that
// differ in case or Unicode form are normal on a hub: its API takes any.
func (r nameRule) alone() bool { return r == ruleDomain || r == ruleSymbols }

// ofWeight marks the pairs that came with others of their rule, and leaves out
// those that say nothing alone.
func (in *Input) ofWeight(pairs []twins) []twins {
	slices.SortStableFunc(pairs, func(a, b twins) int { return a.appeared.Compare(b.appeared) })
	least, within := int(in.Number("minPairs")), in.Duration("within")
	var found []twins
	for _, rule := range nameRules {
		var same []twins
		for _, p := range pairs {
			if p.rule == rule {
				same = append(same, p)
			}
		}
		for i, marked := 0, 0; i+least <= len(same); i++ {
			last := i + least - 1
			if same[last].appeared.Sub(same[i].appeared) > within {
				continue
			}
			for marked = max(marked, i); marked <= last; marked++ {
				same[marked].several = true
			}
		}
		for _, p := range same {
			if p.several || rule.alone() {
				found = append(found, p)
			}
		}
	}
	return found
}

func (w *twinWitness) finding(p twins) verdict.Finding {
	severity := verdict.Warning
	switch {
	case p.several && w.claimsSeen:
		severity = verdict.Error
	case !p.several && !w.claimsSeen:
		severity = verdict.Info
	}
	quote := "%q"
	if strings.Contains(p.differ, string(ruleForm)) {
		quote = "%+q" // two forms of one name look alike
	}
	silence := "which was never active"
	if last := p.first.LastActivity; !last.IsZero() {
		silence = "last active on " + day(last)
	}
	details := map[string]string{"rule": string(p.rule), "differ": p.differ, "first": p.first.Name, "appeared": text.Time(p.appeared)}
	if id := userSubject(p.first).ID; id != "" {
		details["firstID"] = id
	}
	for name, at := range map[string]time.Time{"firstCreated": p.first.Created, "firstLastActivity": p.first.LastActivity,
		"firstClaimCreated": w.claims[p.first.ID], "claimCreated": w.claims[p.second.ID]} {
		if !at.IsZero() {
			details[name] = text.Time(at)
		}
	}
	return verdict.Finding{Subject: userSubject(p.second), Severity: severity, Details: details,
		Message: fmt.Sprintf(quote+" (%s) looks like the second account of "+quote+" (%s), %s: the names differ only in %s, one account each is expected",
			p.second.Name, w.origin(p.second, p.appeared), p.first.Name, w.origin(p.first, p.first.Created), silence, p.differ)}
}

// origin is a user's id and since when they are there, as far as it is known.
func (w *twinWitness) origin(u *facts.User, since time.Time) string {
	var parts []string
	if u.ID > 0 {
		parts = append(parts, "id "+idText(u.ID))
	}
	if since.IsZero() {
		since = w.claims[u.ID]
	}
	if !since.IsZero() {
		parts = append(parts, "since "+day(since))
	}
	if len(parts) == 0 {
		return "of unknown age"
	}
	return strings.Join(parts, ", ")
}

// perRule counts the pairs by what their names differ in, the commonest first.
func perRule(pairs []twins) string {
	counts := map[string]int{}
	for _, p := range pairs {
		counts[p.differ]++
	}
	rules := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	for i, differ := range rules {
		rules[i] = text.Number(counts[differ]) + " in " + differ
	}
	return joined(rules, ", ", 3)
}

// firstClaims has when the oldest claim of each of the hub's users was made.
func (in *Input) firstClaims() map[int64]time.Time {
	first := map[int64]time.Time{}
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		o, ok := in.ownerOrUser(c)
		if !ok || o.Hub != in.Hub.Name || o.UserID == 0 || !c.Deleting.IsZero() {
			continue
		}
		if at, seen := first[o.UserID]; !seen || c.Created.Before(at) {
			first[o.UserID] = c.Created
		}
	}
	return first
}
