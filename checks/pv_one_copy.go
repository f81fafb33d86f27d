package checks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hubaudit/internal/copies"
	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var pvOneCopy = &Check{
	ID:       "pv-one-copy",
	Title:    "No home is lost with the first failure of a disk or node",
	Severity: verdict.Warning,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    []string{facts.KubeVolumes, facts.KubeNodes},
	Uses:     []string{facts.KubePods, facts.KubeStorageClasses, facts.CephBlockPools, facts.CephFilesystems},
	Doc: Doc{
		Meaning: "The data of these homes lies in one place: on one node's disk (local-path, hostPath, LVM, ZFS, TopoLVM), in a pool of Ceph that keeps one copy, " +
			"or with Mayastor's repl 1. One failure, or one node that is rebuilt, and they are gone, whatever Kubernetes says of the claims.",
		FalseAlarms: "It may be a choice, with backups that are tested: then silence it. There is one finding per storage class or pool, and it is information " +
			"where the cluster has a single node. Longhorn's own volumes are lh-low-replica-count's, claims outside of the hubs are left out. Where the " +
			"API does not show where data lies the details name the storage, and without anything to report the check is skipped.",
		Do: []string{
			"Decide whether a lost home may be restored from last night's backup: if so, see that backup-none passes and that a restore was tried.",
			"Otherwise make a storage class that keeps more than one copy, and let new claims use it: `singleuser.storage.dynamic.storageClass` in the chart's values.",
			"For a pool of Rook, raise `spec.replicated.size` of the CephBlockPool to 3, with a failure domain of host, and wait until Ceph is healthy.",
			"Move the homes that exist one by one: stop the server, copy the data to a claim of the new class, give the user that claim.",
		},
		Dont: []string{
			"Do not drain and rebuild a node before its homes are copied away: `audit drain NODE` names them.",
			"Do not take a snapshot on the same disk for a copy.",
		},
		Sources: []string{"Nectar post-mortem, 2023", "rook/rook pkg/apis/ceph.rook.io/v1/types.go", "rancher/local-path-provisioner"},
	},
	Run: runPVOneCopy,
}

// onePlace is the storage of homes that lie in one place each.
type onePlace struct {
	subject verdict.Subject
	failure string // what is lost first, as in "a node"
	pinned  bool
	volumes *homes
}

func runPVOneCopy(in *Input) Result {
	if len(in.Kube.Nodes) == 0 {
		return Result{Unknown: replica.NoNodes}
	}
	places, untold, homes := map[string]*onePlace{}, map[string]int{}, 0
	all := in.dataCopies()
	for i := range all {
		d := &all[i]
		namespace, name, bound := d.Claim()
		k := claimKey{namespace, name}
		if d.PV == nil || d.PV.Driver == facts.LonghornDriver || !bound || !in.ofHub(k) {
			continue
		}
		homes++
		if d.Unknown != "" {
			untold[d.Unknown]++
		} else if of, ok := in.placeOf(d); ok {
			key := of.subject.Kind + " " + of.subject.Name
			if places[key] == nil {
				of.volumes = in.homes()
				places[key] = of
			}
			places[key].volumes.add(d.Name(), k, true)
		}
	}
	var r Result
	for _, p := range places {
		r.Findings = append(r.Findings, in.onePlaceFinding(p, untold))
	}
	if len(r.Findings) == 0 && len(untold) > 0 {
		r.Skip = "where the data lies cannot be told of " + untoldText(untold) + ", " + text.Number(homes) + " in all"
	}
	return r
}

// placeOf tells what data lies on that one failure loses; false if it survives
// one, and for data whose node is gone already, which is pv-node-gone's.
func (in *Input) placeOf(d *copies.Data) (*onePlace, bool) {
	class := verdict.Subject{Kind: "storageclass", Name: cmp.Or(d.PV.StorageClass, "(no class)")}
	switch {
	case d.Pool() && d.Failures == 0 && d.PoolName != "":
		return &onePlace{subject: verdict.Subject{Kind: "pool", Name: d.PoolName}, failure: "an osd"}, true
	case d.Pool() && d.Failures == 0:
		return &onePlace{subject: class, failure: "a " + d.Domain}, true
	case !d.Pool() && len(d.Pinned) > 0 && len(d.Pieces) == 1:
		return &onePlace{subject: class, failure: "a node", pinned: true}, true
	}
	return nil, false
}

func (in *Input) onePlaceFinding(p *onePlace, untold map[string]int) verdict.Finding {
	f := verdict.Finding{Subject: p.subject, Severity: verdict.Warning, Details: map[string]string{"survives": "0"}}
	p.volumes.describe(f.Details)
	if len(untold) > 0 {
		f.Details["notTold"] = untoldText(untold)
	}
	kind := strings.Replace(p.subject.Kind, "storageclass", "storage class", 1)
	f.Message = fmt.Sprintf("the first loss of %s may take homes with it: %s %q keeps one copy of %s; at least 2 are expected",
		p.failure, kind, p.subject.Name, p.volumes)
	if p.pinned && len(in.Kube.Nodes) == 1 {
		f.Severity = verdict.Info
		f.Message += ", which a cluster of one node cannot have"
	}
	return f
}

// untoldText says of how many volumes it cannot be told why.
func untoldText(untold map[string]int) string {
	var texts []string
	for _, why := range slices.Sorted(maps.Keys(untold)) {
		texts = append(texts, text.Count(untold[why], "volume")+" ("+why+")")
	}
	return joined(texts, ", ", 4)
}
