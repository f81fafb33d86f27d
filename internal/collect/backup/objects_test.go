package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
	"hubaudit/internal/objecturl"
)

// bucket is a store in memory, with pages of two objects.
type bucket struct {
	objects []object
	// content is what get gives, by key; asked are the listings' prefixes.
	content map[string]string
	asked   []string
	// stuck gives the first page again and again.
	stuck bool
}

func (b *bucket) page(ctx context.Context, prefix, token string, deep bool) ([]object, string, error) {
	if ctx.Err() != nil {
		return nil, "", ctx.Err()
	}
	b.asked = append(b.asked, fmt.Sprintf("%s deep=%v", prefix, deep))
	var fit []object
	for _, o := range b.objects {
		if rest, ok := strings.CutPrefix(o.key, prefix); ok && (deep || !strings.Contains(rest, "/")) {
			fit = append(fit, o)
		}
	}
	from := 0
	if token != "" {
		from = slices.IndexFunc(fit, func(o object) bool { return o.key == token })
	}
	const size = 2
	if b.stuck || from+size < len(fit) {
		return fit[from : from+size], fit[min(from+size, len(fit)-1)].key, nil
	}
	return fit[from:], "", nil
}

func (b *bucket) get(_ context.Context, key string) (io.ReadCloser, int64, error) {
	content, ok := b.content[key]
	if !ok {
		return nil, 0, errors.New("no such key")
	}
	return io.NopCloser(strings.NewReader(content)), -1, nil
}

func (b *bucket) close() {}

// objectsOf is a location with these keys, all of one night and three bytes.
func objectsOf(t *testing.T, files string, keys ...string) (*objects, *bucket) {
	t.Helper()
	u, err := objecturl.Parse(files)
	if err != nil {
		t.Fatal(err)
	}
	b := &bucket{content: map[string]string{}}
	for _, k := range keys {
		b.objects = append(b.objects, object{k, 3, night})
		b.content[k] = "abc"
	}
	slices.SortFunc(b.objects, func(a, b object) int { return strings.Compare(a.key, b.key) })
	return inStore(u, b, func(int) {}), b
}

