package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"hubaudit/internal/collect/backup"
	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
	"hubaudit/test/objectstore"
)

var night = time.Date(2026, 11, 20, 3, 0, 12, 0, time.UTC)

// location is one of the server's, as reader unless another user is said.
func location(t *testing.T, files, user, endpoint string) backup.Location {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "root") // which the file outweighs
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
	l, err := backup.NewLocation(t.Context(), backup.Options{Files: files + "?use_path_style=true&region=" + region + "&endpoint=" + url.QueryEscape(endpoint),
		CredentialsFile: objectstore.Login(t, user, secret)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestCopiesInS3(t *testing.T) {
	const bucket = "hub-copies"
	store.NewBucket(t, bucket)
	for key, at := range map[string]time.Time{
		"db/jupyterhub-2026-11-20.gz": night, "db/jupyterhub-2026-11-19.gz": night.AddDate(0, 0, 3), "db/jupyterhub- +%&<é>.gz": night,
		"db/.jupyterhub-hidden": night, "db/jupyterhub-1.gz.sha256": night, "db/jupyterhub-2.gz.part": night, "db/jupyterhub-x/inner": night, "other": night,
	} {
		if err := store.Put(t.Context(), bucket, key, "abc", at); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Put(t.Context(), bucket, "db/jupyterhub-0.gz", "", night); err != nil {
		t.Fatal(err)
	}
	unfinished(t, bucket, "db/jupyterhub-multipart.gz")
	want := []facts.BackupCopy{
		{Name: "jupyterhub- +%&<é>.gz", Time: night, SizeBytes: 3, Ready: true},
		{Name: "jupyterhub-0.gz", Time: night, Error: "empty file"},
		{Name: "jupyterhub-2.gz.part", Time: night, SizeBytes: 3, Error: "an unfinished file, by its ending .part"},
		{Name: "jupyterhub-2026-11-20.gz", Time: night, SizeBytes: 3, Ready: true},
		{Name: "jupyterhub-2026-11-19.gz", Time: time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC), SizeBytes: 3, Ready: true},
	}
	l := location(t, "s3://"+bucket+"/db/jupyterhub-*", "reader", gateway)
	copies, err := l.List(t.Context())
	if diff := cmp.Diff(want, copies); diff != "" || err != nil {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	for _, c := range copies {
		if r, err := l.Open(t.Context(), c); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		} else if data, err := readAll(r); int64(len(data)) != c.SizeBytes || err != nil {
			t.Errorf("%s holds %q, %v", c.Name, data, err)
		}
	}
	deep, err := location(t, "s3://"+bucket+"/db/*/*", "reader", gateway).List(t.Context())
	if err != nil || len(deep) != 1 || deep[0].Name != "jupyterhub-x/inner" {
		t.Errorf("one folder deeper: %v, %v", deep, err)
	}
}

// unfinished begins an upload in parts and never ends it.
func unfinished(t *testing.T, bucket, key string) {
	t.Helper()
	up, err := store.Admin.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	if err == nil {
		_, err = store.Admin.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &bucket, Key: &key, UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("abc")})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestManyCopiesAreListedInPages: the server gives a thousand at a time.
func TestManyCopiesAreListedInPages(t *testing.T) {
	const bucket, n = "many-copies", 3000
	store.NewBucket(t, bucket)
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(16)
	for i := range n {
		group.Go(func() error {
			return store.Put(ctx, bucket, fmt.Sprintf("db/%04d", i*7%n), "x", night.Add(time.Duration(i)*time.Minute))
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	pages := 0
	front := proxy(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		mu.Lock()
		pages++
		mu.Unlock()
		next.ServeHTTP(w, r)
	})
	counted := 0
	l, err := backup.NewLocation(t.Context(), backup.Options{Files: "s3://" + bucket + "/db/*?use_path_style=true&region=" + region + "&endpoint=" + front,
		CredentialsFile: objectstore.Login(t, "reader", secret), Counted: func(n int) { counted = n }})
	if err != nil {
		t.Fatal(err)
	}
	copies, err := l.List(t.Context())
	if err != nil || len(copies) != 1000 || counted != n || pages != 3 {
		t.Fatalf("%d of %d copies in %d pages, %v", len(copies), counted, pages, err)
	}
	if first, last := copies[0].Time, copies[999].Time; !first.Equal(night.Add((n-1)*time.Minute)) || !last.Equal(night.Add((n-1000)*time.Minute)) {
		t.Errorf("kept from %s to %s", last, first)
	}
}

// proxy stands before the server and lets do what it likes with a request.
func proxy(t *testing.T, do func(http.ResponseWriter, *http.Request, http.Handler)) string {
	t.Helper()
	to, err := url.Parse(gateway)
	if err != nil {
		t.Fatal(err)
	}
	next := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host // it is signed
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { do(w, r, next) }))
	t.Cleanup(server.Close)
	return server.URL
}

func TestFailuresOfS3(t *testing.T) {
	const bucket = "failing"
	store.NewBucket(t, bucket)
	if err := store.Put(t.Context(), bucket, "db/copy", strings.Repeat("x", 1<<20), night); err != nil {
		t.Fatal(err)
	}
	copied := facts.BackupCopy{Name: "copy", SizeBytes: 1 << 20, Time: night, Ready: true}
	gone := facts.BackupCopy{Name: "gone", SizeBytes: 1}
	cut := proxy(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&cutter{w, 100_000}, r)
	})
	unused, err := objectstore.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		bucket, user, endpoint string
		open                   *facts.BackupCopy
		cause                  facts.Cause
		says                   string
	}{
		"may not list":   {bucket, "stranger", gateway, nil, facts.CauseForbidden, "give it s3:ListBucket"},
		"may not read":   {bucket, "lister", gateway, &copied, facts.CauseForbidden, "give it s3:GetObject"},
		"unknown user":   {bucket, "nobody", gateway, nil, facts.CauseForbidden, "the login is not accepted"},
		"missing bucket": {"missing", "root", gateway, nil, facts.CauseMissing, "there is no such bucket"},
		"missing object": {bucket, "reader", gateway, &gone, facts.CauseMissing, "gone since it was listed"},
		"cut":            {bucket, "reader", cut, &copied, facts.CauseUnreachable, "bytes before its end"},
		"nobody listens": {bucket, "reader", "http://" + unused, nil, facts.CauseUnreachable, "connection refused"},
		"not TLS":        {bucket, "reader", strings.Replace(gateway, "http:", "https:", 1), nil, facts.CauseUnreachable, "gave HTTP response to HTTPS client"},
	} {
		l := location(t, "s3://"+tt.bucket+"/db/*", tt.user, tt.endpoint)
		var err error
		if tt.open == nil {
			_, err = l.List(t.Context())
		} else {
			var r io.ReadCloser
			if r, err = l.Open(t.Context(), *tt.open); err == nil {
				_, err = readAll(r)
			}
		}
		wantFailure(t, name, err, tt.cause, tt.says)
	}
}

