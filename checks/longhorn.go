package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// longhornSources are what replicas cannot be judged without.
var longhornSources = []string{facts.KubeNodes, facts.LonghornVolumes, facts.LonghornReplicas, facts.LonghornNodes}

// minVolumeAge is how long a new volume may take to get its replicas.
const minVolumeAge = 10 * time.Minute

// graceParam is shared by the checks that Longhorn itself can cure while a
// volume is attached.
var graceParam = Param{Name: "grace", Doc: "how long an attached volume may take to rebuild before it is reported",
	Default: float64(30 * time.Minute), Min: 0, Max: float64(7 * 24 * time.Hour), Unit: UnitDuration}

// volumeHealth is a Longhorn volume with its replicas judged.
type volumeHealth struct {
	*facts.LHVolume
	replicas []judgedReplica
	usable   int // replicas that can serve the data now, those that are leaving among them
}

type judgedReplica struct {
	*facts.LHReplica
	replica.Judgement
}

// volumeHealths judges all replicas, once for all checks. Replicas of a volume
// that is not on record are left out: nothing can attach them.
func (in *Input) volumeHealths() []volumeHealth {
	if in.shared.volumes != nil || len(in.Longhorn.Volumes) == 0 {
		return in.shared.volumes
	}
	volumes := make([]volumeHealth, len(in.Longhorn.Volumes))
	byName := make(map[string]*volumeHealth, len(volumes))
	for i := range volumes {
		volumes[i].LHVolume = &in.Longhorn.Volumes[i]
		byName[volumes[i].Name] = &volumes[i]
	}
	cluster := in.replicaCluster()
	for i := range in.Longhorn.Replicas {
		r := &in.Longhorn.Replicas[i]
		v := byName[r.Volume]
		if v == nil {
			continue
		}
		j := cluster.Judge(r)
		v.replicas = append(v.replicas, judgedReplica{r, j})
		if j.Usable() {
			v.usable++
		}
	}
	in.shared.volumes = volumes
	return volumes
}

// longhornGaps says why replicas cannot be judged although their lists were
// read; "" if they can. A list that is empty as a whole is more likely
// incomplete than true: Longhorn makes blank replicas at once for a volume
// that has none, and a cluster without nodes runs nothing. Taken at its word
// it would report every volume lost; audit-input-missing says that it emptied.
func (in *Input) longhornGaps() string {
	switch {
	case !slices.ContainsFunc(in.Longhorn.Volumes, func(v facts.LHVolume) bool { return !v.Sharded && hasHistory(&v) }):
		return ""
	case len(in.Longhorn.Replicas) == 0:
		return fmt.Sprintf("Longhorn has %s and not one replica: either the list of replicas is incomplete, or Longhorn's manager is down and its records are gone",
			text.Count(len(in.Longhorn.Volumes), "volume"))
	case len(in.Kube.Nodes) == 0:
		return "Kubernetes listed no node at all: the list is incomplete"
	case len(in.Longhorn.Nodes) == 0:
		return "Longhorn listed no node at all: either the list is incomplete or its records are gone"
	}
	return ""
}

// hasHistory tells whether a volume may hold data: anything was ever written
// to it, mounted it or backed it up.
func hasHistory(v *facts.LHVolume) bool {
	return v.ActualBytes > 0 || v.LastAttachedBy != "" || v.State == "attached" ||
		!v.LastPodRefAt.IsZero() || !v.LastBackupAt.IsZero()
}

// settled tells whether a volume's replicas are expected to be complete: not
// while it is made, restored, cloned or deleted, nor for a standby copy of
// another cluster's volume. A sharded volume has no replicas at all.
func (in *Input) settled(v *facts.LHVolume) bool {
	cloning := v.CloneState != "" && v.CloneState != "completed" && v.CloneState != "failed"
	return v.Deleting.IsZero() && v.State != "deleting" && v.State != "creating" && !v.Standby && !v.Restoring && !cloning &&
		!v.Sharded && !in.within(v.Created, minVolumeAge)
}

// rebuilding tells whether an attached volume lost a replica so recently that
// Longhorn may still be about to replace it.
func (in *Input) rebuilding(v *facts.LHVolume) bool {
	return v.State == "attached" && v.Robustness == "degraded" && in.within(v.LastDegradedAt, in.Duration("grace"))
}

