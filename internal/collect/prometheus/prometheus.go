// Package prometheus reads from a Prometheus, or from what answers as one
// (Thanos, Mimir, VictoriaMetrics), how full the volumes are that pods mount, as
// the kubelets measured it, and how many users each hub counts.
//
// Only instant queries are asked, as of one moment, one metric after the other.
// Answers are decoded as they come: those about 100,000 volumes would else be
// the largest thing in the audit's memory.
package prometheus

import (
	"cmp"
	"context"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// Options say which Prometheus to ask, as whom, and about what.
type Options struct {
	// URL is the server's with its path prefix, if it has one, without /api/v1.
	URL string
	// Token, or else Username and Password, may be empty; they never appear in an
	// error.
	Token, Username, Password string
	// CAFile holds the certificates to trust besides the system's, in PEM; may be
	// empty.
	CAFile string
	// UserAgent names the audit to the server.
	UserAgent string
	// Matchers are PromQL's, such as cluster="prod", and go into every selector:
	// a server may hold several clusters with the same namespaces.
	Matchers string
	// HubNamespaces are where hubs run. UserNamespaces are expressions (RE2,
	// anchored) for the other namespaces that hold users' claims.
	HubNamespaces, UserNamespaces []string
	// At is the time as of which to ask. What was last measured more than five
	// minutes earlier (the server's --query.lookback-delta) is not known then.
	At time.Time
}

// Result is what was measured.
type Result struct {
	// Usage is sorted by namespace and claim.
	Usage []facts.Usage
	// Users is how many users the hub of a namespace counts; a namespace in which
	// several hubs count differently has none.
	Users map[string]Users
}

// Users is a hub's own count.
type Users struct {
	Count int
	At    time.Time // when it was scraped
}

// Read asks for everything. Its errors are made by source.Failed, are one line
// and show no secret. That no kubelet's metrics are there at all is one.
func Read(ctx context.Context, o Options) (Result, error) {
	c, err := connect(o)
	if err != nil {
		return Result{}, err
	}
	defer c.close()
	r := reader{client: c, o: o, index: map[key]int{}}
	var result Result
	if result.Usage, err = r.usage(ctx); err == nil {
		result.Users, err = r.users(ctx)
	}
	return result, err
}

type reader struct {
	client *client
	o      Options
	usages []facts.Usage
	index  map[key]int // of usages
}

// The kubelet's metrics of a mounted volume:
// kubernetes pkg/kubelet/metrics/collectors/volume_stats.go.
const (
	capacity = "kubelet_volume_stats_capacity_bytes"
	stats    = "kubelet_volume_stats_"
)

func (r *reader) usage(ctx context.Context) ([]facts.Usage, error) {
	selector := r.selector(append(quoted(r.o.HubNamespaces), r.o.UserNamespaces...))
	for _, m := range []struct {
		name string
		keep func(*facts.Usage, float64)
	}{
		{capacity, func(u *facts.Usage, v float64) { u.CapacityBytes = whole(v) }},
		{stats + "used_bytes", func(u *facts.Usage, v float64) { u.UsedBytes = whole(v) }},
		{stats + "available_bytes", func(u *facts.Usage, v float64) { u.AvailableBytes = whole(v) }},
		{stats + "inodes", func(u *facts.Usage, v float64) { u.Inodes = whole(v) }},
		{stats + "inodes_used", func(u *facts.Usage, v float64) { u.InodesUsed = whole(v) }},
	} {
		// Two Prometheus that scrape the same, or one that scrapes a kubelet twice,
		// have several series of one volume.
		if err := r.ask(ctx, "max by (namespace, persistentvolumeclaim) ("+m.name+selector+")", m.keep); err != nil {
			return nil, err
		}
	}
	if len(r.usages) == 0 {
		return nil, r.scraped(ctx)
	}
	measured := "min by (namespace, persistentvolumeclaim) (timestamp(" + capacity + selector + "))"
	if err := r.ask(ctx, measured, func(u *facts.Usage, v float64) { u.At = moment(v) }); err != nil {
		return nil, err
	}
	slices.SortFunc(r.usages, func(a, b facts.Usage) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Claim, b.Claim))
	})
	return r.usages, nil
}

