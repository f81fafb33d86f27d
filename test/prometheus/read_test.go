package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hubaudit/internal/collect/prometheus"
	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
	"hubaudit/test/harness"
	"hubaudit/test/servers"
)

// volume is what a kubelet writes of one.
func volume(namespace, claim string, capacity, used, available float64) string {
	var b strings.Builder
	for name, v := range map[string]float64{"capacity_bytes": capacity, "used_bytes": used, "available_bytes": available, "inodes": 65536, "inodes_used": 3500} {
		fmt.Fprintf(&b, "kubelet_volume_stats_%s{namespace=%q,persistentvolumeclaim=%q} %v\n", name, namespace, claim, v)
	}
	return b.String()
}

// exporter serves what a kubelet and three hubs do.
func exporter(t testing.TB) string {
	pages := map[string]string{
		"/kubelet": volume("jhub", "hub-db-dir", 1<<30, 100<<20, 900<<20) + volume("jhub", "claim-o'neil--x", 10<<30, 0, 10<<30) + volume("monitoring", "tsdb", 1<<30, 1, 1),
		// The same volume a moment later, as another scraper sees it.
		"/kubelet-2": volume("jhub", "hub-db-dir", 1<<30, 101<<20, 899<<20),
		// Another cluster with the same names.
		"/kubelet-far": volume("jhub", "hub-db-dir", 2<<30, 2<<30, 0),
		"/homes":       volume("jhub-alice", "claim-alice", 1<<30, 1<<20, 1<<29) + volume("jhubber", "claim-bob", 1<<30, 1<<20, 1<<29),
		"/hub":         "jupyterhub_total_users 17\n",
		"/hub-other":   "jupyterhub_total_users 3\n",
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(page))
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// scraping is a configuration of jobs, each with a path and labels.
func scraping(target string, jobs ...[2]string) string {
	config := "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"
	for i, job := range jobs {
		config += fmt.Sprintf("  - job_name: job-%d\n    honor_labels: true\n    metrics_path: %s\n    static_configs: [{targets: [%q], labels: {%s}}]\n", i, job[0], target, job[1])
	}
	return config
}

// read asks until everything that is to be scraped has been.
func read(t testing.TB, o prometheus.Options, complete func(prometheus.Result) bool) prometheus.Result {
	t.Helper()
	var r prometheus.Result
	harness.Poll(t, "the scraped metrics", func(ctx context.Context) error {
		o.At = time.Now()
		var err error
		if r, err = prometheus.Read(ctx, o); err == nil && !complete(r) {
			err = fmt.Errorf("only %+v so far", r)
		}
		return err
	})
	return r
}

func TestScraped(t *testing.T) {
	began := time.Now().Add(-time.Second) // samples' times are cut to seconds
	p := start(t, setting{config: scraping(exporter(t), [2]string{"/kubelet", "cluster: near"}, [2]string{"/kubelet-2", "cluster: near, scraper: b"},
		[2]string{"/kubelet-far", "cluster: far"}, [2]string{"/homes", "cluster: near"},
		[2]string{"/hub", "cluster: near, namespace: jhub, pod: hub-1"}, [2]string{"/hub", "cluster: near, namespace: jhub, pod: hub-1, scraper: b"},
		[2]string{"/hub", "cluster: near, namespace: two"}, [2]string{"/hub-other", "cluster: near, namespace: two"})})
	o := p.options(time.Time{})
	o.HubNamespaces, o.UserNamespaces, o.Matchers = []string{"jhub", "two", "none"}, []string{"jhub-.*"}, `cluster="near"`
	r := read(t, o, func(r prometheus.Result) bool {
		return len(r.Usage) == 3 && r.Usage[1].UsedBytes == 101<<20 && len(r.Users) == 1
	})
	const inodes, inodesUsed = 65536, 3500
	want := []facts.Usage{
		{Namespace: "jhub", Claim: "claim-o'neil--x", CapacityBytes: 10 << 30, AvailableBytes: 10 << 30, Inodes: inodes, InodesUsed: inodesUsed},
		{Namespace: "jhub", Claim: "hub-db-dir", CapacityBytes: 1 << 30, UsedBytes: 101 << 20, AvailableBytes: 900 << 20, Inodes: inodes, InodesUsed: inodesUsed},
		{Namespace: "jhub-alice", Claim: "claim-alice", CapacityBytes: 1 << 30, UsedBytes: 1 << 20, AvailableBytes: 1 << 29, Inodes: inodes, InodesUsed: inodesUsed},
	}
	if diff := cmp.Diff(want, r.Usage, cmpopts.IgnoreFields(facts.Usage{}, "At")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, u := range r.Usage {
		if u.At.Before(began.Truncate(time.Second)) || u.At.After(time.Now()) {
			t.Errorf("%s was measured at %s", u.Claim, u.At)
		}
	}
	// Of two hubs in one namespace nothing tells whose count it is.
	if users := r.Users["jhub"]; len(r.Users) != 1 || users.Count != 17 || users.At.Before(began.Truncate(time.Second)) || users.At.After(time.Now()) {
		t.Errorf("users: %+v", r.Users)
	}
	// Without matchers the far cluster's volume stands for the near one's.
	o.Matchers = ""
	read(t, o, func(r prometheus.Result) bool { return len(r.Usage) == 3 && r.Usage[1].CapacityBytes == 2<<30 })
}

// at is a moment whose samples are backfilled, so that it does not matter when
// the test runs.
var at = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// stored is samples with that time.
func stored(at time.Time, pages ...string) string {
	var lines []string
	for line := range strings.Lines(strings.Join(pages, "")) {
		lines = append(lines, fmt.Sprintf("%s %d", strings.TrimSpace(line), at.Unix()))
	}
	return strings.Join(lines, "\n")
}

// A run as of an earlier time sees what was measured then, and nothing that is
// older than five minutes.
func TestAtAnEarlierTime(t *testing.T) {
	p := start(t, setting{samples: stored(at, volume("jhub", "hub-db-dir", 1<<30, 100<<20, 900<<20))})
	for ago, seen := range map[time.Duration]bool{0: true, 4*time.Minute + 59*time.Second: true, 6 * time.Minute: false, -time.Second: false} {
		r, err := prometheus.Read(t.Context(), p.options(at.Add(ago)))
		switch {
		case seen && (err != nil || len(r.Usage) != 1 || !r.Usage[0].At.Equal(at)):
			t.Errorf("%s later: %+v, %v", ago, r, err)
		case !seen:
			wantFailure(t, err, facts.CauseMissing, "kubelets are not scraped", "clocks")
		}
	}
	// Hubs without a mounted volume, in a cluster whose kubelets are scraped.
	o := p.options(at)
	o.HubNamespaces = []string{"elsewhere"}
	if r, err := prometheus.Read(t.Context(), o); err != nil || len(r.Usage) > 0 {
		t.Errorf("nothing mounted: %+v, %v", r, err)
	}
}

func TestPrefixPasswordAndTLS(t *testing.T) {
	p := start(t, setting{prefix: "/monitoring/prod", secure: true, samples: stored(at, volume("jhub", "hub-db-dir", 1<<30, 1, 1))})
	good := p.options(at)
	good.Username, good.Password = servers.User, servers.Password
	if r, err := prometheus.Read(t.Context(), good); err != nil || len(r.Usage) != 1 {
		t.Fatalf("read %+v, %v", r, err)
	}
	for name, c := range map[string]struct {
		change func(o *prometheus.Options)
		cause  facts.Cause
		words  []string
	}{
		"wrong password": {func(o *prometheus.Options) { o.Password = "wrong-horse" }, facts.CauseForbidden, []string{"status 401", "passwordFile"}},
		"no password":    {func(o *prometheus.Options) { o.Username, o.Password = "", "" }, facts.CauseForbidden, []string{"status 401"}},
		"a token":        {func(o *prometheus.Options) { o.Token = "wrong-horse" }, facts.CauseForbidden, []string{"status 401"}},
		"no prefix":      {func(o *prometheus.Options) { o.URL = strings.TrimSuffix(o.URL, "/monitoring/prod") }, facts.CauseMissing, []string{"status 404", "--web.route-prefix"}},
		"not trusted":    {func(o *prometheus.Options) { o.CAFile = "" }, facts.CauseUnreachable, []string{"prometheus.caFile"}},
		"without TLS": {func(o *prometheus.Options) { o.URL = "http" + strings.TrimPrefix(o.URL, "https") },
			facts.CauseUnreadable, []string{"status 400", "https"}},
		"a page of it":   {func(o *prometheus.Options) { o.URL += "/graph" }, facts.CauseMissing, []string{"status 404", "/graph"}},
		"bad matchers":   {func(o *prometheus.Options) { o.Matchers = "a=~\"(\"" }, facts.CauseUnreadable, []string{"bad_data", "prometheus.matchers"}},
		"another server": {func(o *prometheus.Options) { o.URL = "http://" + exporter(t) }, facts.CauseMissing, []string{"status 404"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			c.change(&o)
			_, err := prometheus.Read(t.Context(), o)
			wantFailure(t, err, c.cause, c.words...)
		})
	}
}

// wantFailure checks a source's error: its cause, what it says in one line, and
// that no secret is in it.
func wantFailure(t testing.TB, err error, cause facts.Cause, words ...string) {
	t.Helper()
	failed, ok := errors.AsType[*source.Error](err)
	if !ok {
		t.Fatalf("got %v, want a source's error", err)
	}
	if failed.Cause != cause || strings.Contains(err.Error(), "horse") || strings.Contains(err.Error(), "\n") {
		t.Errorf("cause %s, want %s: %v", failed.Cause, cause, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q is missing in: %v", w, err)
		}
	}
}
