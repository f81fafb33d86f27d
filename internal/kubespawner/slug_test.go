package kubespawner

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// names makes distinct user names that look alike to anything that only keeps
// letters and digits: separators, capitals, accents and lengths vary.
func names(n int) []string {
	rnd := rand.New(rand.NewPCG(2026, 11))
	stems := []string{"ann", "jane", "jos", "x", "1a", "müller", "张", "first.last", strings.Repeat("long", 9), strings.Repeat("ab-", 14)}
	marks := []string{"", "-", "--", ".", "_", "@", " ", "É", "e\u0301", "A", "\u212A", "\u0130", "---68436896", "\x01"}
	pick := func(list []string) string { return list[rnd.IntN(len(list))] }
	seen := make(map[string]bool, n)
	all := make([]string, 0, n)
	for len(all) < n {
		name := pick(marks) + pick(stems) + pick(marks) + pick(stems) + pick(marks)
		if rnd.IntN(3) > 0 {
			name += fmt.Sprint(rnd.IntN(5000)) + pick(marks)
		}
		if !seen[name] {
			seen[name] = true
			all = append(all, name)
		}
	}
	return all
}

// TestSafeNamesDoNotCollide: among many names that are made to look alike no
// two have the same slug, and no two servers the same {user_server}. A hash of
// 32 bits cannot promise more: what is before it must differ as well.
func TestSafeNamesDoNotCollide(t *testing.T) {
	all := names(200_000)
	slugs := make(map[string]string, len(all))
	for _, name := range all {
		slug := Safe(name)
		if other, taken := slugs[slug]; taken {
			t.Errorf("%q and %q are both %s", name, other, slug)
		}
		slugs[slug] = name
	}
	pair := compiled(t, Scheme{Version: Version{Major: 7}, Template: "{user_server}"})
	servers := make(map[string][2]string, 4*len(all)/10)
	for i := range len(all) / 10 {
		for _, server := range []string{"", "lab", all[i], all[len(all)-1-i]} {
			slug := pair.Name(&Server{User: all[i], Name: server})
			if other, taken := servers[slug]; taken {
				t.Errorf("%q of %q and %q of %q are both %s", server, all[i], other[1], other[0], slug)
			}
			servers[slug] = [2]string{all[i], server}
		}
	}
}

// A user's name cannot be chosen so that its slug is what another user's
// server has: what looks like a slug is hashed again.
func TestSlugsAreNotNames(t *testing.T) {
	pair := compiled(t, Scheme{Version: Version{Major: 7}, Template: "{user_server}"})
	for _, name := range names(2000) {
		for _, server := range []string{"", "lab", "Some Name"} {
			slug := pair.Name(&Server{User: name, Name: server})
			if slug != name && pair.Name(&Server{User: slug}) == slug {
				t.Errorf("a user %s has the slug of server %q of %q", slug, server, name)
			}
		}
	}
}

var (
	slugForm  = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)
	labelForm = regexp.MustCompile(`^([0-9A-Za-z]([0-9A-Za-z._-]*[0-9A-Za-z])?)?$`)
	unicodeIn = regexp.MustCompile("[\u0130\u0131\u017F\u212A]")
)

func FuzzSlugs(f *testing.F) {
	for _, c := range worked {
		f.Add(c.user, c.server)
	}
	for _, name := range []string{"", "-", "\xff\xfe", "İİİ", "a\u212Ab", "ſ", "<!channel>", "\x1b[31m\n", strings.Repeat("9-", 40), strings.Repeat("🙂", 30)} {
		f.Add(name, name)
	}
	pair, err := Scheme{Version: Version{Major: 7}, Template: "{user_server}"}.Compile()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, user, server string) {
		s := &Server{User: user, Name: server, ID: 1}
		for _, slug := range []string{Safe(user), Safe(server), pair.Name(s)} {
			if !slugForm.MatchString(slug) || len(slug) > slugLength {
				t.Fatalf("%q, %q have the slug %q", user, server, slug)
			}
		}
		// The letters that Python takes for a-z make a label that Kubernetes refuses.
		if label := Label(Version{Major: 7}, user); utf8.RuneCountInString(label) > nameLength || !labelForm.MatchString(unicodeIn.ReplaceAllString(label, "x")) {
			t.Fatalf("%q has the label %q", user, label)
		}
		if utf8.ValidString(user) && len(Escape(user)) < len(user) {
			t.Fatalf("%q is escaped to %q", user, Escape(user))
		}
		for _, scheme := range Historic() {
			n := compiled(t, scheme)
			if one, two := n.Name(s), n.Name(&Server{User: user, Name: server, ID: 1}); one != two || !strings.HasPrefix(one, "claim") {
				t.Fatalf("%+v names %q, %q once %q and once %q", scheme, user, server, one, two)
			}
		}
	})
}

func BenchmarkName(b *testing.B) {
	for _, s := range append(Historic(), Scheme{Version: Version{Major: 7}, Template: "claim-{user_server}", Slugs: SlugsEscape}) {
		for kind, user := range map[string]string{"plain": "student-0042", "mail": "first.last@department.university.example.edu"} {
			b.Run(fmt.Sprintf("%s%s/%s", s.Version, s.Slugs, kind), func(b *testing.B) {
				n := compiled(b, s)
				var name []byte
				b.ReportAllocs()
				for b.Loop() {
					name = n.Append(name[:0], &Server{User: user, ID: 42, Name: "lab"})
				}
			})
		}
	}
}

// BenchmarkHistoric names the default server of 100,000 users under every
// historic scheme.
func BenchmarkHistoric(b *testing.B) {
	var namers []*Namer
	for _, s := range Historic() {
		namers = append(namers, compiled(b, s))
	}
	users := make([]string, 100_000)
	for i := range users {
		users[i] = fmt.Sprintf("first.last%d@example.edu", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		var name []byte
		for i, user := range users {
			server := Server{User: user, ID: int64(i + 1)}
			for _, n := range namers {
				name = n.Append(name[:0], &server)
			}
		}
	}
}