// cutter lets through so many bytes of a body, then breaks the connection.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if len(p) < c.left {
		c.left -= len(p)
		return c.ResponseWriter.Write(p)
	}
	_, _ = c.ResponseWriter.Write(p[:c.left]) // the test sees what arrives
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

func wantFailure(t *testing.T, name string, err error, cause facts.Cause, says string) {
	t.Helper()
	failed, ok := errors.AsType[*source.Error](err)
	if !ok || failed.Cause != cause || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: error is %v, want %s with %q", name, err, cause, says)
	}
	for _, word := range []string{secret, "Signature=", "X-Amz-", "use_path_style"} {
		if err != nil && strings.Contains(err.Error(), word) {
			t.Errorf("%s: the error shows %q: %v", name, word, err)
		}
	}
}

func TestAWrongKeyIsRefused(t *testing.T) {
	store.NewBucket(t, "wrong-key")
	l, err := backup.NewLocation(t.Context(), backup.Options{Files: "s3://wrong-key/*?use_path_style=true&region=" + region + "&endpoint=" + gateway,
		CredentialsFile: objectstore.Login(t, "reader", "another-key")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.List(t.Context())
	wantFailure(t, "wrong key", err, facts.CauseForbidden, "the login is not accepted")
}

// TestAServerThatHangs is left when the deadline passes, in the middle of a
// listing and of a copy.
func TestAServerThatHangs(t *testing.T) {
	const bucket = "hanging"
	store.NewBucket(t, bucket)
	if err := store.Put(t.Context(), bucket, "copy", strings.Repeat("x", 1<<20), night); err != nil {
		t.Fatal(err)
	}
	reached := make(chan struct{}, 16)
	front := proxy(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, "/copy") { // begin to answer
			w.Header().Set("Content-Length", fmt.Sprint(1<<20))
			_, _ = io.WriteString(w, "begin")
			_ = http.NewResponseController(w).Flush()
		}
		reached <- struct{}{}
		<-r.Context().Done()
	})
	l := location(t, "s3://"+bucket+"/*", "reader", front)
	for name, do := range map[string]func(context.Context) error{
		"listing": func(ctx context.Context) error { _, err := l.List(ctx); return err },
		"opening": func(ctx context.Context) error {
			r, err := l.Open(ctx, facts.BackupCopy{Name: "copy", SizeBytes: 1 << 20})
			if err != nil {
				return err
			}
			_, err = readAll(r)
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-reached
			cancel()
		}()
		wantFailure(t, name, do(ctx), facts.CauseTimeout, "no answer in time")
	}
}

// TestNoLogin: without any login nothing outside of this machine is waited for.
func TestNoLogin(t *testing.T) {
	metadata, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer metadata.Close()
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": empty, "AWS_CONFIG_FILE": empty,
		"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://" + metadata.Addr().String()} {
		t.Setenv(name, value)
	}
	l, err := backup.NewLocation(t.Context(), backup.Options{Files: "s3://any-bucket/*?use_path_style=true&endpoint=" + gateway})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = l.List(ctx)
	wantFailure(t, "metadata hangs", err, facts.CauseTimeout, "no answer in time")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	l, err = backup.NewLocation(t.Context(), backup.Options{Files: "s3://any-bucket/*?use_path_style=true&endpoint=" + gateway})
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.List(t.Context())
	wantFailure(t, "nothing there", err, facts.CauseForbidden, "name one as credentialsFile")
}
