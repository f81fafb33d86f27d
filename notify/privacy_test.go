package notify_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"hubaudit/checks"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
	"hubaudit/notify"
	"hubaudit/notify/notifytest"
)

// messageOf is a message that a receiver was given, with its verdict's whole run.
func messageOf(run *verdict.Run, v *verdict.Verdict, guide verdict.Guide) notify.Message {
	return notify.Message{
		Decision: notify.Decision{Kind: notify.Worse, Reason: v.Summary, Incident: verdict.Incident{ID: 7, Fingerprint: v.Fingerprint, Cluster: run.Cluster, Hub: v.Hub,
			Check: v.Check, State: verdict.Ongoing, Outcome: v.Outcome, Severity: v.Severity, Summary: v.Summary, Count: v.Count, OpenedAt: run.StartedAt}},
		Verdict: v, Guide: guide, Run: run, Explains: []string{v.Check + ": " + v.Summary}, Report: []byte(report)}
}

// judged is the run of a snapshot.
func judged(t testing.TB, s *facts.Snapshot) *verdict.Run {
	t.Helper()
	suite, err := checks.NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &verdict.Run{ID: "20261120T120000Z-12", Cluster: "prod", StartedAt: now, Version: "0.1.0", Verdicts: checks.Judge(suite, s), Sources: s.Sources}
}

// recorded are the runs of all recorded stages, and the people of each.
func recorded(t testing.TB) (runs []*verdict.Run, people [][]string) {
	t.Helper()
	for _, incident := range append(world.Incidents(), world.FiveCharts()) {
		var past facts.Past
		for n := range incident.Stages {
			s := incident.Stages[n].Snapshot
			if n == 0 {
				world.Remember(s)
				past = s.Past
			}
			s.Past = past
			runs, people = append(runs, judged(t, s)), append(people, peopleOf(s))
		}
	}
	return runs, people
}

// peopleOf are the users of a snapshot and of what it remembers.
func peopleOf(s *facts.Snapshot) []string {
	var names []string
	for _, h := range s.Hubs {
		for _, u := range h.Users {
			names = append(names, u.Name)
		}
	}
	return names
}

