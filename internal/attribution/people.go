package attribution

import (
	"slices"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// sole is the user of a label or of a lossy name, if they are the only one.
type sole struct {
	user userRef
	n    int // how many users there are of it
}

func (s sole) and(t sole) sole {
	if s.n == 0 {
		s.user = t.user
	}
	s.n += t.n
	return s
}

// fromLabel reads the user from the claim's label.
func (x *Index) fromLabel(c *facts.Claim, hubs []int32) (Owner, known) {
	if c.LabelUser == "" {
		return Owner{}, nothing
	}
	x.indexLabels()
	var found sole
	for _, h := range hubs {
		found = found.and(x.hubs[h-1].labels[c.LabelUser])
	}
	switch {
	case !x.allUsersRead(hubs):
		return Owner{}, nothing
	case found.n == 1:
		return x.owner(found.user, "", "", ByLabel), userOnly
	}
	if name, ok := formerUser(c); ok && found.n == 0 {
		return x.owner(onlyHub(hubs), name, "", ByLabel), userOnly
	}
	return Owner{}, nothing
}

// formerUser reads the label of KubeSpawner 0.6 and 0.7, from which the name of
// a user who is gone can be had. The claim's name must bear it out.
func formerUser(c *facts.Claim) (string, bool) {
	name, ok := kubespawner.OldLabelUser(c.LabelUser)
	if !ok || c.HasUser || isCopy(c) {
		return "", false
	}
	version := kubespawner.Version{Minor: 7}
	namer, err := kubespawner.Scheme{Version: version, Template: kubespawner.DefaultTemplate(version)}.Compile()
	return name, err == nil && namer.Name(&kubespawner.Server{User: name, Name: c.LabelServer}) == c.Name
}

// indexLabels finds the users of all labels that claims bear.
func (x *Index) indexLabels() {
	for _, u := range x.hubs {
		if u.labels != nil {
			continue
		}
		u.labels = map[string]sole{}
		for i := range x.snapshot.Kube.Claims {
			if c := &x.snapshot.Kube.Claims[i]; c.LabelUser != "" {
				u.labels[c.LabelUser] = sole{}
			}
		}
		u.each(func(ref userRef, name string) {
			labels := kubespawner.Labels(name)
			for i, label := range labels {
				repeated := false
				for _, before := range labels[:i] {
					repeated = repeated || before == label
				}
				if found, ok := u.labels[label]; ok && !repeated {
					u.labels[label] = found.and(sole{ref, 1})
				}
			}
		})
	}
}

// lossyUsers are the users of the name in claim-<lossy>-<id>; none if the claim
// is not of that form.
func (x *Index) lossyUsers(c *facts.Claim, hubs []int32) sole {
	lossy, ok := lossyName(c)
	if !ok {
		return sole{}
	}
	x.indexLossy()
	var found sole
	for _, h := range hubs {
		found = found.and(x.hubs[h-1].lossy[lossy])
	}
	return found
}

// lossyName is the name in claim-<lossy>-<id>.
func lossyName(c *facts.Claim) (string, bool) {
	if !Bare(c) {
		return "", false
	}
	lossy, _, ok := kubespawner.ParseLossyClaim(c.Name)
	return lossy, ok
}

// indexLossy finds the users of all names that claims of 2016 and 2017 have.
func (x *Index) indexLossy() {
	for _, u := range x.hubs {
		if u.lossy != nil {
			continue
		}
		u.lossy = map[string]sole{}
		for i := range x.snapshot.Kube.Claims {
			if lossy, ok := lossyName(&x.snapshot.Kube.Claims[i]); ok {
				u.lossy[lossy] = sole{}
			}
		}
		u.each(func(ref userRef, name string) {
			lossy := kubespawner.Lossy(name)
			if found, ok := u.lossy[lossy]; ok {
				u.lossy[lossy] = found.and(sole{ref, 1})
			}
		})
	}
}

// each calls f for every user of a name.
func (u *hubUsers) each(f func(ref userRef, name string)) {
	for i := range u.Users {
		if n := int32(i + 1); !u.again[n] {
			f(userRef{u.number, n}, u.Users[i].Name)
		}
	}
}

// fromEarlierID takes a claim of 2016 or 2017 for the only user of the name in
// it. Its id was theirs before the database was lost; an id that is now another
// user's changes nothing: the claim was made for the name.
func (x *Index) fromEarlierID(named sole, hubs []int32) (Owner, known) {
	if named.n != 1 || !x.allUsersRead(hubs) {
		return Owner{}, nothing
	}
	return x.owner(named.user, "", "", ByEarlierID), userAndServer
}

// allUsersRead tells whether all users of these hubs are known: of half a table
// "the only one" means nothing.
func (x *Index) allUsersRead(hubs []int32) bool {
	return !slices.ContainsFunc(hubs, func(h int32) bool { return x.hubs[h-1].UsersRead != facts.Complete })
}
