package checks

import (
	"fmt"
	"slices"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/prediction"
	"hubaudit/internal/verdict"
)

// namesByID tells whether the hub is one of before KubeSpawner 0.6 that finds a
// home by the user's id.
func (in *Input) namesByID() bool {
	k := &in.Hub.KubeSpawner
	v, err := kubespawner.ParseVersion(k.Version)
	fields, _ := kubespawner.Fields(k.PVCNameTemplate)
	return err == nil && !v.AtLeast(0, 6, 0) && slices.Contains(fields, "userid")
}

// wrongIDs reports the claims of 2016 and 2017 whose id is another user's than
// the one whose name they bear, and who has no other claim yet.
func (in *Input) wrongIDs() []verdict.Finding {
	if !in.namesByID() {
		return nil
	}
	namer, err := schemeOf(&in.Hub.KubeSpawner).Compile()
	if err != nil {
		return nil
	}
	told := in.toldOfIDs()
	var findings []verdict.Finding
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		o, ok := in.Owners().Owner(c.Namespace, c.Name)
		if !ok || o.By != attribution.ByEarlierID || o.Hub != in.Hub.Name || !c.Deleting.IsZero() || in.nobodys(c) || told[o.User] {
			continue
		}
		lossy, id, _ := kubespawner.ParseLossyClaim(c.Name)
		holder := in.usersByID()[id]
		if holder == nil || kubespawner.Lossy(holder.Name) == lossy || len(in.Owners().Claims(o.Hub, o.UserID, "")) > 1 {
			continue
		}
		next := namer.Name(&kubespawner.Server{User: o.User, ID: o.UserID, HubNamespace: in.Hub.Namespace, Namespace: in.Hub.Namespace})
		findings = append(findings, verdict.Finding{Subject: claimSubject(c),
			Message: fmt.Sprintf("%s is named after id %d, which is %q, and %q, whose name it bears, has id %d: their next start makes %s, a new and empty home",
				in.claimText(c), id, holder.Name, o.User, o.UserID, next),
			Details: map[string]string{"user": o.User, "userID": idText(o.UserID), "idInName": idText(id), "idOf": holder.Name, "nextStart": next}})
	}
	return findings
}

// toldOfIDs are the users whose change of id hub-user-id-changed reports.
func (in *Input) toldOfIDs() map[string]bool {
	if in.Source(facts.History).Status != facts.OK || !in.tells(hubUserIDChanged) {
		return nil
	}
	told := map[string]bool{}
	for _, f := range runHubUserIDChanged(in.as(hubUserIDChanged)).Findings {
		told[f.Subject.Name] = true
	}
	return told
}

// withoutWrongIDs leaves out the starts of which pvc-misrouted tells that the id
// in the name of their claim is another user's.
func (in *Input) withoutWrongIDs(starts []*prediction.Start) []*prediction.Start {
	if len(starts) == 0 || in.Source(facts.KubePods).Status != facts.OK || !in.tells(pvcMisrouted) {
		return starts
	}
	told := map[claimKey]bool{}
	for _, f := range in.wrongIDs() {
		told[claimKey{f.Subject.Namespace, f.Subject.Name}] = true
	}
	return slices.DeleteFunc(starts, func(s *prediction.Start) bool { return told[claimKey{s.Namespace, s.Data}] })
}
