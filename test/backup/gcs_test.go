package backup

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/collect/backup"
	"hubaudit/internal/facts"
)

// googleStorage is fake-gcs-server over plain HTTP with these objects.
func googleStorage(t *testing.T, objects []fakestorage.Object, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true, InitialObjects: objects})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	front := httptest.NewServer(wrap(server.HTTPHandler()))
	t.Cleanup(front.Close)
	return front.URL
}

func googleObject(key, content string, updated time.Time) fakestorage.Object {
	return fakestorage.Object{ObjectAttrs: fakestorage.ObjectAttrs{BucketName: "hub-copies", Name: key, Updated: updated}, Content: []byte(content)}
}

func TestCopiesInGoogleStorage(t *testing.T) {
	all := []fakestorage.Object{
		googleObject("2026/11-20/db.gz", "abc", night), googleObject("2026/11-19/db.gz", "abcd", night.AddDate(0, 0, -1)), googleObject("2026/11-19/db.gz.md5", "x", night),
		googleObject("2026/11-19/lab.gz", "abc", night), googleObject("db-1 +%é.gz", "abc", night), googleObject("db-2.gz", "", night), googleObject("db-x/inner", "abc", night),
	}
	packed := googleObject("db-3.gz", "\x1f\x8b not unpacked", night)
	packed.ContentEncoding = "gzip"
	all = append(all, packed)
	calls := 0
	endpoint := googleStorage(t, all, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if calls++; calls == 1 { // which the client asks again
				http.Error(w, `{"error": {"code": 503, "message": "busy"}}`, http.StatusServiceUnavailable)
				return
			}
			if r.Method != http.MethodGet {
				t.Errorf("the audit only reads, and asked with %s", r.Method)
			}
			next.ServeHTTP(w, r)
		})
	})
	for glob, want := range map[string][]facts.BackupCopy{
		"2026/*/db.gz": {{Name: "11-20/db.gz", Time: night, SizeBytes: 3, Ready: true}, {Name: "11-19/db.gz", Time: night.AddDate(0, 0, -1), SizeBytes: 4, Ready: true}},
		"db-*": {{Name: "db-1 +%é.gz", Time: night, SizeBytes: 3, Ready: true}, {Name: "db-2.gz", Time: night, Error: "empty file"},
			{Name: "db-3.gz", Time: night, SizeBytes: int64(len(packed.Content)), Ready: true}},
	} {
		l := google(t, "gs://hub-copies/"+glob, endpoint)
		copies, err := l.List(t.Context())
		if diff := cmp.Diff(want, copies); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", glob, err, diff)
		}
		for _, c := range copies {
			if r, err := l.Open(t.Context(), c); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			} else if data, err := readAll(r); int64(len(data)) != c.SizeBytes || err != nil {
				t.Errorf("%s holds %q, %v", c.Name, data, err)
			}
		}
	}
}

func google(t *testing.T, files, endpoint string) backup.Location {
	t.Helper()
	l, err := backup.NewLocation(t.Context(), backup.Options{Files: files + "?anonymous=true&endpoint=" + url.QueryEscape(endpoint)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestManyCopiesInGoogleStorage(t *testing.T) {
	const n = 1200
	var all []fakestorage.Object
	for i := range n {
		all = append(all, googleObject(fmt.Sprintf("db-%04d", i), "x", night.Add(time.Duration(i)*time.Minute)))
	}
	copies, err := google(t, "gs://hub-copies/db-*", googleStorage(t, all, func(h http.Handler) http.Handler { return h })).List(t.Context())
	if err != nil || len(copies) != 1000 || copies[0].Name != "db-1199" || copies[999].Name != "db-0200" {
		t.Errorf("%d copies, %v", len(copies), err)
	}
}

func TestFailuresOfGoogleStorage(t *testing.T) {
	endpoint := googleStorage(t, []fakestorage.Object{googleObject("db", "abc", night)}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/storage/v1/b/private/o" {
				http.Error(w, `{"error": {"code": 401, "message": "Anonymous caller does not have storage.objects.list access"}}`, http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	_, err := google(t, "gs://private/db", endpoint).List(t.Context())
	wantFailure(t, "private", err, facts.CauseForbidden, "give it storage.objects.list")
	_, err = google(t, "gs://missing/db", endpoint).List(t.Context())
	wantFailure(t, "missing", err, facts.CauseMissing, "there is no such bucket")
	_, err = google(t, "gs://hub-copies/db", endpoint).Open(t.Context(), facts.BackupCopy{Name: "gone", SizeBytes: 3})
	wantFailure(t, "gone", err, facts.CauseMissing, "gone since it was listed")
}
