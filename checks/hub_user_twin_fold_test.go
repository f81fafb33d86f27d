package checks

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"hubaudit/internal/facts"
)

func TestFoldName(t *testing.T) {
	for _, same := range [][]string{
		{"jane.doe", "Jane.Doe", "jane-doe", "JANE_DOE", "jane doe", " jane.doe", "jane\u2010doe", "ja\u200bne.doe"},
		{"jan\u00fcsz", "janu\u0308sz", "JAN\u00dcSZ"},
		{"stra\u00dfe", "STRASSE"},
		{"ann", "\uff41nn", "A\u00adnn"},
		{"kelvin", "\u212aelvin"},
		{"i\u0307zmir", "\u0130zmir"},
		{"o'neill", "o-neill"},
		{"\u674e\u660e"},
		{"ann--x", "ann.-x"},
		{"annx"}, {"ann-x"},
	} {
		for _, name := range same {
			if got, want := foldName(name), foldName(same[0]); got != want || want == "" {
				t.Errorf("%+q folds to %+q, %+q to %+q", name, got, same[0], want)
			}
		}
	}
	seen := map[string]bool{}
	for _, name := range []string{"ann", "annx", "ann-x", "ann--x", "bob@a.edu", "bob@b.edu", "\u674e\u660e", "\u738b\u82b3", "ann1", "ann2"} {
		if key := foldName(name); seen[key] || key == "" {
			t.Errorf("%q folds to %q, as another does", name, key)
		} else {
			seen[key] = true
		}
	}
	for _, name := range []string{"", " ", "..", "-_-", "\xff\xfe", "ann\xff", "@", "\u200b"} {
		if key := foldName(name); key != "" {
			t.Errorf("%q folds to %q, and is like nobody's", name, key)
		}
	}
}

// FuzzFoldName: a folded name folds to itself, and two names that fold to the
// same differ in something that can be said.
func FuzzFoldName(f *testing.F) {
	for _, name := range []string{"jane.doe", "Jane@u.edu", "\u0130\u0345\u03b0", "\xff", "\u1e9e \u2126", "=\u0338", "\ufdfa", "a@b@c", strings.Repeat("a\u0308\u0323", 50)} {
		f.Add(name, name)
	}
	f.Add("a.b", "A-B")
	f.Fuzz(func(t *testing.T, a, b string) {
		key := foldName(a)
		if again := foldName(key); again != key {
			t.Fatalf("%+q folds to %+q and that to %+q", a, key, again)
		}
		if !utf8.ValidString(key) {
			t.Fatalf("%+q folds to %+q", a, key)
		}
		for _, users := range [][]facts.User{{{ID: 1, Name: a}, {ID: 2, Name: b}}, {{ID: 1, Name: b}, {ID: 2, Name: a}}} {
			for _, family := range families(users) {
				rule, differ := difference(family[0].Name, family[1].Name)
				if len(family) != 2 || rule == "" || differ == "" || !utf8.ValidString(differ) {
					t.Fatalf("%+q and %+q differ in %q %q", a, b, rule, differ)
				}
			}
		}
	})
}

func TestFamilies(t *testing.T) {
	for _, c := range []struct{ names, want string }{
		{"a.b x a-b", "a.b a-b"},
		{"bob@a bob@b", ""},
		{"bob bob@a bob@b", ""},
		{"bob bob@a Bob@A", "bob bob@a Bob@A"},
		{"bob@a bob BOB", "bob BOB bob@a"},
		{"bob BOB bob@a bob@b", "bob BOB"},
		{"bob@a Bob@a bob bob@b", "bob@a Bob@a"},
		{"a a.b a@b.c a.b@c", "a a@b.c a.b@c"}, // two readings of one key: only one is followed
		{"A.b a-b C.d c-d", "A.b a-b | C.d c-d"},
		{"@a a@", ""},
	} {
		var users []facts.User
		for i, name := range strings.Fields(c.names) {
			users = append(users, facts.User{ID: int64(i + 1), Name: name})
		}
		var got []string
		for _, family := range families(users) {
			var names []string
			for _, u := range family {
				names = append(names, u.Name)
			}
			got = append(got, strings.Join(names, " "))
		}
		if s := strings.Join(got, " | "); s != c.want {
			t.Errorf("families of %s: %s, want %s", c.names, s, c.want)
		}
	}
}

// Nobody is in two families, so the pairs that are compared are fewer than the
// users, however many names fold to the same.
func TestFamiliesAreApart(t *testing.T) {
	users := hostileNames(20_000)
	members := map[*facts.User]bool{}
	for _, family := range families(users) {
		for _, u := range family {
			if members[u] {
				t.Fatalf("%q is in two families", u.Name)
			}
			members[u] = true
		}
	}
	if len(members) < len(users)/2 {
		t.Errorf("%d of %d users are in a family", len(members), len(users))
	}
}

// hostileNames fold to few keys, in as many spellings as there are.
func hostileNames(n int) []facts.User {
	users := make([]facts.User, n)
	for i := range users {
		spelling := []byte("a---------------a")
		for bit := range 15 {
			spelling[bit+1] = ".-_+"[i>>bit&1+i>>(bit+3)&2]
		}
		name := string(spelling)
		if i%3 == 0 {
			name += fmt.Sprintf("@%d.edu", i%7)
		}
		users[i] = facts.User{ID: int64(i + 1), Name: name}
	}
	return users
}

// BenchmarkFamilies is per 100,000 users: names as they are, in Unicode, and
// all of a few families.
func BenchmarkFamilies(b *testing.B) {
	for _, c := range []struct {
		name  string
		users []facts.User
	}{
		{"plain", namedUsers("student-%06d")}, {"addresses", namedUsers("Student.%06d@uni.edu")},
		{"unicode", namedUsers("stud\u00e9nt-%06d")}, {"hostile", hostileNames(100_000)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				families(c.users)
			}
		})
	}
}

func namedUsers(format string) []facts.User {
	users := make([]facts.User, 100_000)
	for i := range users {
		users[i] = facts.User{ID: int64(i + 1), Name: fmt.Sprintf(format, i)}
	}
	return users
}
