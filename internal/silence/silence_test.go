package silence

import (
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/verdict"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// holding is a silence that holds now, of everything unless changed.
func holding(id int64, change func(*verdict.Silence)) verdict.Silence {
	s := verdict.Silence{ID: id, Check: "*", Hub: "*", Subject: All, Reason: "disk is ordered", By: "carol", At: now.Add(-time.Hour), Until: now.Add(day)}
	if change != nil {
		change(&s)
	}
	return s
}

func failing(check, hub string, findings ...verdict.Finding) verdict.Verdict {
	v := verdict.Verdict{Check: check, Hub: hub, Outcome: verdict.Fail, Severity: verdict.Warning, Count: len(findings), Findings: findings}
	for _, f := range findings {
		if f.Severity.AtLeast(v.Severity) {
			v.Severity = f.Severity
		}
	}
	return v
}

func finding(severity verdict.Severity, namespace, name string) verdict.Finding {
	return verdict.Finding{Severity: severity, Subject: verdict.Subject{Kind: "claim", Namespace: namespace, Name: name}}
}

// mixed is one verdict with a critical finding and two lesser ones.
func mixed() []verdict.Verdict {
	return []verdict.Verdict{failing("pvc-lost", "datahub", finding(verdict.Critical, "datahub", "claim-a"), finding(verdict.Warning, "datahub", "claim-b"),
		finding(verdict.Error, "lab", "claim-b"))}
}

func TestApply(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(*verdict.Silence)
		silenced int
		whole    bool
		severity verdict.Severity
		count    int
	}{
		"everything":             {nil, 3, true, verdict.Critical, 3},
		"its check":              {func(s *verdict.Silence) { s.Check = "pvc-lost" }, 3, true, verdict.Critical, 3},
		"a glob of checks":       {func(s *verdict.Silence) { s.Check = "pvc-*" }, 3, true, verdict.Critical, 3},
		"another check":          {func(s *verdict.Silence) { s.Check = "lh-*" }, 0, false, verdict.Critical, 3},
		"its hub":                {func(s *verdict.Silence) { s.Hub = "data*" }, 3, true, verdict.Critical, 3},
		"another hub":            {func(s *verdict.Silence) { s.Hub = "lab" }, 0, false, verdict.Critical, 3},
		"checks of the cluster":  {func(s *verdict.Silence) { s.Hub = "" }, 0, false, verdict.Critical, 3},
		"the worst":              {func(s *verdict.Silence) { s.Subject = "claim-a" }, 1, false, verdict.Error, 2},
		"by name":                {func(s *verdict.Silence) { s.Subject = "claim-b" }, 2, false, verdict.Critical, 1},
		"by namespace and name":  {func(s *verdict.Silence) { s.Subject = "lab/claim-b" }, 1, false, verdict.Critical, 2},
		"by namespace":           {func(s *verdict.Silence) { s.Subject = "datahub/*" }, 2, false, verdict.Error, 1},
		"by a glob":              {func(s *verdict.Silence) { s.Subject = "claim-[ab]" }, 3, true, verdict.Critical, 3},
		"no subject of that":     {func(s *verdict.Silence) { s.Subject = "claim" }, 0, false, verdict.Critical, 3},
		"what is no glob":        {func(s *verdict.Silence) { s.Subject = "claim-[" }, 0, false, verdict.Critical, 3},
		"begins now":             {func(s *verdict.Silence) { s.At = now }, 3, true, verdict.Critical, 3},
		"begins later":           {func(s *verdict.Silence) { s.At = now.Add(time.Second) }, 0, false, verdict.Critical, 3},
		"ends now":               {func(s *verdict.Silence) { s.Until = now }, 0, false, verdict.Critical, 3},
		"ends in a second":       {func(s *verdict.Silence) { s.Until = now.Add(time.Second) }, 3, true, verdict.Critical, 3},
		"was ended":              {func(s *verdict.Silence) { s.EndedAt = now }, 0, false, verdict.Critical, 3},
		"is ended by a late run": {func(s *verdict.Silence) { s.EndedAt = now.Add(time.Hour) }, 3, true, verdict.Critical, 3},
	} {
		t.Run(name, func(t *testing.T) {
			verdicts := mixed()
			matched, _ := Apply([]verdict.Silence{holding(7, c.change)}, verdicts, now)
			v := verdicts[0]
			covered := 0
			for _, f := range v.Findings {
				if f.Silence != "" {
					covered++
				}
			}
			if v.Silenced != c.silenced || covered != c.silenced || (v.Silence != "") != c.whole || v.Severity != c.severity || v.Count != c.count {
				t.Errorf("%d findings of %d silenced (%q), left %s and %d", v.Silenced, covered, v.Silence, v.Severity, v.Count)
			}
			if want := c.silenced > 0; (len(matched) == 1) != want {
				t.Errorf("matched %v", matched)
			}
		})
	}
}

