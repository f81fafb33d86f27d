package rescue_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/rescue"
)

func hash(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:16])
}

// hashed is a history as it is kept with members.names: hashed.
func hashed(e *rescue.Evidence) {
	for i := range e.Members {
		e.Members[i].Name = hash(e.Members[i].Name)
	}
	e.MembersHashed, e.Hash = true, hash
}

// TestHashedHistory: what the history knows by hashes is told where any other
// evidence has the name, and no hash is ever shown.
func TestHashedHistory(t *testing.T) {
	s := lostHub()
	bare(s, "claim-sam-lau-95-7", "claim-ann-x-org-8", "claim-a-b-c-d-e-f-g-9", "claim-a-b-c-d-e-f-g-h-10", "claim-j-k-l-m-n-o-p-q-11", "claim-else-who-12", "claim-kim-13", "claim-mr-x-99")
	annotated(s, "claim-t", "Tom", "")
	claim(s, facts.Claim{Name: "claim-ina", LabelUser: "ina_2Ek"})
	live(s, 1, "lee")
	e := rescue.Evidence{LastGood: age(1)}
	for name, id := range map[string]int64{"sam.lau_95": 7, "ann@x.org": 8, "a.b-c_d@e.f-g": 9, "a.b.c.d.e.f.g.h": 10, "j.k-l.m.n.o.p.q": 11, "else who": 12, "kim": 13, "mr.x": 14, "Tom": 15, "ina.k": 16, "lee": 17, "nobody": 18} {
		e.Members = append(e.Members, rescue.Member{Name: name, ID: id, Good: true})
	}
	hashed(&e)
	p := plan(t, s, e)
	want := []string{"sam.lau_95=7 :claim-sam-lau-95-7", "ann@x.org=8 :claim-ann-x-org-8", "a.b-c_d@e.f-g=9 :claim-a-b-c-d-e-f-g-9", "a.b.c.d.e.f.g.h=10 :claim-a-b-c-d-e-f-g-h-10",
		"kim=13 :claim-kim-13", "Tom=15 :claim-t", "ina.k=16", "lee=17",
		"- claim-else-who-12 lossy-name else.who|else-who|else_who", "- claim-ina unknown ina.k",
		"- claim-j-k-l-m-n-o-p-q-11 lossy-name j.k.l.m.n.o.p.q|j-k-l-m-n-o-p-q|j_k_l_m_n_o_p_q", "- claim-mr-x-99 lossy-name mr.x|mr-x|mr_x"}
	if diff := cmp.Diff(want, short(p)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	said := strings.Join(p.Notes, "\n")
	for _, u := range p.Users {
		said += "\n" + strings.Join(u.Evidence, "\n")
	}
	for _, want := range []string{"8 of its 12 names could be told", "2 claims have more than 6 hyphens", "keyed hash of this name"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in\n%s", want, said)
		}
	}
	for _, m := range e.Members {
		if strings.Contains(said, m.Name) {
			t.Errorf("the hash %s is shown", m.Name)
		}
	}
}

// TestDatahubFromHashes: names with a dot come back by their hashes.
func TestDatahubFromHashes(t *testing.T) {
	for name, back := range map[string]int{"database-emptied": 1000, "hub-restarted": 1000} {
		s, before := stage(t, name)
		e := rescue.Evidence{LastGood: s.Now.Add(-1e13)}
		for _, u := range before.Users {
			e.Members = append(e.Members, rescue.Member{Name: u.Name, ID: u.ID, Good: true})
		}
		hashed(&e)
		got := users(plan(t, s, e))
		if len(got) != back {
			t.Errorf("%s: %d users", name, len(got))
		}
		for _, u := range before.Users {
			if got[u.Name] != u.ID {
				t.Errorf("%s: %q has the id %d, had %d", name, u.Name, got[u.Name], u.ID)
			}
		}
	}
}