// within tells whether t is less than d ago. A time that another clock puts
// less than d ahead is within too; one far ahead is not.
func (in *Input) within(t time.Time, d time.Duration) bool {
	return !t.IsZero() && in.Now.Sub(t).Abs() < d
}

// volumeFinding begins a finding about a volume: who it belongs to and what
// is wrong with each replica that cannot be used. whose is for its message.
func (in *Input) volumeFinding(v *volumeHealth) (f verdict.Finding, whose string) {
	details := map[string]string{"state": v.State, "wanted": idText(int64(v.WantReplicas)), "usable": idText(int64(v.usable))}
	whose = in.volumeOwner(v.LHVolume, details)
	var unusable []string
	for _, r := range v.replicas {
		if r.Usable() {
			continue
		}
		reasons := make([]string, len(r.Reasons))
		for i, reason := range r.Reasons {
			reasons[i] = reason.String()
		}
		unusable = append(unusable, r.Name+" "+strings.Join(reasons, " and "))
	}
	if len(unusable) > 0 {
		details["unusable"] = strings.Join(unusable, "; ")
	}
	return verdict.Finding{Subject: verdict.Subject{Kind: "volume", Name: v.Name}, Details: details}, whose
}

// volumeOwner adds whose data a volume holds to details, and says it in words.
func (in *Input) volumeOwner(v *facts.LHVolume, details map[string]string) string {
	k, bound := in.claimOf(v)
	switch {
	case !bound && v.ClaimName == "":
		return "of no claim"
	case !bound:
		// Another volume may serve a claim of that name now: it tells no user.
		details["lastClaim"], details["lastNamespace"] = v.ClaimName, v.ClaimNamespace
		return "of no claim any more, last of " + v.ClaimNamespace + "/" + v.ClaimName
	}
	details["claim"], details["namespace"] = k.Name, k.Namespace
	whose := "of claim " + k.Namespace + "/" + k.Name
	if o, ok := in.Owners().Owner(k.Namespace, k.Name); ok {
		ownerDetails(details, o)
		whose += ", " + o.String()
	} else if in.Owners().SharedByUsers(k.Namespace, k.Name) {
		whose += ", shared by several users"
	}
	return whose
}

// causes counts why replicas cannot be used, by root cause. A replica that
// should exist and has no record at all is counted too.
type causes struct {
	replicas map[replica.Reason]int
	norecord int
}

func (c *causes) add(v *volumeHealth) {
	if c.replicas == nil {
		c.replicas = map[replica.Reason]int{}
	}
	for _, r := range v.replicas {
		if !r.Usable() {
			c.replicas[r.Reasons[0]]++
		}
	}
	c.norecord += max(0, v.WantReplicas-len(v.replicas))
}

// String tells the causes, the commonest first.
func (c *causes) String() string {
	reasons := make([]replica.Reason, 0, len(c.replicas))
	for r := range c.replicas {
		reasons = append(reasons, r)
	}
	slices.SortFunc(reasons, func(a, b replica.Reason) int {
		return cmp.Or(c.replicas[b]-c.replicas[a], strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Node, b.Node))
	})
	var texts []string
	for _, r := range reasons {
		n := c.replicas[r]
		texts = append(texts, text.Count(n, "replica")+" "+forMany(r, n))
	}
	if c.norecord > 0 {
		texts = append(texts, fmt.Sprintf("%s %s no record", text.Count(c.norecord, "replica"), text.Plural(c.norecord, "has", "have")))
	}
	return joined(texts, "; ", 4)
}

// forMany turns what is said of one replica into what is said of n.
func forMany(r replica.Reason, n int) string {
	one := r.String()
	if n == 1 {
		return one
	}
	for _, verb := range [][2]string{{"is ", "are "}, {"was ", "were "}, {"has ", "have "}} {
		if rest, ok := strings.CutPrefix(one, verb[0]); ok {
			return verb[1] + strings.Replace(rest, "a linked clone of a replica", "linked clones of replicas", 1)
		}
	}
	return one
}
