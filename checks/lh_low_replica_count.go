package checks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/lhsetting"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var lhLowReplicaCount = &Check{
	ID:       "lh-low-replica-count",
	Title:    "Longhorn keeps every home in more than one copy",
	Severity: verdict.Warning,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    []string{facts.LonghornVolumes, facts.LonghornNodes, facts.KubeVolumes},
	Uses:     []string{facts.LonghornSettings, facts.KubeStorageClasses, facts.KubeNodes},
	Params: []Param{{Name: "minReplicas", Doc: "how many replicas every volume should have; Longhorn's own default is 3",
		Default: 2, Min: 1, Max: 20, Unit: "replicas"}},
	Doc: Doc{
		Meaning: "The volumes ask for so few replicas that the loss of one node or disk loses them, or reaches the last copy. No other check of replicas can warn of " +
			"that in time: such a volume is complete with what it has.",
		FalseAlarms: "It is a choice, so there is one finding for each StorageClass, not for each volume. Volumes that hold neither a user's home nor a hub's database " +
			"are listed as information, since applications may keep copies of their own; so is everything where Longhorn has disks on one node only. " +
			"strict-local volumes cannot have a second replica: they are named as such. A scratch class on purpose: silence the check, or give it another severity. " +
			"Volumes that are new, restoring, cloning, standby or sharded are not judged, and volumes with minReplicas or more are fine even if their class now asks for more.",
		Do: []string{
			"Back the volumes up first: a backup is what remains when the one copy is lost.",
			"Raise the number for volumes that exist; attached ones are rebuilt at once, others at their next start: `kubectl -n longhorn-system patch volumes.longhorn.io VOLUME --type=merge -p '{\"spec\":{\"numberOfReplicas\":3}}'`. See that the disks have room.",
			"A StorageClass cannot be edited: make another one with `numberOfReplicas: \"3\"` and name it in `singleuser.storage.dynamic.storageClass`.",
			"strict-local volumes: set dataLocality to best-effort while the volume is detached, then raise the number.",
			"Change the setting `default-replica-count`, which holds for volumes whose class names no number.",
		},
		Dont: []string{
			"Do not drain or replace a node of such a volume before it has a second copy: `audit drain NODE` lists them.",
			"Do not take a changed setting or class for the cure: volumes keep the number that they were made with.",
		},
		Sources: []string{"longhorn.io/docs: storage class parameters, default replica count, data locality"},
	},
	Run: runLHLowReplicaCount,
}

// fewCopies are the volumes of a StorageClass with too few replicas.
type fewCopies struct {
	class   string
	volumes []*replica.Volume
	counts  map[string]int // volumes by how many replicas they ask for, in words
	homes   bool           // a user's home or a hub's database is among them
}

func runLHLowReplicaCount(in *Input) Result {
	classes := map[string]*fewCopies{}
	classOf := in.longhornClasses()
	least := int(in.Number("minReplicas"))
	volumes := in.volumeHealths()
	for i := range volumes {
		v := &volumes[i]
		if v.WantReplicas >= least || !in.settled(v.LHVolume) {
			continue
		}
		class := classOf[v.Name]
		few := classes[class]
		if few == nil {
			few = &fewCopies{class: class, counts: map[string]int{}}
			classes[class] = few
		}
		few.volumes = append(few.volumes, v)
		few.counts[wantText(v.LHVolume)]++
		few.homes = few.homes || in.holdsHome(v)
	}
	var r Result
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		r.Findings = append(r.Findings, in.fewInClass(classes[class], least))
	}
	r.Findings = append(r.Findings, in.fewByDefault(least)...)
	if len(r.Findings) > 1 && len(classes) > 0 {
		counts := map[string]int{}
		for _, few := range classes {
			counts[classText(few.class)] = len(few.volumes)
		}
		r.Summary = fmt.Sprintf("volumes ask for fewer than %s: %s", text.Count(least, "replica"), countsText(counts))
	}
	return r
}