func names(copies []facts.BackupCopy) string {
	var all []string
	for _, c := range copies {
		all = append(all, c.Name)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestObjectsByPattern(t *testing.T) {
	keys := []string{"db.gz", "hub/db-1.gz", "hub/db-2.gz", "hub/db-2.gz.sha256", "hub/.db-3.gz", "hub/db-4/inner", "hub/", "hub/sub/db-5.gz",
		"2026/11-19/hub/db.gz", "2026/11-20/hub/db.gz", "2026/11-20/lab/db.gz", "2026/.x/hub/db.gz", "2026/11-21/", "100%/a b+c.gz"}
	for glob, want := range map[string]struct{ names, asked string }{
		"db.gz":            {"db.gz", "db.gz deep=false"},
		"hub/db-*":         {"db-1.gz db-2.gz", "hub/db- deep=false"},
		"hub/*":            {"db-1.gz db-2.gz", "hub/ deep=false"},
		"hub/.*":           {".db-3.gz", "hub/. deep=false"},
		"hub/*/*":          {"db-4/inner sub/db-5.gz", "hub/ deep=true"},
		"2026/*/hub/db.gz": {"11-19/hub/db.gz 11-20/hub/db.gz", "2026/ deep=true"},
		"2026/11-2[0-9]/*": {"", "2026/11-2 deep=true"},
		"*/*":              {"100%/a b+c.gz hub/db-1.gz hub/db-2.gz", " deep=true"},
		"100%/a*":          {"a b+c.gz", "100%/a deep=false"},
		"nothing/*":        {"", "nothing/ deep=false"},
		"hub/db-1.gz":      {"db-1.gz", "hub/db-1.gz deep=false"},
	} {
		l, b := objectsOf(t, "s3://bucket/"+glob, keys...)
		copies, err := l.List(t.Context())
		if err != nil || names(copies) != want.names {
			t.Errorf("%s finds %q and %v, want %q", glob, names(copies), err, want.names)
		}
		if b.asked[0] != want.asked {
			t.Errorf("%s asks for %q, want %q", glob, b.asked[0], want.asked)
		}
		for _, c := range copies {
			if data, err := readAll(l, c); data != "abc" || err != nil {
				t.Errorf("%s: %s holds %q, %v", glob, c.Name, data, err)
			}
		}
	}
}

func readAll(l Location, c facts.BackupCopy) (string, error) {
	r, err := l.Open(context.Background(), c)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(r)
	return string(data), errors.Join(err, r.Close())
}

func TestObjectsAreJudgedAsFiles(t *testing.T) {
	l, b := objectsOf(t, "gs://bucket/db-*")
	b.objects = []object{{"db-1.gz.part", 3, night}, {"db-2.gz", 0, night}, {"db-2026-11-20.gz", 5, checkout}}
	got, err := l.List(t.Context())
	want := []facts.BackupCopy{
		{Name: "db-1.gz.part", Time: night, SizeBytes: 3, Error: "an unfinished file, by its ending .part"},
		{Name: "db-2.gz", Time: night, Error: "empty file"},
		{Name: "db-2026-11-20.gz", Time: at("2026-11-20T00:00:00Z"), SizeBytes: 5, Ready: true},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestOfManyObjectsTheNewestAreKept(t *testing.T) {
	l, b := objectsOf(t, "s3://bucket/db-*")
	const n = 2*kept + 501
	for i := range n {
		b.objects = append(b.objects, object{fmt.Sprintf("db-%05d", i), 3, night.Add(time.Duration(i*7919%n) * time.Minute)})
	}
	all := 0
	l.counted = func(n int) { all = n }
	copies, err := l.List(t.Context())
	if err != nil || len(copies) != kept || all != n {
		t.Fatalf("%d of %d kept, %v", len(copies), all, err)
	}
	for i, c := range copies {
		if !c.Time.Equal(night.Add(time.Duration(n-1-i) * time.Minute)) {
			t.Fatalf("copy %d is of %s", i, c.Time)
		}
	}
}

// endless is a bucket without an end.
type endless struct{ bucket }

func (e *endless) page(context.Context, string, string, bool) ([]object, string, error) {
	e.asked = append(e.asked, "")
	return make([]object, 1000), fmt.Sprint(len(e.asked)), nil
}

func TestObjectsFailures(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	l, _ := objectsOf(t, "s3://bucket/db-*", "db-1", "db-2", "db-3")
	stuck, b := objectsOf(t, "s3://bucket/db-*", "db-1", "db-2", "db-3")
	b.stuck = true
	huge, _ := objectsOf(t, "s3://bucket/db-*")
	huge.store = &endless{}
	for name, tt := range map[string]struct {
		l     *objects
		ctx   context.Context
		cause facts.Cause
		says  string
	}{
		"late":    {l, ended, facts.CauseTimeout, "no answer in time"},
		"circle":  {stuck, t.Context(), facts.CauseUnreadable, "the same page again and again"},
		"endless": {huge, t.Context(), facts.CauseUnreadable, `more than 200000 objects begin with "db-"`},
	} {
		copies, err := tt.l.List(tt.ctx)
		wantFailure(t, name, err, tt.cause, tt.says)
		if copies != nil {
			t.Errorf("%s: %d copies beside the failure", name, len(copies))
		}
	}
}

func wantFailure(t *testing.T, name string, err error, cause facts.Cause, says string) {
	t.Helper()
	var failed *source.Error
	if !errors.As(err, &failed) || failed.Cause != cause || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: error is %v, want %s with %q", name, err, cause, says)
	}
}

func TestACopyMustBeWhatWasListed(t *testing.T) {
	l, b := objectsOf(t, "s3://bucket/db-*", "db-1")
	listed := facts.BackupCopy{Name: "db-1", SizeBytes: 3}
	for content, tt := range map[string]struct {
		cause facts.Cause
		says  string
	}{
		"ab":   {facts.CauseUnreachable, "ended 1 bytes before its end"},
		"":     {facts.CauseUnreachable, "ended 3 bytes before its end"},
		"abcd": {facts.CauseUnreadable, "longer than it was when it was listed"},
	} {
		b.content["db-1"] = content
		_, err := readAll(l, listed)
		wantFailure(t, content, err, tt.cause, tt.says)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: what was cut on its way looks like a copy that ends in the middle: %v", content, err)
		}
	}
	_, err := newWhole(io.NopCloser(strings.NewReader("")), "x", 4, 3, nil)
	wantFailure(t, "size", err, facts.CauseUnreadable, "had 3 bytes when it was listed and has 4 now")
}

// FuzzObjects: no key and no glob breaks the listing, and what is found can be
// opened by its name.
func FuzzObjects(f *testing.F) {
	for _, seed := range [][2]string{{"hub/*/db-[0-9].gz", "hub/x/db-1.gz"}, {`a\*b/*`, "a*b/c"}, {"*", ".."}, {"[!-~]/\xff*", "a/\xff\x00"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, glob, key string) {
		u, err := objecturl.Parse("s3://bucket/" + glob)
		if err != nil || key == "" {
			return
		}
		b := &bucket{objects: []object{{key, 3, night}}, content: map[string]string{key: "abc"}}
		l := inStore(u, b, func(int) {})
		copies, err := l.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range copies {
			if data, err := readAll(l, c); data != "abc" || err != nil {
				t.Errorf("%q of %q opens as %q, %v", key, glob, data, err)
			}
		}
	})
}

func BenchmarkObjects(b *testing.B) {
	u, err := objecturl.Parse("s3://bucket/hub/*/db-*.gz")
	if err != nil {
		b.Fatal(err)
	}
	l := inStore(u, &bucket{}, func(int) {})
	o := object{"hub/2026-11-20/db-20261120T030012Z.gz", 3, night}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := l.inspect(o); !ok {
			b.Fatal("no copy")
		}
	}
}
