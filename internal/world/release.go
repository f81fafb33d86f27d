package world

import (
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"hubaudit/internal/facts"
)

// release is a version of Longhorn: 1.<minor>.<patch>.
type release struct{ minor, patch int }

// newest stands for a version that cannot be read.
var newest = release{12, 1}

func releaseOf(version string) release {
	var r release
	if _, err := fmt.Sscanf(version, "v1.%d.%d", &r.minor, &r.patch); err != nil {
		return newest
	}
	return r
}

// old is true for the time of v1beta1, when conditions were a map by type.
func (r release) old() bool { return r.minor < 3 }

// manyTargets tells whether there may be several backup targets. Before, a backup
// volume has the volume's name, and settings tell of the one target.
func (r release) manyTargets() bool { return r.minor >= 8 }

// backupVolume is what Longhorn calls a volume in its backup target.
func (r release) backupVolume(volume string) string {
	if !r.manyTargets() {
		return volume
	}
	return fmt.Sprintf("%s-%08x", volume, crc32.ChecksumIEEE([]byte(volume)))
}

// has tells whether the version knows what a source reads.
func (r release) has(source string) bool {
	switch source {
	case facts.LonghornOrphans:
		return !r.old()
	case facts.LonghornShardGroups, facts.LonghornShards:
		return r.minor > newest.minor || r.minor == newest.minor && r.patch >= newest.patch
	}
	return true
}

// FitLonghorn makes a world's Longhorn one of a version, such as v1.2.4: what
// that did not record yet is taken away.
func FitLonghorn(s *facts.Snapshot, version string) {
	l, r := &s.Longhorn, releaseOf(version)
	l.Version, l.Settings[versionSetting] = version, version
	if r.minor < 5 {
		splitManagers(s)
	}
	for i := range l.Nodes {
		fitNode(&l.Nodes[i], r)
	}
	for i := range l.Volumes {
		fitVolume(&l.Volumes[i], r)
	}
	for i := range l.Replicas {
		if r.minor < 7 {
			l.Replicas[i].LastHealthyAt, l.Replicas[i].LastFailedAt = 0, 0
		}
	}
	for i := range l.EngineImages {
		l.EngineImages[i].Image = engineImage(version)
	}
	fitTargets(l, r)
	for i := range l.RecurringJobs {
		if r.minor < 7 {
			l.RecurringJobs[i].Executions = 0
		}
	}
	if !r.has(facts.LonghornOrphans) {
		l.Orphans = nil
	}
	if !r.has(facts.LonghornShards) {
		l.ShardGroups, l.Shards = nil, nil
	}
	Settle(s)
}

const versionSetting = "current-longhorn-version"

func fitNode(n *facts.LHNode, r release) {
	if r.minor >= 5 {
		return
	}
	n.AutoEvicting = false
	for i := range n.Disks {
		n.Disks[i].Type = ""
	}
}

// fitTargets leaves before 1.8 the one backup target, which settings tell of as
// well, and gives volumes a target since.
func fitTargets(l *facts.Longhorn, r release) {
	if !r.manyTargets() {
		l.BackupTargets = slices.DeleteFunc(l.BackupTargets, func(t facts.LHBackupTarget) bool { return t.Name != BackupTarget })
		l.BackupVolumes = slices.DeleteFunc(l.BackupVolumes, func(b facts.LHBackupVolume) bool { return b.Target != BackupTarget })
		l.Backups = slices.DeleteFunc(l.Backups, func(s facts.Series) bool { return s.Good > 0 && s.Newest.Target != BackupTarget })
	}
	for i := range l.BackupVolumes {
		l.BackupVolumes[i].Name = r.backupVolume(l.BackupVolumes[i].Volume)
	}
	for _, name := range []string{"backup-target", "backup-target-credential-secret", "backupstore-poll-interval"} {
		delete(l.Settings, name)
	}
	for _, t := range l.BackupTargets {
		if !r.manyTargets() {
			l.Settings["backup-target"], l.Settings["backup-target-credential-secret"] = t.URL, t.Credential
			l.Settings["backupstore-poll-interval"] = fmt.Sprint(int(t.PollInterval.Seconds()))
		}
	}
}

func fitVolume(v *facts.LHVolume, r release) {
	v.Image = engineImage(fmt.Sprintf("v1.%d.%d", r.minor, r.patch))
	if r.minor < 5 {
		v.DataEngine = "v1"
	}
	switch {
	case !r.manyTargets():
		v.BackupTarget = ""
	case v.BackupTarget == "":
		v.BackupTarget = BackupTarget
	}
	if r.minor < 9 {
		v.OfflineRebuilding = ""
	}
	if r.minor < 12 {
		v.LastAutoSalvagedAt = 0
	}
	if !r.has(facts.LonghornShards) {
		v.Sharded = false
	}
}

// splitManagers gives each node one instance manager for engines and one for
// replicas, with their budgets, as it was before 1.5.
func splitManagers(s *facts.Snapshot) {
	apart := func(name, kind string) string { return strings.Replace(name, "manager-", "manager-"+kind[:1]+"-", 1) }
	kinds := []string{"engine", "replica"}
	split := map[string]bool{}
	var managers []facts.LHInstanceManager
	for _, m := range s.Longhorn.InstanceManagers {
		if m.Type != "aio" {
			managers = append(managers, m)
			continue
		}
		split[m.Name] = true
		engines, replicas := m.Engines, m.Instances-m.Engines
		for i, kind := range kinds {
			one := m
			one.Name, one.Type, one.DataEngine = apart(m.Name, kind), kind, "v1"
			one.Engines, one.Instances = []int{engines, 0}[i], []int{engines, replicas}[i]
			managers = append(managers, one)
		}
	}
	s.Longhorn.InstanceManagers = managers
	for _, b := range slices.Clone(s.Kube.DisruptionBudgets) {
		if b.Namespace == s.Longhorn.Namespace && split[b.Name] {
			s.Kube.DisruptionBudgets = slices.DeleteFunc(s.Kube.DisruptionBudgets, func(have facts.DisruptionBudget) bool { return have == b })
			for _, kind := range kinds {
				one := b
				one.Name = apart(b.Name, kind)
				s.Kube.DisruptionBudgets = append(s.Kube.DisruptionBudgets, one)
			}
		}
	}
}
