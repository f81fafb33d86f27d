package hubapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"hubaudit/internal/facts"
)

// TestEveryUserIsFound reads lists of the lengths at which pages begin and end,
// from hubs that tell where in the list a page is and from those that do not.
func TestEveryUserIsFound(t *testing.T) {
	for _, limit := range []int{200, 50, 7, 2} {
		for _, users := range []int{0, 1, 2, 49, 50, 51, 199, 200, 201, 399, 400, 401, 613} {
			for _, bare := range []bool{false, true} {
				if users > 100*limit {
					continue // that many pages show nothing new
				}
				f := newFake(users)
				f.limit, f.bare = limit, bare
				want := slices.Clone(f.names)
				api, err := read(t, f)
				if err != nil {
					t.Fatalf("%d users by %d, bare %v: %v", users, limit, bare, err)
				}
				if !slices.Equal(names(api), want) || api.UsersRead != facts.Complete || api.SpawnersRead != facts.Complete {
					t.Errorf("%d users by %d, bare %v: read %d, %s", users, limit, bare, len(api.Users), api.UsersRead)
				}
			}
		}
	}
}

// TestUsersComeAndGoMeanwhile changes the list before each page. Who was there
// all the time is read, whatever happens to the others.
func TestUsersComeAndGoMeanwhile(t *testing.T) {
	for name, change := range map[string]func(f *fakeHub, page int){
		"one made per page":            func(f *fakeHub, page int) { f.names = append(f.names, fmt.Sprintf("new-%03d", page)) },
		"one deleted before page 2":    func(f *fakeHub, page int) { deleteOn(f, page, 2, 1) },
		"ninety deleted before page 2": func(f *fakeHub, page int) { deleteOn(f, page, 2, 90) },
		"150 deleted before page 3":    func(f *fakeHub, page int) { deleteOn(f, page, 3, 150) },
		"all read ones deleted":        func(f *fakeHub, page int) { deleteOn(f, page, 2, 200) },
		"one deleted at every page":    func(f *fakeHub, page int) { deleteOn(f, page, page, 1) },
		"one deleted, one made per page": func(f *fakeHub, page int) {
			deleteOn(f, page, page, 1)
			f.names = append(f.names, fmt.Sprintf("new-%03d", page))
		},
	} {
		for _, bare := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, bare %v", name, bare), func(t *testing.T) {
				f := newFake(613)
				f.bare = bare
				page := 0
				f.before = func(int) { page++; change(f, page) }
				api, err := read(t, f)
				if err != nil {
					t.Fatal(err)
				}
				got := map[string]bool{}
				for _, n := range names(api) {
					got[n] = true
				}
				if len(got) != len(api.Users) {
					t.Errorf("%d users have %d names", len(api.Users), len(got))
				}
				for _, n := range f.names {
					if !got[n] && !strings.HasPrefix(n, "new-") {
						t.Fatalf("%s is missing among %d", n, len(got))
					}
				}
				if gone := len(got) - len(f.names); gone > 200 {
					t.Errorf("%d users too many", gone)
				}
			})
		}
	}
}

// deleteOn deletes the first users of the list before a page.
func deleteOn(f *fakeHub, page, when, users int) {
	if page == when {
		f.names = slices.Delete(f.names, 0, users)
	}
}

// TestDeletedUsersAreNotRead: after a quiet second reading nobody is left who
// is gone.
func TestDeletedUsersAreNotRead(t *testing.T) {
	f := newFake(613)
	page := 0
	f.before = func(int) { page++; deleteOn(f, page, 2, 90) }
	api, err := read(t, f)
	if err != nil || !slices.Equal(names(api), f.names) {
		t.Errorf("read %d users, want %d: %v", len(api.Users), len(f.names), err)
	}
}

// TestSameNameTwice: a damaged database may hold a name twice, and the hub then
// lists it twice.
func TestSameNameTwice(t *testing.T) {
	f := newFake(3)
	f.names = append(f.names, f.names[0])
	n := 0
	f.model = func(m map[string]any) {
		n++
		m["created"] = fmt.Sprintf("2026-09-01T08:00:%02dZ", n%60)
	}
	api, err := read(t, f)
	if err != nil || len(api.Users) != 4 || api.Users[0].Name != api.Users[1].Name || !api.Users[0].Created.Before(api.Users[1].Created) {
		t.Errorf("read %v: %v", names(api), err)
	}
}

