package world

import (
	"slices"
	"time"

	"hubaudit/internal/facts"
)

// agedUpgrade is noon on the day before the hub of Aged is upgraded to the
// last of its charts.
var agedUpgrade = Eras[4].From.Add(-21 * time.Hour)

// agedTerm is in the first weeks after it.
var agedTerm = time.Date(2026, 8, 20, 12, 0, 0, 0, time.UTC)

// AgedBefore is the hub of Aged on the day before its last upgrade, from chart
// 3.3.8 to 4.4.0.
func AgedBefore() *facts.Snapshot {
	l := AgedLife()
	FitSchema(l.Hub, "4.1.6")
	return l.End(agedUpgrade)
}

// Aged is a hub that has been through charts 0.3, 0.9, 1.2, 3.3.8 and 4.4, with
// users of every age: some whose home went with them, some who were given a
// second claim, some who will be given one when they return.
func Aged() *facts.Snapshot {
	l := AgedLife()
	l.To440()
	return l.End(agedTerm)
}

// FiveCharts is the hub of Aged as a recording, before and after its last
// upgrade.
func FiveCharts() Incident {
	before, after, mended := AgedBefore(), Aged(), mended()
	for _, s := range []*facts.Snapshot{before, after, mended} {
		restoreDrill(s)
	}
	return Incident{
		Name: "five-charts", Title: "A hub through five charts", Schema: CurrentSchema, Sound: true, Zone: time.UTC,
		Story: `A made-up hub that began with chart 0.3 in 2017 and has been upgraded to 0.9, 1.2, 3.3.8 and 4.4.0 since. Each
of these names claims in its own way, so that some users' homes went with them, some users were given a second
one, and some will be given one when they return. Every claim, label and state is as the KubeSpawner of its day wrote it.`,
		Liberties: []string{"Longhorn, nodes and backups are today's throughout.", "No reclaim policy is Delete, and the database was made anew after 0.7: of all that age does to a hub, only names are in it."},
		Stages: []Stage{
			{Name: "before-the-upgrade", At: before.Now, Snapshot: before, Schema: "4.1.6",
				Story: "The day before the upgrade from chart 3.3.8 to 4.4.0. Homes that are out of reach already are reported; `audit predict --chart 4.4.0` names those who would lose theirs.",
				Finds: finds{"pvc-duplicate-server": 2, "pvc-legacy-unreachable": 6, "pvc-name-collision": 1}},
			{Name: "in-term", At: after.Now, Snapshot: after,
				Story: "Two weeks after it. Servers that ran through the upgrade were forgotten, one of their users has come back to an empty home, and a login is spelled otherwise.",
				Finds: finds{"pvc-duplicate-server": 4, "pvc-legacy-forgotten": 3, "pvc-legacy-unreachable": 7, "pvc-name-collision": 1, "hub-user-twin": 1}},
			{Name: "mended", At: agedMended, Snapshot: mended,
				Story: "Every server's state names the claim with its files, and the spare claims are gone."},
		},
	}
}

// restoreDrill has somebody restore the first home beside itself a month ago, to
// see whether its backup is good.
func restoreDrill(s *facts.Snapshot) {
	home := ""
	for i := range s.Longhorn.Volumes {
		if v := &s.Longhorn.Volumes[i]; v.ClaimName != HubClaim {
			home = v.Name
			break
		}
	}
	AddClaim(s, facts.Claim{Name: "restore-drill", Created: s.Now.AddDate(0, -1, 0)})
	v := &s.Longhorn.Volumes[slices.IndexFunc(s.Longhorn.Volumes, func(v facts.LHVolume) bool { return v.ClaimName == "restore-drill" })]
	v.FromBackup, v.ActualBytes = s.Longhorn.BackupTargets[0].URL+"?backup=backup-of-last-month&volume="+home, 150<<20
}

// agedMended is when the last of them is at home again, and the second account
// of hal.king is no news any more.
var agedMended = Now

