package history

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestRoll(t *testing.T) {
	made := world.Now.Add(123 * time.Millisecond).In(time.FixedZone("PST", -8*3600))
	users := []facts.User{
		{ID: 9, Name: "twice", Created: made}, {ID: 3, Name: "twice"}, {ID: -1, Name: "rest"}, {ID: 4, Name: "Bob"}, {ID: 5, Name: "bob"},
		{ID: 6, Name: ""}, {ID: 7, Name: "zero\x00byte"}, {ID: 8, Name: "caf\xe9"}, {ID: 10, Name: "made", Created: made},
	}
	var got []facts.Member
	for _, m := range PlainNames().Roll(users).members {
		if m.key != m.Name {
			t.Errorf("key %q of %q", m.key, m.Name)
		}
		got = append(got, m.Member)
	}
	diff(t, []facts.Member{{Name: "", ID: 6}, {Name: "Bob", ID: 4}, {Name: "bob", ID: 5}, {Name: "caf\xe9", ID: 8},
		{Name: "made", ID: 10, Created: world.Now}, {Name: "rest"}, {Name: "twice", ID: 3}, {Name: "zero\x00byte", ID: 7}}, got)
}

// TestHashedNames: a hash can be made with any tool, and tells nothing without the key.
func TestHashedNames(t *testing.T) {
	mac := hmac.New(sha256.New, []byte("k1"))
	mac.Write([]byte("alice"))
	want := hex.EncodeToString(mac.Sum(nil))[:32]
	one, two := HashedNames("k1"), HashedNames("k2")
	m := one.Roll([]facts.User{{ID: 1, Name: "alice"}, {ID: 2, Name: "bob"}}).members
	if len(m) != 2 || m[0].key != want && m[1].key != want || m[0].key >= m[1].key {
		t.Errorf("keys %q and %q, want one to be %q", m[0].key, m[1].key, want)
	}
	if one.id == two.id || one.id == PlainNames().id || one.id != HashedNames("k1").id {
		t.Errorf("ids %q and %q do not tell keys apart", one.id, two.id)
	}
	if !one.hashed() || PlainNames().hashed() {
		t.Error("hashed or not is confused")
	}
}