func wantText(v *facts.LHVolume) string {
	words := text.Count(v.WantReplicas, "replica")
	if v.DataLocality == "strict-local" {
		words += " (strict-local)"
	}
	return words
}

// longhornClasses are the StorageClasses of Longhorn's volumes, by their names
// in Longhorn. A volume without a PersistentVolume has none.
func (in *Input) longhornClasses() map[string]string {
	classes := make(map[string]string, len(in.Kube.Volumes))
	for i := range in.Kube.Volumes {
		if pv := &in.Kube.Volumes[i]; pv.Driver == facts.LonghornDriver {
			classes[pv.Handle] = pv.StorageClass
		}
	}
	return classes
}

// holdsHome tells whether a volume is a user's home or a hub's own.
func (in *Input) holdsHome(v *replica.Volume) bool {
	k, bound := in.claimOf(v.LHVolume)
	if !bound {
		return false
	}
	_, owned := in.Owners().Owner(k.Namespace, k.Name)
	return owned || in.isDatabaseClaim(k) || in.Owners().SharedByUsers(k.Namespace, k.Name)
}

func (in *Input) fewInClass(few *fewCopies, least int) verdict.Finding {
	f := verdict.Finding{Subject: verdict.Subject{Kind: "storageclass", Name: cmp.Or(few.class, "no class")},
		Severity: verdict.Info, Details: map[string]string{"minReplicas": idText(int64(least))}}
	if few.homes && in.zones().storageNodes > 1 {
		f.Severity = verdict.Warning
	}
	f.Message = fmt.Sprintf("volumes in %s ask for too few replicas (%s), at least %d are expected%s; %s", classText(few.class), few.countsText(),
		least, in.classReplicas(few.class), in.homesOf(few.volumes, f.Details))
	return f
}

// countsText says how many volumes ask for how many replicas.
func (few *fewCopies) countsText() string {
	words := slices.Sorted(maps.Keys(few.counts))
	for i, want := range words {
		words[i] = text.Number(few.counts[want]) + " for " + want
	}
	return list(words, 3)
}

// classReplicas says what volumes that are made from now on will have, "" where
// that is not known.
func (in *Input) classReplicas(name string) string {
	i := slices.IndexFunc(in.Kube.StorageClasses, func(c facts.StorageClass) bool { return c.Name == name })
	if i < 0 || in.Kube.StorageClasses[i].Replicas == 0 {
		return ""
	}
	return ", and new volumes get " + text.Number(in.Kube.StorageClasses[i].Replicas)
}

// fewByDefault finds the data engines that are in use and whose volumes get too
// few replicas where nothing else is said.
func (in *Input) fewByDefault(least int) []verdict.Finding {
	const setting = "default-replica-count"
	var low, engines []string
	for i := range in.Longhorn.Volumes {
		if engine := cmp.Or(in.Longhorn.Volumes[i].DataEngine, lhsetting.V1); !slices.Contains(engines, engine) {
			engines = append(engines, engine)
		}
	}
	slices.Sort(engines)
	for _, engine := range engines {
		value, _ := lhsetting.Value(in.Longhorn.Settings, setting, engine)
		if n, err := strconv.Atoi(value); err == nil && n < least {
			low = append(low, fmt.Sprintf("%d for data engine %s", n, engine))
		}
	}
	if len(low) == 0 {
		return nil
	}
	var classes []string
	for i := range in.Kube.StorageClasses {
		if c := &in.Kube.StorageClasses[i]; c.Provisioner == facts.LonghornDriver && c.Replicas == 0 {
			classes = append(classes, c.Name)
		}
	}
	f := verdict.Finding{Subject: verdict.Subject{Kind: "setting", Name: setting}, Severity: verdict.Info,
		Message: fmt.Sprintf("Longhorn's setting %s is %s, at least %d is expected; it holds for volumes whose class names no number", setting, strings.Join(low, ", "), least)}
	if len(classes) > 0 && in.zones().storageNodes > 1 {
		f.Severity = verdict.Warning
		f.Message += ", as " + list(classes, 3) + text.Plural(len(classes), " does", " do")
	}
	return []verdict.Finding{f}
}