// mended is the hub of Aged after its operators wrote into the state of every
// server which claim holds its files, and deleted the spare ones.
func mended() *facts.Snapshot {
	l := AgedLife()
	l.To440()
	l.Stop("finn@example.org", "")
	for _, home := range []struct{ user, server, claim, spare string }{
		{"old-timer", "", "claim-old-timer-3", ""},
		{"max", "", "claim-max-4", ""},
		{"lea", "", "claim-lea-5", "claim-lea"},
		{"mia-wong", "", "claim-mia-wong-6", ""},
		{"mia.wong", "", "claim-mia-wong-7", ""},
		{"bea", "lab", "claim-bea-lab", ""},
		{"cem", "lab", "claim-cemlab", "claim-cem-lab"},
		{"eli@example.org", "", "claim-eli-40example-2eorg", ""},
		{"finn@example.org", "", "claim-finn-40example-2eorg", ""},
		{"gia@example.org", "", "claim-gia-40example-2eorg", "claim-gia-example-org---0ac681bc"},
		{"jo", "lab", "claim-jolab", ""},
		{"kim", "exp-1", "claim-kimexp-2d1", "claim-kim--exp-1"},
		{"lou-lou", "", "claim-lou-2dlou", ""},
	} {
		l.Link(home.user, home.server, home.claim)
		if home.spare != "" {
			RemoveClaim(l.Snapshot, Namespace, home.spare)
		}
	}
	l.addClaim("home-of-jolab", "jolab", "")
	l.Link("jolab", "", "home-of-jolab")
	return l.End(agedMended)
}

// AgedLife is the life of the hub of Aged up to the end of chart 3.3.8.
func AgedLife() *Life {
	l := NewLife(Eras[0])
	l.Join("ann", "sam.lau", "old-timer", "max", "lea", "mia-wong", "mia.wong")
	for _, user := range []string{"ann", "sam.lau", "old-timer", "max", "lea", "mia-wong", "mia.wong"} {
		l.Use(user, "")
	}
	l.Relink("ann")
	l.Relink("sam.lau")

	l.Upgrade(Eras[1]) // 0.9: claim-{username}{servername}, escaped
	l.Join("bea", "cem")
	l.Use("ann", "")
	l.Use("sam.lau", "")
	l.Use("lea", "") // whose old claim was not linked: a second one
	l.Use("bea", "")
	l.Use("bea", "lab") // claim-bea-lab
	l.Use("cem", "")
	l.Use("cem", "lab")

	l.Upgrade(Eras[2]) // 1.2: nothing between the two names
	l.Join("user@example.com", "dora@example.com")
	l.Use("cem", "lab") // claim-cemlab beside claim-cem-lab
	l.Use("user@example.com", "")
	l.Use("dora@example.com", "")

	l.Upgrade(Eras[3]) // 3.3.8: the same template, labels, a namespace in the state
	l.Join("eli@example.org", "finn@example.org", "gia@example.org", "jo", "jolab", "hal.king", "kim", "lou-lou")
	for _, user := range []string{"ann", "sam.lau", "eli@example.org", "finn@example.org", "gia@example.org", "jo", "hal.king", "kim", "lou-lou"} {
		l.Use(user, "")
	}
	l.Use("jo", "lab")
	l.Use("jolab", "") // mounts claim-jolab, which is jo's
	l.Use("kim", "exp-1")
	AddClaim(l.Snapshot, facts.Claim{Name: "shared-data", Created: l.at})
	AddClaim(l.Snapshot, facts.Claim{Name: "ann-before-the-exam", Created: l.at, User: "ann", HasUser: true, Component: "singleuser-storage",
		SourceKind: "PersistentVolumeClaim", SourceName: "claim-ann"})
	// These run through the upgrade.
	l.Start("eli@example.org", "")
	l.Start("finn@example.org", "")
	l.Start("gia@example.org", "")
	l.Start("lou-lou", "")
	return l
}

// To440 is the hub's life since chart 4.4.0.
func (l *Life) To440() {
	l.Upgrade(Eras[4])
	l.Stop("eli@example.org", "") // forgotten: kubespawner#937
	l.Stop("gia@example.org", "")
	l.Use("gia@example.org", "") // and given an empty home
	l.Stop("lou-lou", "")
	for _, user := range []string{"ann", "sam.lau", "user@example.com", "hal.king"} {
		l.Use(user, "") // found by their older names
	}
	l.Use("kim", "exp-1")                               // claim-kim--exp-1 beside claim-kimexp-2d1
	l.at = time.Date(2026, 8, 10, 9, 0, 0, 0, time.UTC) // a new term, and hal.king's login is spelled otherwise
	l.Join("hal-king", "new.user@example.org", "zoe")
	for _, user := range []string{"hal-king", "new.user@example.org", "zoe"} {
		l.Use(user, "")
	}
	l.Use("zoe", "lab")
}