// ask adds the answer to a query to what is known of the volumes.
func (r *reader) ask(ctx context.Context, query string, keep func(*facts.Usage, float64)) error {
	return r.client.query(ctx, query, func(s sample) {
		if s.claim == "" || !usable(s.value) {
			return
		}
		i, known := r.index[s.key]
		if !known {
			i = len(r.usages)
			r.index[s.key] = i
			r.usages = append(r.usages, facts.Usage{Namespace: s.namespace, Claim: s.claim})
		}
		keep(&r.usages[i], s.value)
	})
}

// scraped tells a server that has no kubelet's metrics, which is an error, from
// hubs without a single mounted volume.
func (r *reader) scraped(ctx context.Context) error {
	volumes := 0.0
	err := r.client.query(ctx, "count("+capacity+r.selector(nil)+")", func(s sample) { volumes = s.value })
	if err != nil || volumes > 0 {
		return err
	}
	where := ""
	if r.o.Matchers != "" {
		where = " with " + r.o.Matchers
	}
	return source.Failed(facts.CauseMissing, nil, "Prometheus at %s answers, and yet has no %s%s at %s: the kubelets are not scraped, or the clocks differ by more than five minutes; "+
		"see its page /targets for the kubelets", r.client.base, capacity, where, r.o.At.UTC().Format(time.RFC3339))
}

// users asks how many users each hub counts. Several hubs in one namespace
// cannot be told apart, unless they count the same.
func (r *reader) users(ctx context.Context) (map[string]Users, error) {
	metric := "jupyterhub_total_users" + r.selector(quoted(r.o.HubNamespaces)) // since JupyterHub 1.3
	users, lowest := map[string]Users{}, map[string]float64{}
	for _, q := range []struct {
		query string
		keep  func(string, float64)
	}{
		{"min by (namespace) (" + metric + ")", func(ns string, v float64) { lowest[ns] = v }},
		{"max by (namespace) (" + metric + ")", func(ns string, v float64) {
			if lowest[ns] == v && usable(v) && v <= math.MaxInt32 {
				users[ns] = Users{Count: int(v)}
			}
		}},
		{"min by (namespace) (timestamp(" + metric + "))", func(ns string, v float64) {
			if u, ok := users[ns]; ok && usable(v) {
				users[ns] = Users{Count: u.Count, At: moment(v)}
			}
		}},
	} {
		if err := r.client.query(ctx, q.query, func(s sample) { q.keep(s.namespace, s.value) }); err != nil {
			return nil, err
		}
	}
	return users, nil
}

// selector is what stands behind a metric's name; nil are all namespaces.
func (r *reader) selector(namespaces []string) string {
	var matchers []string
	if len(namespaces) > 0 {
		matchers = append(matchers, "namespace=~"+strconv.Quote(strings.Join(namespaces, "|")))
	}
	if r.o.Matchers != "" {
		matchers = append(matchers, r.o.Matchers)
	}
	if len(matchers) == 0 {
		return ""
	}
	return "{" + strings.Join(matchers, ",") + "}"
}

func quoted(names []string) []string {
	all := make([]string, 0, len(names))
	for _, name := range names {
		all = append(all, regexp.QuoteMeta(name))
	}
	return all
}

// usable tells a measurement from what stands for none.
func usable(v float64) bool { return v >= 0 && !math.IsInf(v, 1) }

// whole is a number of bytes or inodes. Some network file systems say that they
// are larger than a number can be.
func whole(v float64) int64 {
	if v >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(v)
}

// moment is a time given in seconds, to the second.
func moment(seconds float64) time.Time {
	return time.Unix(int64(min(seconds, math.MaxUint32)), 0).UTC()
}
