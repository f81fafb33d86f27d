package checks

import (
	"cmp"
	"fmt"
	"slices"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/prediction"
	"hubaudit/internal/verdict"
)

// emptyStarts are the next starts that find an empty home for one of these
// causes, and a Result that says what of the hub could not be seen. Servers
// that have the claim of their next start already are left out: of these
// pvc-duplicate-server tells.
func (in *Input) emptyStarts(causes ...prediction.Cause) ([]*prediction.Start, Result) {
	starts, r := in.nextStarts()
	var empty []*prediction.Start
	for i := range starts {
		s := &starts[i]
		if s.Outcome == prediction.Empty && slices.Contains(causes, s.Cause) && in.claimsByKey()[claimKey{s.Namespace, s.Claim}] == nil {
			empty = append(empty, s)
		}
	}
	return empty, r
}

// nextStarts are the next starts of servers that have a claim each, and a
// Result that says why they are not known, or not all of them.
func (in *Input) nextStarts() ([]prediction.Start, Result) {
	if homes := in.Hub.KubeSpawner.Homes.Claim; homes != "" {
		return nil, Result{Skip: "all home directories are on the claim " + homes}
	}
	starts, err := in.Starts()
	if err == nil {
		return starts, Result{}
	}
	return nil, Result{Unknown: cmp.Or(rowsUnread(in.Hub), statesUnread(in.Hub), err.Error())}
}

// claimsByKey finds a claim by namespace and name.
func (in *Input) claimsByKey() map[claimKey]*facts.Claim {
	if in.shared.claims == nil {
		in.shared.claims = make(map[claimKey]*facts.Claim, len(in.Kube.Claims))
		for i := range in.Kube.Claims {
			c := &in.Kube.Claims[i]
			in.shared.claims[claimKey{c.Namespace, c.Name}] = c
		}
	}
	return in.shared.claims
}

// contents knows what hints at the files on claims.
func (in *Input) contents() *prediction.Contents {
	if in.shared.contents == nil {
		in.shared.contents = prediction.NewContentsWith(in.Snapshot, in.joined())
	}
	return in.shared.contents
}

// emptyStart reports a start that makes a new claim; what says, as a clause,
// what became of the one with the files.
func (in *Input) emptyStart(s *prediction.Start, what string) verdict.Finding {
	details := map[string]string{"data": s.Data, "namespace": s.Namespace, "nextStart": s.Claim, "because": s.Because, "cause": string(s.Cause)}
	if s.SpawnerID > 0 {
		details["spawnerID"] = idText(s.SpawnerID)
	}
	if sql := in.rememberSQL(s); sql != "" {
		details["sql"] = sql
	}
	return in.startFinding(s, details, fmt.Sprintf("%s has its files in %s, %s: its next start makes %s, an empty home", in.startOwner(s), in.dataText(s), what, s.Claim))
}

// startFinding begins a finding about the next start of a user's server.
func (in *Input) startFinding(s *prediction.Start, details map[string]string, message string) verdict.Finding {
	details["user"], details["server"] = s.User, s.Server
	subject := userSubject(&facts.User{ID: s.UserID, Name: s.User})
	subject.Namespace = s.Namespace
	return verdict.Finding{Subject: subject, Message: message, Details: details}
}

func (in *Input) startOwner(s *prediction.Start) attribution.Owner {
	return attribution.Owner{Hub: s.Hub, User: s.User, UserID: s.UserID, Server: s.Server}
}

// dataText names the claim that holds the files of a server, with what hints
// at them.
func (in *Input) dataText(s *prediction.Start) string {
	for _, c := range s.Claims {
		if c.Name == s.Data && c.Namespace == s.DataNamespace {
			return in.claimText(c)
		}
	}
	return s.Data
}