// A silence covers a finding by its subject, not by what else it names.
func TestOnlyTheSubjectCounts(t *testing.T) {
	f := verdict.Finding{Subject: verdict.Subject{Kind: "node", Name: "worker-1"}, Message: "the homes of alice are on it", Details: map[string]string{"users": `"alice"`, "user": "alice"}}
	verdicts := []verdict.Verdict{failing("lh-replica-node-missing", "", f)}
	matched, _ := Apply([]verdict.Silence{holding(1, func(s *verdict.Silence) { s.Subject = "alice" })}, verdicts, now)
	if matched != nil || verdicts[0].Silenced != 0 {
		t.Errorf("a silence of alice covers the node: %v, %+v", matched, verdicts[0])
	}
}

// A name may hold whatever a glob treats as special; * alone covers it all the same.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{"a/b", "", "[", "*", "\xff\xfe", "a\nb", strings.Repeat("x", 10_000)} {
		verdicts := []verdict.Verdict{failing("pvc-lost", "h", finding(verdict.Error, "", name))}
		if Apply([]verdict.Silence{holding(1, nil)}, verdicts, now); verdicts[0].Silence == "" {
			t.Errorf("* does not cover %q", name)
		}
	}
}

func TestSeveralSilences(t *testing.T) {
	verdicts := mixed()
	matched, _ := Apply([]verdict.Silence{
		holding(1, func(s *verdict.Silence) { s.Subject = "claim-a" }),
		holding(2, func(s *verdict.Silence) { s.Subject = "claim-*" }),
		holding(3, func(s *verdict.Silence) { s.Subject = "other" }),
	}, verdicts, now)
	if diff := cmp.Diff([]int64{1, 2}, matched); diff != "" {
		t.Errorf("matched (-want +got):\n%s", diff)
	}
	const end = " by carol until 2026-11-24 12:00 UTC: disk is ordered"
	got := []string{verdicts[0].Silence}
	for _, f := range verdicts[0].Findings {
		got = append(got, f.Silence)
	}
	if diff := cmp.Diff([]string{"silence 1" + end, "silence 1" + end, "silence 2" + end, "silence 2" + end}, got); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}

// What passes, is skipped or unknown is left as it is: nobody knows what an
// unknown verdict hides.
func TestOnlyFailuresAreSilenced(t *testing.T) {
	for _, outcome := range []verdict.Outcome{verdict.Pass, verdict.Skipped, verdict.Unknown} {
		verdicts := mixed()
		verdicts[0].Outcome = outcome
		matched, _ := Apply([]verdict.Silence{holding(1, nil)}, verdicts, now)
		want := mixed()
		want[0].Outcome = outcome
		if diff := cmp.Diff(want, verdicts); diff != "" || matched != nil {
			t.Errorf("%s: matched %v (-want +got):\n%s", outcome, matched, diff)
		}
	}
}

// A failing verdict without findings is covered only by a silence of everything.
func TestNoFindings(t *testing.T) {
	for subject, want := range map[string]bool{All: true, "claim-*": false} {
		verdicts := []verdict.Verdict{failing("pvc-lost", "h")}
		matched, _ := Apply([]verdict.Silence{holding(1, func(s *verdict.Silence) { s.Subject = subject })}, verdicts, now)
		if (verdicts[0].Silence != "") != want || (len(matched) == 1) != want {
			t.Errorf("%s: %q, matched %v", subject, verdicts[0].Silence, matched)
		}
	}
}

