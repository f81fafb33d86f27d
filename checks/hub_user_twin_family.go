package checks

import (
	"cmp"
	"slices"

	"hubaudit/internal/facts"
)

// families groups users whose names fold to the same. A user without a domain
// and the one domain's user of the same local part are of one family; where two
// domains have that local part it is two people's, and no family.
func families(users []facts.User) [][]*facts.User {
	keys := make([]string, len(users))
	first := make(map[string]int, len(users)) // by key, the user who came first
	more := map[string][]*facts.User{}        // by key, all of them where there are several
	for i := range users {
		key := foldName(users[i].Name)
		keys[i] = key
		if key == "" {
			continue
		}
		j, taken := first[key]
		switch {
		case !taken:
			first[key] = i
		case more[key] == nil:
			more[key] = []*facts.User{&users[j], &users[i]}
		default:
			more[key] = append(more[key], &users[i])
		}
	}
	members := func(key string) []*facts.User {
		if several := more[key]; several != nil {
			return several
		}
		return []*facts.User{&users[first[key]]}
	}
	var all [][]*facts.User
	joined := map[string]bool{}
	addresses := addressesOf(users, keys, first)
	for i := range users { // in the order of users, so that the same facts give the same findings
		bare := keys[i]
		if address := addresses[bare]; address != "" && first[bare] == i && !joined[bare] && !joined[address] {
			all = append(all, slices.Concat(members(bare), members(address)))
			joined[bare], joined[address] = true, true
		}
	}
	for i := range users {
		if key := keys[i]; more[key] != nil && !joined[key] && first[key] == i {
			all = append(all, more[key])
		}
	}
	return all
}

// addressesOf has, by the key of a name without a domain, the key of the only
// address that has it as its local part.
func addressesOf(users []facts.User, keys []string, first map[string]int) map[string]string {
	addresses := map[string]string{}
	var ambiguous []string
	for i := range users {
		name, domain := cutDomain(users[i].Name)
		if domain == "" {
			continue
		}
		local := foldName(name)
		if _, bare := first[local]; !bare || local == "" || local == keys[i] {
			continue
		}
		if other, ok := addresses[local]; ok && other != keys[i] {
			ambiguous = append(ambiguous, local)
		}
		addresses[local] = keys[i]
	}
	for _, local := range ambiguous {
		delete(addresses, local)
	}
	return addresses
}

// byAge sorts users by when they were made; false if that cannot be told. Ids
// only grow, so they tell where the times are missing or all the same.
func byAge(users []*facts.User) bool {
	dated, differ, numbered := true, false, true
	for _, u := range users {
		dated = dated && !u.Created.IsZero()
		differ = differ || !u.Created.Equal(users[0].Created)
		numbered = numbered && u.ID > 0
	}
	if !numbered && !(dated && differ) {
		return false
	}
	slices.SortFunc(users, func(a, b *facts.User) int {
		if !dated {
			return cmp.Compare(a.ID, b.ID)
		}
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return true
}
