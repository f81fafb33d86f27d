package checks

import (
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// fewUsers is how many users two databases must have before it says anything
// that they have others.
const fewUsers = 5

// maxLagNoLog is maxLag for an SQLite file in WAL mode without its log: a plain
// copy of it lacks what was not yet moved out of the log, and one that SQLite made
// looks the same but lacks nothing.
const maxLagNoLog = time.Hour

// liveHub is what copies of the hub's database are held against.
type liveHub struct {
	hub *facts.Hub // nil where nothing is known to compare with
	// failed says why that is, doubt what is against the live hub itself. Neither:
	// there is none to be read, by design.
	failed, doubt string
	byID          bool // its ids are the database's
}

// liveHub tells what of the live hub can be believed. One that is damaged or was
// reset proves nothing against a copy.
func (in *Input) liveHub() liveHub {
	source := in.Source(usersSource(in.Hub))
	switch {
	case source.Status == facts.Failed:
		return liveHub{failed: unreadText(source)}
	case source.Status == facts.Absent:
		return liveHub{}
	case slices.ContainsFunc(in.Hub.Database.Damage, func(d facts.Damage) bool { return accidentOf(&d).severity == verdict.Critical }):
		return liveHub{doubt: "the live database is damaged (hub-db-corrupt)"}
	case in.Hub.UsersRead != facts.Complete:
		return liveHub{failed: usersUnread(in.Hub)}
	}
	for _, c := range []*Check{hubDBReset, hubUserIDChanged} {
		if outcome, _ := c.sourcesReady(in.Snapshot, in.Hub); outcome == verdict.Pass && len(c.Run(in.as(c)).Findings) > 0 {
			return liveHub{doubt: "the live database is in doubt (" + c.ID + ")"}
		}
	}
	return liveHub{hub: in.Hub, byID: source.Name == facts.HubDB(in.Hub.Name)}
}

// compare holds a copy that could be read against the live hub.
type compare struct {
	*Input
	b    *facts.Backup
	copy *facts.Hub
	live *facts.Hub
	// newest is the newest moment that the copy has a row of. Whatever the live hub
	// has from before must be in it.
	newest time.Time
	users  map[string]*facts.User // the copy's, by name
	byID   map[int64]*facts.User
}

func (in *Input) compareCopy(b *facts.Backup, live liveHub) ([]verdict.Finding, string) {
	content := b.Opened.Content
	if content.UsersRead != facts.Complete {
		return nil, fmt.Sprintf("%s could be read only in part: %s", copyText(b), usersUnread(content))
	}
	c := &compare{Input: in, b: b, copy: content, live: live.hub, newest: newestRow(content, in.Now.Add(clockSkew))}
	findings := in.brokenRows(b, live)
	if live.hub == nil {
		if len(content.Users) == 0 {
			findings = append(findings, c.finding(verdict.Error, "has no user at all"))
		}
		return findings, ""
	}
	if c.newest.IsZero() { // the rows of an old hub have no times
		c.newest = b.Opened.Copy.Time.Add(-in.settingOf(restoreMismatch, maxLag))
	}
	c.index()
	if f, ok := c.noUsers(); ok {
		return append(findings, f), ""
	}
	if f, ok := c.otherHub(live.byID); ok {
		return append(findings, f), ""
	}
	for _, judge := range []func() (verdict.Finding, bool){c.missingUsers, c.olderThanItsTime} {
		if f, ok := judge(); ok {
			findings = append(findings, f)
		}
	}
	if live.byID {
		findings = append(findings, c.againstDatabase()...)
	}
	return findings, ""
}

func (c *compare) finding(severity verdict.Severity, what string) verdict.Finding {
	return verdict.Finding{Subject: c.backupSubject(c.b), Severity: severity, Message: copyText(c.b) + " " + what, Details: copyDetails(c.b)}
}

func (c *compare) index() {
	c.users = make(map[string]*facts.User, len(c.copy.Users))
	c.byID = make(map[int64]*facts.User, len(c.copy.Users))
	for i := range c.copy.Users {
		u := &c.copy.Users[i]
		c.users[u.Name], c.byID[u.ID] = u, u
	}
}

// newestRow is the newest time in a hub's rows that is not after a limit.
func newestRow(h *facts.Hub, limit time.Time) time.Time {
	var newest time.Time
	note := func(at time.Time) {
		if at.After(newest) && !at.After(limit) {
			newest = at
		}
	}
	for i := range h.Users {
		note(h.Users[i].Created)
		note(h.Users[i].LastActivity)
	}
	for i := range h.Spawners {
		note(h.Spawners[i].Started)
		note(h.Spawners[i].LastActivity)
	}
	return newest
}

// wasThere tells whether a moment of a live row is certainly from before the
// newest row of the copy.
func (c *compare) wasThere(at time.Time) bool {
	return !at.IsZero() && at.Before(c.newest.Add(-runSkew))
}

// userWasThere is wasThere of a user. Before JupyterHub 0.9 only their activity
// tells.
func (c *compare) userWasThere(u *facts.User) bool {
	if u.Created.IsZero() {
		return c.wasThere(u.LastActivity)
	}
	return c.wasThere(u.Created)
}

// otherHub tells whether the copy is of another hub: most users are others, or
// most of them have other ids. Who was added again since has another id.
func (c *compare) otherHub(byID bool) (verdict.Finding, bool) {
	there, common, ids := 0, 0, 0
	for i := range c.live.Users {
		u := &c.live.Users[i]
		if !c.userWasThere(u) {
			continue
		}
		there++
		was := c.users[u.Name]
		switch {
		case was != nil:
			common++
			if byID && was.ID != u.ID && (was.Created.IsZero() || u.Created.IsZero() || c.wasThere(u.Created)) {
				ids++
			}
		case byID && c.former(u) != nil:
			common++
		}
	}
	switch {
	case min(there, len(c.copy.Users)) >= fewUsers && 2*common < min(there, len(c.copy.Users)):
		f := c.finding(verdict.Critical, fmt.Sprintf("is of another hub, or one of the two databases was rebuilt: only %s of its %s %s in the live database",
			text.Number(common), text.Count(len(c.copy.Users), "user"), text.Plural(common, "is", "are")))
		return c.counted(f), true
	case ids > 0:
		f := c.finding(verdict.Critical, fmt.Sprintf("has %s under other ids than the live database: one of the two was put together anew, and this one, restored, would give people the servers and claims of others",
			text.Count(ids, "user")))
		f.Details["otherIDs"] = idText(int64(ids))
		return c.counted(f), true
	}
	return verdict.Finding{}, false
}

// withoutLog ends a message on rows that a copy lacks, where it may lack them
// because its write-ahead log was left behind.
func (c *compare) withoutLog() string {
	if !c.b.Opened.NoLog {
		return ""
	}
	return "; it is in WAL mode and came without its write-ahead log, where they may have been: make it with SQLite's own `.backup` or VACUUM INTO"
}

func (c *compare) counted(f verdict.Finding) verdict.Finding {
	f.Details["usersInCopy"], f.Details["usersLive"] = idText(int64(len(c.copy.Users))), idText(int64(len(c.live.Users)))
	return f
}

// olderThanItsTime tells whether the content of the copy is older than the copy:
// the live hub has something from after its newest row that a copy of its time
// would have. What was started or made was written at once. Activity may have
// been reported later, where the hub was down, and is a warning only.
func (c *compare) olderThanItsTime() (verdict.Finding, bool) {
	made := c.b.Opened.Copy.Time
	lag := c.settingOf(restoreMismatch, maxLag)
	if c.b.Opened.NoLog {
		lag = min(lag, maxLagNoLog)
	}
	until := made.Add(-lag)
	var sure, likely time.Time // the earliest such moments
	note := func(first *time.Time, at time.Time) {
		if at.After(c.newest.Add(runSkew)) && at.Before(until) && (first.IsZero() || at.Before(*first)) {
			*first = at
		}
	}
	for i := range c.live.Users {
		note(&sure, c.live.Users[i].Created)
		note(&likely, c.live.Users[i].LastActivity)
	}
	for i := range c.live.Spawners {
		note(&sure, c.live.Spawners[i].Started)
		note(&likely, c.live.Spawners[i].LastActivity)
	}
	severity, first := verdict.Error, sure
	switch {
	case sure.IsZero() && likely.IsZero():
		return verdict.Finding{}, false
	case sure.IsZero():
		severity, first = verdict.Warning, likely
	case made.Sub(sure) <= c.settingOf(restoreMismatch, maxLag): // by the log alone
		severity = verdict.Warning
	case made.Sub(sure) > 48*time.Hour:
		severity = verdict.Critical
	}
	f := c.finding(severity, fmt.Sprintf("has older content than its time says: its newest row is of %s, the live database has some of %s, at least %s before the copy was made",
		text.Time(c.newest), text.Time(first), text.Duration(made.Sub(first))))
	f.Message += c.withoutLog()
	f.Details["newestRow"], f.Details["firstLater"] = text.Time(c.newest), text.Time(first)
	return f, true
}