func TestNotes(t *testing.T) {
	unknown := verdict.Verdict{Check: "pvc-lost", Hub: "lab", Outcome: verdict.Unknown}
	pass := verdict.Verdict{Check: "pvc-lost", Hub: "lab", Outcome: verdict.Pass}
	const ranOut, idle = "Silence 7 (by carol: disk is ordered) ran out at ", "Silence 7 (by carol: disk is ordered) has covered nothing "
	over := func(ago time.Duration) func(*verdict.Silence) {
		return func(s *verdict.Silence) { s.At, s.Until = now.Add(-10*day), now.Add(-ago) }
	}
	made := func(ago, matched time.Duration) func(*verdict.Silence) {
		return func(s *verdict.Silence) {
			s.At, s.Until, s.Subject = now.Add(-ago), now.Add(day), "nobody"
			if matched > 0 {
				s.MatchedAt = now.Add(-matched)
			}
		}
	}
	for name, c := range map[string]struct {
		change   func(*verdict.Silence)
		verdicts []verdict.Verdict
		want     string
	}{
		"just ran out":                 {over(0), mixed(), ranOut + "2026-11-23 12:00 UTC, and 3 findings of pvc-lost that it covered still fail."},
		"ran out yesterday":            {over(day - time.Second), mixed(), ranOut + "2026-11-22 12:00 UTC, and 3 findings of pvc-lost that it covered still fail."},
		"one is left":                  {func(s *verdict.Silence) { over(time.Hour)(s); s.Subject = "claim-a" }, mixed(), ranOut + "2026-11-23 11:00 UTC, and 1 finding of pvc-lost that it covered still fails."},
		"ran out long ago":             {over(day), mixed(), ""},
		"ran out, and all is well":     {over(time.Hour), []verdict.Verdict{pass}, ""},
		"ran out, and nobody knows":    {over(time.Hour), []verdict.Verdict{unknown}, ""},
		"somebody ended it":            {func(s *verdict.Silence) { over(time.Hour)(s); s.EndedAt = now.Add(-2 * time.Hour) }, mixed(), ""},
		"covers nothing for an hour":   {made(time.Hour, 0), mixed(), ""},
		"covers nothing for a day":     {made(day, 0), mixed(), ""},
		"covers nothing for more":      {made(2*day, 0), mixed(), idle + "since it began 2 days ago. If its pattern is wrong, make another; if it is not needed any more: audit silence end 7."},
		"covered something":            {made(20*day, 6*day), mixed(), ""},
		"covered something a week ago": {made(20*day, 7*day), mixed(), idle + "for 7 days. If its pattern is wrong, make another; if it is not needed any more: audit silence end 7."},
		"nothing, but all is well":     {made(2*day, 0), []verdict.Verdict{pass}, idle + "since it began 2 days ago. If its pattern is wrong, make another; if it is not needed any more: audit silence end 7."},
		"nothing that can be seen":     {made(2*day, 0), append(mixed(), unknown), ""},
		"nothing was judged":           {made(2*day, 0), nil, ""},
		"covers something now":         {func(s *verdict.Silence) { s.At = now.Add(-2 * day) }, mixed(), ""},
		"ends soon":                    {func(s *verdict.Silence) { s.Until = now.Add(time.Hour) }, mixed(), ""},
		"begins later":                 {func(s *verdict.Silence) { s.At = now.Add(time.Hour) }, mixed(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, notes := Apply([]verdict.Silence{holding(7, c.change)}, c.verdicts, now)
			if got := strings.Join(notes, "\n"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	// Another silence has taken its place.
	_, notes := Apply([]verdict.Silence{holding(7, over(time.Hour)), holding(8, nil)}, mixed(), now)
	if notes != nil {
		t.Errorf("got %v", notes)
	}
}

func TestManyChecksRanOut(t *testing.T) {
	var verdicts []verdict.Verdict
	for _, check := range []string{"a", "b", "c", "d"} {
		verdicts = append(verdicts, failing(check, "h", finding(verdict.Error, "", "x")))
	}
	_, notes := Apply([]verdict.Silence{holding(7, func(s *verdict.Silence) { s.At, s.Until = now.Add(-day), now.Add(-time.Hour) })}, verdicts, now)
	if len(notes) != 1 || !strings.Contains(notes[0], "4 findings of 4 checks that it covered still fail") {
		t.Errorf("got %v", notes)
	}
}

func TestCoverages(t *testing.T) {
	s := holding(1, func(s *verdict.Silence) { s.Subject, s.At = "claim-a", now.Add(day) })
	want := []Coverage{{Check: "pvc-lost", Hub: "datahub", Covered: 1, Findings: 3}}
	verdicts := append(mixed(), verdict.Verdict{Check: "pvc-lost", Hub: "lab", Outcome: verdict.Pass}, failing("x", "h", finding(verdict.Info, "", "y")), failing("z", "h"))
	if diff := cmp.Diff(want, Coverages(&s, verdicts)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.Check, s.Subject = "z", All
	if diff := cmp.Diff([]Coverage{{Check: "z", Hub: "h"}}, Coverages(&s, verdicts)); diff != "" {
		t.Errorf("without findings (-want +got):\n%s", diff)
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*verdict.Silence)
		want   string // "" for none
	}{
		"valid":        {nil, ""},
		"90 days":      {func(s *verdict.Silence) { s.Until = s.At.Add(Longest) }, ""},
		"longer":       {func(s *verdict.Silence) { s.Until = s.At.Add(Longest + time.Second) }, "90 days at most"},
		"no end":       {func(s *verdict.Silence) { s.Until = time.Time{} }, "say until when"},
		"backwards":    {func(s *verdict.Silence) { s.Until = s.At }, "before it begins"},
		"no reason":    {func(s *verdict.Silence) { s.Reason = " " }, "say why"},
		"no check":     {func(s *verdict.Silence) { s.Check = "" }, "covers nothing"},
		"no subject":   {func(s *verdict.Silence) { s.Subject = "" }, "covers nothing"},
		"the cluster":  {func(s *verdict.Silence) { s.Hub = "" }, ""},
		"no glob":      {func(s *verdict.Silence) { s.Subject = "a[" }, `--subject: "a[" is not a glob`},
		"check, glob":  {func(s *verdict.Silence) { s.Check = "[" }, "the check: "},
		"hub, no glob": {func(s *verdict.Silence) { s.Hub = `\` }, "--hub: "},
	} {
		err := Validate(holding(0, c.change))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// Whatever silences and verdicts there are, nothing but what a silence is for is
// changed, and nothing is lost.
func TestRandomSilences(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 23))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	covered := 0
	for range 2000 {
		var silences []verdict.Silence
		for id := range int64(random.IntN(4)) {
			silences = append(silences, holding(id+1, func(s *verdict.Silence) {
				s.Check, s.Hub, s.Subject = pick("*", "a", "b*"), pick("*", "", "h"), pick("*", "x", "ns/*", "?")
				s.At, s.Until = now.Add(time.Duration(random.IntN(6)-4)*time.Hour), now.Add(time.Duration(random.IntN(6)-1)*time.Hour)
			}))
		}
		var verdicts, before []verdict.Verdict
		for range random.IntN(4) {
			var findings []verdict.Finding
			for range random.IntN(4) {
				findings = append(findings, finding(verdict.Severities[random.IntN(4)], pick("", "ns"), pick("x", "y", "long/name")))
			}
			v := failing(pick("a", "b", "b1"), pick("", "h"), findings...)
			v.Outcome = []verdict.Outcome{verdict.Fail, verdict.Fail, verdict.Unknown, verdict.Pass}[random.IntN(4)]
			verdicts = append(verdicts, v)
			v.Findings = slices.Clone(findings)
			before = append(before, v)
		}
		matched, _ := Apply(silences, verdicts, now)
		for i := range verdicts {
			covered += checkOne(t, silences, &before[i], &verdicts[i], matched)
		}
	}
	if covered == 0 {
		t.Error("nothing was ever covered: the test proves nothing")
	}
}

// checkOne holds one verdict against a rule written in another way.
func checkOne(t *testing.T, silences []verdict.Silence, before, after *verdict.Verdict, matched []int64) (covered int) {
	t.Helper()
	worst, left := verdict.Severity(""), 0
	for i, f := range before.Findings {
		by := int64(0)
		for _, s := range silences {
			inTime := !s.At.After(now) && s.Until.After(now)
			check, _ := path.Match(s.Check, before.Check)
			hub, _ := path.Match(s.Hub, before.Hub)
			name, _ := path.Match(s.Subject, f.Subject.Name)
			full, _ := path.Match(s.Subject, f.Subject.Namespace+"/"+f.Subject.Name)
			subject := s.Subject == "*" || name || f.Subject.Namespace != "" && full
			if inTime && check && hub && subject && before.Outcome == verdict.Fail && by == 0 {
				by = s.ID
			}
		}
		if by == 0 {
			left++
			if worst == "" || f.Severity.AtLeast(worst) {
				worst = f.Severity
			}
		} else {
			covered++
		}
		if got := after.Findings[i].Silence; (got != "") != (by != 0) || by != 0 && (!strings.HasPrefix(got, "silence "+strconv.FormatInt(by, 10)+" ") || !slices.Contains(matched, by)) {
			t.Fatalf("finding %+v of %+v is silenced by %q, want %d of %+v", f, before, got, by, silences)
		}
	}
	severity, count := before.Severity, before.Count
	if left > 0 && covered > 0 {
		severity, count = worst, left
	}
	if after.Severity != severity || after.Count != count || after.Silenced != covered || len(before.Findings) > 0 && (after.Silence != "") != (left == 0) {
		t.Fatalf("%+v became %+v", before, after)
	}
	return covered
}

func FuzzApply(f *testing.F) {
	f.Add("*", "*", "*", "pvc-lost", "h", "ns", "claim-a")
	f.Add("lh-*", "", "ns/[a-c]*", "lh-x", "", "ns", "b/c")
	f.Add("[", `\`, "[^-]", "[", `\`, "", "\xff")
	f.Fuzz(func(t *testing.T, checkGlob, hubGlob, subjectGlob, check, hub, namespace, name string) {
		s := holding(1, func(s *verdict.Silence) { s.Check, s.Hub, s.Subject = checkGlob, hubGlob, subjectGlob })
		verdicts := []verdict.Verdict{failing(check, hub, finding(verdict.Error, namespace, name))}
		matched, _ := Apply([]verdict.Silence{s}, verdicts, now)
		if (len(matched) == 1) != (verdicts[0].Silence != "") || (len(matched) == 1) != (len(Coverages(&s, verdicts)) == 1) {
			t.Errorf("matched %v, verdict %+v", matched, verdicts[0])
		}
		if len(matched) == 1 && checkGlob != "" && Validate(s) != nil {
			t.Errorf("%+v covers something and is refused: %v", s, Validate(s))
		}
	})
}

// 100,000 findings under ten silences.
func BenchmarkApply(b *testing.B) {
	findings := make([]verdict.Finding, 100_000)
	for i := range findings {
		findings[i] = finding(verdict.Error, "datahub", "claim-student-"+strconv.Itoa(i))
	}
	var silences []verdict.Silence
	for id := range int64(10) {
		silences = append(silences, holding(id, func(s *verdict.Silence) { s.Subject = "claim-student-*" + strconv.FormatInt(id, 10) }))
	}
	for b.Loop() {
		verdicts := []verdict.Verdict{failing("pvc-lost", "datahub", slices.Clone(findings)...)}
		Apply(silences, verdicts, now)
		if verdicts[0].Silenced != len(findings) {
			b.Fatal("not all are covered")
		}
	}
}