// everywhere is all that each receiver is sent of a message, as one text.
func everywhere(t testing.TB, m notify.Message) string {
	t.Helper()
	slack, pd := notifytest.NewSlackServer(), notifytest.NewPagerDutyServer()
	defer slack.Close()
	defer pd.Close()
	bot := notify.NewSlackBot("slack", notifytest.SlackToken, notifytest.SlackChannel, slack.APIURL())
	ref, err := bot.Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	m.Ref = ref
	for _, r := range []notify.Receiver{bot, notify.NewSlackWebhook("hook", slack.WebhookURL()), notify.NewPagerDuty("pagerduty", notifytest.PagerDutyKey, pd.URL())} {
		if _, err := r.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := bot.(notify.Digester).SendDigest(t.Context(), []notify.Message{m, m}); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, p := range slack.Posts() {
		all.WriteString(p.Text + "\n")
		all.Write(p.Blocks)
	}
	for _, e := range pd.Events() {
		all.Write(e.Raw)
	}
	for _, f := range slack.Files() {
		all.Write(f.Content)
	}
	m.Run = nil
	whole, err := json.Marshal(m) // what any other receiver could make of it
	if err != nil {
		t.Fatal(err)
	}
	all.Write(whole)
	return all.String()
}

func isJoint(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// namesIn are the people of three letters and more that a text names: as words of
// their own, and as parts of words that hyphens and dots join.
func namesIn(sent string, people []string) (found []string) {
	words := map[string]bool{}
	for word := range strings.FieldsFuncSeq(sent, isJoint) {
		words[word] = true
	}
	for _, name := range people {
		first, _, _ := strings.Cut(strings.Map(func(r rune) rune {
			if isJoint(r) {
				return ' '
			}
			return r
		}, name), " ")
		if len([]rune(name)) >= 3 && (first == "" || words[first]) && standsIn(sent, name) {
			found = append(found, name)
		}
	}
	return found
}

func standsIn(sent, name string) bool {
	for at := strings.Index(sent, name); at >= 0; {
		before, _ := utf8.DecodeLastRuneInString(sent[:at])
		after, _ := utf8.DecodeRuneInString(sent[at+len(name):])
		if isJoint(before) && isJoint(after) {
			return true
		}
		next := strings.Index(sent[at+1:], name)
		if next < 0 {
			return false
		}
		at += 1 + next
	}
	return false
}

// TestPrivacyRecorded: no message about the recorded incidents names anybody.
func TestPrivacyRecorded(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, in which the race detector takes long and finds nothing")
	}
	guides := checks.Guides()
	runs, people := recorded(t)
	for _, mode := range []string{"hash", "short"} {
		p := notify.NewPrivacy(mode, "key")
		names := 0
		for n, run := range runs {
			if found := namesIn(fmt.Sprint(*p.Run(run)), people[n]); len(found) > 0 {
				t.Errorf("%s: run %d names %.10q", mode, n, found)
			}
			for i := range run.Verdicts {
				v := &run.Verdicts[i]
				if v.Outcome != verdict.Fail {
					continue
				}
				m := messageOf(run, v, guides[v.Check])
				names += len(namesIn(fmt.Sprint(v.Findings), people[n]))
				hidden := p.Hide(m)
				hidden.Guide = verdict.Guide{} // our own words may be anybody's name
				if found := namesIn(everywhere(t, hidden), people[n]); len(found) > 0 {
					t.Errorf("%s: run %d, %s names %.10q of\n%.600q", mode, n, v.Check, found, v.Findings[:min(3, len(v.Findings))])
				}
			}
		}
		if names < 1000 {
			t.Errorf("the findings name only %d people: this tests little", names)
		}
	}
}

// TestPrivacyRandom: nor do messages about random hubs, whose users have names of
// many forms and to whom random things happen.
func TestPrivacyRandom(t *testing.T) {
	damages := []func(*facts.Snapshot){
		func(s *facts.Snapshot) { world.NullCookies(s, world.HubName, 2, 3, 5) },
		func(s *facts.Snapshot) { world.ShareCookies(s, world.HubName, 1, 4) },
		func(s *facts.Snapshot) { world.WipeDatabase(s, world.HubName) },
		func(s *facts.Snapshot) { world.RemakeUsers(s, world.HubName) },
		func(s *facts.Snapshot) { world.OldNames(s, world.HubName) },
		func(s *facts.Snapshot) { world.LoseNode(s, s.Kube.Nodes[0].Name) },
		func(s *facts.Snapshot) { world.NoBackups(s) },
		func(s *facts.Snapshot) {
			s.Kube.Pods[len(s.Kube.Pods)-1].Claims = []string{s.Kube.Claims[len(s.Kube.Claims)/2].Name}
		},
		func(s *facts.Snapshot) {
			world.RemoveClaim(s, s.Kube.Claims[len(s.Kube.Claims)-1].Namespace, s.Kube.Claims[len(s.Kube.Claims)-1].Name)
		},
	}
	forms := []string{"zoe%04d", "Zoe.Q%04d", "zoe_q%04d@uni.example", "z%04d", "%08d", "zoe-q-%04d", "zoë%04d", "z q%04d", "zoe%04dxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}
	failing := 0
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 7))
		s := world.Healthy(world.Small)
		world.NameUsers(s, world.HubName, func(i int) string { return fmt.Sprintf(forms[(i+int(seed))%len(forms)], random.IntN(10_000)) })
		people := peopleOf(s)
		world.Remember(s)
		for range 1 + random.IntN(3) {
			damages[random.IntN(len(damages))](s)
		}
		world.Settle(s)
		run := judged(t, s)
		hidden := notify.NewPrivacy([]string{"hash", "short"}[seed%2], "key").Run(run)
		for i := range run.Verdicts {
			if v := &hidden.Verdicts[i]; v.Outcome == verdict.Fail {
				failing++
				if found := namesIn(fmt.Sprintf("%s %v", v.Summary, v.Findings), people); len(found) > 0 {
					t.Errorf("seed %d: %s names %q: %s\n%.600v", seed, v.Check, found, v.Summary, v.Findings)
				}
			}
		}
	}
	if failing < 100 {
		t.Errorf("only %d verdicts fail: this tests little", failing)
	}
}

// TestPrivacyShown is what people read instead of names.
func TestPrivacyShown(t *testing.T) {
	run := &verdict.Run{ID: "1", Cluster: "prod", StartedAt: now, Verdicts: []verdict.Verdict{{Check: "pvc-misrouted", Hub: "datahub", Outcome: verdict.Fail,
		Findings: []verdict.Finding{
			{Subject: verdict.Subject{Kind: "claim", Name: "claim-a-2eb"}, Details: map[string]string{"user": "a.b", "claim": "claim-a-2eb"}},
			{Subject: verdict.Subject{Kind: "user", Name: "datahub"}},
			{Subject: verdict.Subject{Kind: "user", Name: "42"}},
			{Subject: verdict.Subject{Kind: "node", Name: "worker-1"}, Details: map[string]string{"users": `"alice", "alice-smith", "q\"x"`}},
		}}}}
	for given, want := range map[string][2]string{
		`user "alice" (id 5)`:                {`user "user-76fb55" (id 5)`, `user "al…" (id 5)`},
		`"alice", "alice-smith" and malice`:  {`"user-76fb55", "user-976164" and malice`, `"al…", "al…" and malice`},
		`claim-a-2eb of user "a.b"`:          {`claim-user-dd17e3 of user "user-dd17e3"`, `claim-a.… of user "a.…"`},
		`claim-nobody-knows-2dthem and more`: {`claim-466042 and more`, `claim-no… and more`},
		`jupyter-alice, hub-db-dir`:          {`jupyter-user-76fb55, hub-db-dir`, `jupyter-al…, hub-db-dir`},
		`42 volumes of "42", datahub`:        {`42 volumes of "user-f2991b", datahub`, `42 volumes of "4…", datahub`},
		`"q\"x" in pvc-misrouted`:            {`"user-36edf5" in pvc-misrouted`, `"q"…" in pvc-misrouted`},
	} {
		for n, mode := range []string{"hash", "short"} {
			m := notify.Message{Run: run}
			m.Incident.Summary, m.Reason, m.Explains = given, given, []string{given}
			got := notify.NewPrivacy(mode, "key").Hide(m)
			if got.Incident.Summary != want[n] || got.Reason != want[n] || got.Explains[0] != want[n] {
				t.Errorf("%s of %s is\n%s, want\n%s", mode, given, got.Incident.Summary, want[n])
			}
		}
	}
}

