package prometheus

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

const secret = "s3cr3t-0123456789abcdef"

var at = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// The real Prometheus stands in test/prometheus; here is what it cannot be
// brought to answer.

// vector is an answer with the given samples, each labels=value.
func vector(samples ...string) string {
	var all []string
	for _, s := range samples {
		labels, value, _ := strings.Cut(s, "=")
		namespace, claim, _ := strings.Cut(labels, "/")
		all = append(all, fmt.Sprintf(`{"metric":{"namespace":%q,"persistentvolumeclaim":%q},"value":[1794830400.123,%q]}`, namespace, claim, value))
	}
	return `{"status":"success","data":{"resultType":"vector","result":[` + strings.Join(all, ",") + `]}}`
}

// answers has the answer to each query that begins with, or contains, a text.
type answers map[string]string

func (a answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	query := r.FormValue("query")
	for part, answer := range a {
		if strings.Contains(query, part) && strings.Contains(query, "timestamp") == strings.Contains(part, "timestamp") {
			_, _ = io.WriteString(w, answer)
			return
		}
	}
	_, _ = io.WriteString(w, vector())
}

// read reads from a handler. Whatever comes, no secret must be in an error.
func read(t testing.TB, h http.Handler, change ...func(*Options)) (Result, error) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	o := Options{URL: server.URL, Token: secret, UserAgent: "hubaudit/test", HubNamespaces: []string{"hub"}, At: at}
	for _, c := range change {
		c(&o)
	}
	r, err := Read(t.Context(), o)
	if err != nil && strings.Contains(err.Error(), secret) {
		t.Errorf("the error shows the secret: %v", err)
	}
	return r, err
}

// wantFailure checks a source's error: its cause, and what it says in one line.
func wantFailure(t testing.TB, err error, cause facts.Cause, words ...string) {
	t.Helper()
	failed, ok := errors.AsType[*source.Error](err)
	if !ok {
		t.Fatalf("got %v, want a source's error", err)
	}
	if failed.Cause != cause {
		t.Errorf("the cause is %s, want %s: %v", failed.Cause, cause, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q is missing in: %v", w, err)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than a line: %q", err)
	}
}

// Numbers as drivers and file systems really give them.
func TestOddNumbers(t *testing.T) {
	r, err := read(t, answers{
		"capacity_bytes":           vector("hub/db=1.073741824e+09", "hub/efs=9.223372036854776e+18", "hub/none=0", "hub/nan=NaN", "hub/inf=+Inf", "hub/neg=-1", "hub/=5"),
		"used_bytes":               vector("hub/db=2048.9", "hub/onlyused=7"),
		"(timestamp(kubelet_volum": vector("hub/db=1794830370.5"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []facts.Usage{
		{Namespace: "hub", Claim: "db", CapacityBytes: 1 << 30, UsedBytes: 2048, At: time.Unix(1794830370, 0).UTC()},
		{Namespace: "hub", Claim: "efs", CapacityBytes: 1<<63 - 1},
		{Namespace: "hub", Claim: "none"},
		{Namespace: "hub", Claim: "onlyused", UsedBytes: 7},
	}
	if diff := cmp.Diff(want, r.Usage); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestUsers(t *testing.T) {
	kubelet := vector("hub/db=1")
	for name, tt := range map[string]struct {
		lowest, highest, at string
		want                map[string]Users
	}{
		"one hub":            {vector("hub/=17"), vector("hub/=17"), vector("hub/=1794830000"), map[string]Users{"hub": {17, time.Unix(1794830000, 0).UTC()}}},
		"two that differ":    {vector("hub/=17"), vector("hub/=18"), vector("hub/=1794830000"), map[string]Users{}},
		"no hub is scraped":  {vector(), vector(), vector(), map[string]Users{}},
		"no number of users": {vector("hub/=NaN"), vector("hub/=NaN"), vector("hub/=1794830000"), map[string]Users{}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := read(t, answers{"capacity_bytes": kubelet, "min by (namespace) (jupyterhub": tt.lowest,
				"max by (namespace) (jupyterhub": tt.highest, "(timestamp(jupyterhub": tt.at})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, r.Users); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// What is asked names the hubs' namespaces only, whatever is in a name, and the
// time of the run.
func TestQueries(t *testing.T) {
	var got []string
	_, err := read(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.FormValue("query"))
		if r.FormValue("time") != "1795176000" || r.Header.Get("Authorization") != "Bearer "+secret || r.Header.Get("User-Agent") != "hubaudit/test" {
			t.Errorf("asked for %s as %v", r.FormValue("time"), r.Header)
		}
		_, _ = io.WriteString(w, vector("hub/db=1"))
	}), func(o *Options) {
		o.HubNamespaces, o.UserNamespaces, o.Matchers = []string{"a.b", "c"}, []string{`c-.+"\\`}, `cluster="x"`
	})
	if err != nil {
		t.Fatal(err)
	}
	const users = `jupyterhub_total_users{namespace=~"a\\.b|c",cluster="x"}`
	if len(got) != 9 || !strings.HasSuffix(got[0], `{namespace=~"a\\.b|c|c-.+\"\\\\",cluster="x"})`) || !strings.Contains(got[8], users) {
		t.Errorf("asked %d times: %q", len(got), got)
	}
}

// Hubs that have no volume mounted are no misconfiguration; a Prometheus
// without a kubelet is.
func TestNothingMounted(t *testing.T) {
	r, err := read(t, answers{"count(": vector("/=12")})
	if err != nil || len(r.Usage) > 0 {
		t.Errorf("read %v, %v", r, err)
	}
	_, err = read(t, answers{}, func(o *Options) { o.Matchers = `cluster="x"` })
	wantFailure(t, err, facts.CauseMissing, `no kubelet_volume_stats_capacity_bytes with cluster="x" at 2026-11-20T12:00:00Z`, "/targets")
}

// A proxy that only lets requests through that read.
func TestGetInsteadOfPost(t *testing.T) {
	for _, status := range []int{http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented} {
		posts := 0
		r, err := read(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				posts++
				w.WriteHeader(status)
				return
			}
			answers{"": vector("hub/db=1")}.ServeHTTP(w, r)
		}))
		if err != nil || len(r.Usage) != 1 || posts != 1 {
			t.Errorf("status %d: %d volumes after %d posts: %v", status, len(r.Usage), posts, err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	const volumes = 100_000
	samples := make([]string, volumes)
	for i := range samples {
		samples[i] = fmt.Sprintf("hub/claim-student-%06d=%d", i, 1<<30+i)
	}
	answer := vector(samples...)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	b.ReportAllocs()
	for b.Loop() {
		r, err := Read(b.Context(), Options{URL: server.URL, HubNamespaces: []string{"hub"}, At: at})
		if err != nil || len(r.Usage) != volumes {
			b.Fatalf("%d volumes: %v", len(r.Usage), err)
		}
	}
}