// TestListsThatCannotBeTrusted: none of them may pass for a small hub.
func TestListsThatCannotBeTrusted(t *testing.T) {
	place := func(items string, offset, limit, total int) func(http.ResponseWriter, *http.Request, int) bool {
		return func(w http.ResponseWriter, _ *http.Request, asked int) bool {
			fmt.Fprintf(w, `{"items": [%s], "_pagination": {"offset": %d, "limit": %d, "total": %d}}`, items, offset, limit, total)
			return true
		}
	}
	for name, c := range map[string]struct {
		hub   func(f *fakeHub)
		words []string
	}{
		"cut at 200, no offset":     {func(f *fakeHub) { f.bare, f.fixed = true, true }, []string{"ends after exactly 200 users", "http://hub.NAMESPACE.svc:8081/hub/api"}},
		"cut at 50, no offset":      {func(f *fakeHub) { f.bare, f.fixed, f.limit = true, true, 50 }, []string{"ends after exactly 50 users"}},
		"cut at 200, old hub":       {func(f *fakeHub) { f.version, f.scopes, f.bare, f.fixed = "1.5.0", nil, true, true }, []string{"ends after exactly 200 users"}},
		"no offset, new hub":        {func(f *fakeHub) { f.bare, f.fixed, f.names = true, true, f.names[:37] }, []string{"ends after exactly 37 users"}},
		"pages from a cache":        {func(f *fakeHub) { f.fixed = true }, []string{"it says that it begins at 0"}},
		"pages of one":              {func(f *fakeHub) { f.limit = 1 }, []string{"does not come to an end"}},
		"bare pages of one":         {func(f *fakeHub) { f.limit, f.bare = 1, true }, []string{"does not come to an end"}},
		"a negative total":          {func(f *fakeHub) { f.answer = place("", 0, 200, -1) }, []string{"its total is -1"}},
		"a limit of zero":           {func(f *fakeHub) { f.answer = place("", 0, 0, 9) }, []string{"limit 0"}},
		"nobody of many":            {func(f *fakeHub) { f.answer = place("", 0, 200, 9) }, []string{"it has 0 users where 9 should be"}},
		"more than announced":       {func(f *fakeHub) { f.answer = place(`{"name": "a"}, {"name": "b"}`, 0, 200, 1) }, []string{"it has 2 users where 1 should be"}},
		"the same user in the page": {func(f *fakeHub) { f.answer = place(`{"name": "a"}, {"name": "a"}`, 0, 200, 2) }, []string{"does not add up", "1 users are in it and the hub counts 2"}},
		"deleted in numbers": {func(f *fakeHub) {
			f.names = newFake(1400).names
			f.before = func(offset int) {
				if offset+200 >= len(f.names) {
					f.names = f.names[80:]
				}
			}
		}, []string{"does not add up, also when read 3 times", "audit again afterwards"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(613)
			c.hub(f)
			api, err := read(t, f)
			cause := facts.CauseUnreadable
			if strings.Contains(c.words[0], "does not add up") {
				cause = facts.CausePartial
			}
			wantFailure(t, err, cause, c.words...)
			if len(api.Users) != 0 || api.UsersRead == facts.Complete {
				t.Errorf("%d users came all the same", len(api.Users))
			}
			if f.requests > 100 {
				t.Errorf("%d requests", f.requests)
			}
		})
	}
}

// TestOldHubGivesAllAtOnce: before JupyterHub 2 there are no pages, and no
// stopped servers before 3.
func TestOldHubGivesAllAtOnce(t *testing.T) {
	f := newFake(613)
	f.version, f.scopes, f.bare, f.fixed, f.limit = "1.3.0", nil, true, true, 1000
	f.answer = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		items := []map[string]any{}
		for _, n := range f.names {
			items = append(items, f.user(n))
		}
		reply(w, items)
		return true
	}
	api, err := read(t, f)
	if err != nil || len(api.Users) != 613 || api.UsersRead != facts.Complete || api.SpawnersRead != facts.Partial {
		t.Fatalf("read %d users, %s, servers %s: %v", len(api.Users), api.UsersRead, api.SpawnersRead, err)
	}
	if got := Limits(api); got != "JupyterHub 1.3.0 shows no stopped servers: they are known from JupyterHub 3 on" {
		t.Errorf("the limits are %q", got)
	}
}
