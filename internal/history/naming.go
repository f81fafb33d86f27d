package history

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// hashBytes is how much of the hash stands for a name: 128 bits, which no two
// of a million names share, at half the space of the whole.
const hashBytes = 16

// Naming is how the history names people: by their names, or by a keyed hash
// of each.
type Naming struct {
	key []byte
	// id is stored with what was named so: names of another id say nothing.
	id string
}

// PlainNames keeps names as they are.
func PlainNames() Naming { return Naming{id: "plain"} }

const hashedPrefix = "hashed:"

// HashedNames keeps, instead of each name, the first 32 hexadecimal digits of
// its HMAC-SHA256 under the key.
func HashedNames(key string) Naming {
	n := Naming{key: []byte(key)}
	n.id = hashedPrefix + n.hashes()("hubaudit: the fingerprint of the key")
	return n
}

func (n Naming) hashed() bool { return strings.HasPrefix(n.id, hashedPrefix) }

// hashes returns a function that hashes one name after the other.
func (n Naming) hashes() func(name string) string {
	mac := hmac.New(sha256.New, n.key)
	var sum [sha256.Size]byte
	return func(name string) string {
		mac.Reset()
		mac.Write([]byte(name))
		return hex.EncodeToString(mac.Sum(sum[:0])[:hashBytes])
	}
}

// Roll is who all of a hub's users are, as one run saw them.
type Roll struct {
	naming  Naming
	members []member // sorted by key, each key once
}

// member is a person under the key by which the history knows them. Name is
// what is shown of them.
type member struct {
	key string
	facts.Member
}

// Roll makes the roll of users. Ids below 1, which number rows of the REST API,
// are unknown. Of users with the same name, which only a damaged database has,
// the lowest id counts: it is the one that the hub finds.
func (n Naming) Roll(users []facts.User) *Roll {
	r := &Roll{naming: n, members: make([]member, len(users))}
	hash := n.hashes()
	for i, u := range users {
		m := member{key: u.Name, Member: facts.Member{Name: u.Name, ID: max(u.ID, 0), Created: stored(u.Created)}}
		if n.hashed() {
			m.key = hash(u.Name)
		}
		r.members[i] = m
	}
	slices.SortFunc(r.members, func(a, b member) int { return cmp.Or(strings.Compare(a.key, b.key), cmp.Compare(a.ID, b.ID)) })
	r.members = slices.CompactFunc(r.members, func(a, b member) bool { return a.key == b.key })
	return r
}

// stored is a time as it comes back from the history, absent if it is absent.
func stored(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return whole(t)
}