// TestPrivacyOff: without it a message stays as it is.
func TestPrivacyOff(t *testing.T) {
	if p := notify.NewPrivacy("names", ""); p != nil || p.Hide(critical()).Verdict.Findings[0].Subject.Name != "student0000" || p.Run(critical().Run).ID == "" {
		t.Error("names are hidden")
	}
}

// TestPrivacyKeepsOriginals: the run goes into the history with its names.
func TestPrivacyKeepsOriginals(t *testing.T) {
	m := critical()
	m.Run.Verdicts = []verdict.Verdict{*m.Verdict}
	m.Verdict = &m.Run.Verdicts[0]
	before := fmt.Sprint(m.Run.Verdicts)
	hidden := notify.NewPrivacy("hash", "key").Hide(m)
	if fmt.Sprint(m.Run.Verdicts) != before || m.Report == nil {
		t.Error("hiding has changed the original")
	}
	if hidden.Report != nil || hidden.Run == m.Run || hidden.Verdict != &hidden.Run.Verdicts[0] || len(hidden.Verdict.Findings) != 1003 {
		t.Errorf("hidden is %.300v", hidden)
	}
}

// FuzzPrivacy hides names of any form in what checks may write about them.
func FuzzPrivacy(f *testing.F) {
	for n, name := range append([]string{"alice", "Ann.Lee@uni.example", "42", "claim-x", "user", "1234567"}, hostile...) {
		f.Add(name, uint64(n))
	}
	f.Fuzz(func(t *testing.T, name string, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 1))
		other := strings.Repeat(name, random.IntN(2)) + "-2"
		run := &verdict.Run{ID: "1", StartedAt: now, Verdicts: []verdict.Verdict{{Check: "c", Outcome: verdict.Fail, Count: 2, Summary: fmt.Sprintf("user %q and (%s)", name, name),
			Findings: []verdict.Finding{{Subject: verdict.Subject{Kind: "user", Name: name}, Message: fmt.Sprintf("user %q has claim-%s", name, name)},
				{Subject: verdict.Subject{Kind: "node", Name: "n"}, Message: fmt.Sprintf("of %q", name), Details: map[string]string{"users": fmt.Sprintf("%q, %q", other, name)}}}}}}
		m := messageOf(run, &run.Verdicts[0], verdict.Guide{})
		hidden := notify.NewPrivacy("hash", "k").Hide(m)
		if len([]rune(name)) < 3 || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) }) || strings.Contains("user claim node and has of", name) {
			return // it must not crash; such names are told apart from words in the tests above
		}
		if found := namesIn(fmt.Sprint(hidden.Incident, hidden.Reason, hidden.Explains, hidden.Verdict), []string{name}); len(found) > 0 {
			t.Errorf("%q is in %v", name, hidden.Verdict)
		}
	})
}

func BenchmarkPrivacyLarge(b *testing.B) {
	run := &verdict.Run{ID: "1", StartedAt: now, Verdicts: []verdict.Verdict{{Check: "hub-cookie-id-null", Hub: "datahub", Outcome: verdict.Fail, Count: 100_000}}}
	v := &run.Verdicts[0]
	for n := range v.Count {
		name := fmt.Sprintf("student-%06d", n)
		v.Findings = append(v.Findings, verdict.Finding{Subject: verdict.Subject{Kind: "user", Name: name},
			Message: fmt.Sprintf("user %q (id %d) has the cookie_id NULL and the claim claim-%s, a random text of their own is expected", name, n, name)})
	}
	m := messageOf(run, v, verdict.Guide{})
	for b.Loop() {
		if notify.NewPrivacy("hash", "key").Hide(m).Verdict.Count != v.Count {
			b.Fatal("findings are lost")
		}
	}
}
