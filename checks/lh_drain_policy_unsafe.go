package checks

import (
	"fmt"
	"slices"
	"strconv"

	"hubaudit/internal/facts"
	"hubaudit/internal/lhsetting"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var lhDrainPolicyUnsafe = &Check{
	ID:       "lh-drain-policy-unsafe",
	Title:    "Longhorn does not let a drain take the last replica of a volume",
	Severity: verdict.Error,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    []string{facts.LonghornSettings},
	Uses:     []string{facts.LonghornVolumes},
	Expects:  true,
	Doc: Doc{
		Meaning: "Longhorn holds up the drain of a node that has the last healthy replica of a volume, unless a setting tells it not to. With " +
			"node-drain-policy at always-allow, or allow-node-drain-with-last-healthy-replica at true in Longhorn 1.4 and earlier, it holds up nothing. With " +
			"allow-if-replica-is-stopped it lets go every replica that does not run: all replicas of every detached volume, and so the homes of all users whose " +
			"servers are stopped. Draining and deleting one node after the other then loses them without a word.",
		FalseAlarms: "Longhorn's own guide recommends allow-if-replica-is-stopped for maintenance in which every node comes back with its disks. Announce such a " +
			"maintenance by an `expect` window in the settings of this check: inside it the check is skipped with the reason you gave. Outside of a window the " +
			"setting is reported whether or not somebody is draining. A setting that is not there has its default, which is safe.",
		Do: []string{
			"If no maintenance is going on, set it back: `kubectl -n longhorn-system patch settings.longhorn.io node-drain-policy --type=merge -p '{\"value\":\"block-if-contains-last-replica\"}'`.",
			"In Longhorn 1.4 and earlier also: `kubectl -n longhorn-system patch settings.longhorn.io allow-node-drain-with-last-healthy-replica --type=merge -p '{\"value\":\"false\"}'`.",
			"Set it in the values of the Helm release too (defaultSettings.nodeDrainPolicy), or the next upgrade may bring it back.",
			"If nodes are being replaced right now, ask `audit drain NODE` before each further one.",
		},
		Dont: []string{
			"Do not set it to get past a drain that hangs: a drain that hangs says that a volume would be lost.",
			"Do not replace or wipe nodes while it is set, even in a maintenance window.",
		},
		Sources: []string{
			"longhorn-manager controller/instance_manager_controller.go (canDeleteInstanceManagerPDB), types/setting.go",
			"longhorn/website content/docs/1.12.0/maintenance/maintenance.md",
			"Nectar post-mortem, 2023",
		},
	},
	Run: runLHDrainPolicyUnsafe,
}

// safeDrainPolicies hold up a drain until every volume is safe elsewhere.
var safeDrainPolicies = []string{"", "block-if-contains-last-replica", "block-for-eviction", "block-for-eviction-if-contains-last-replica"}

const (
	drainAlways    = "always-allow"
	drainIfStopped = "allow-if-replica-is-stopped"
)

func runLHDrainPolicyUnsafe(in *Input) Result {
	name, value, why := in.drainPolicy()
	switch {
	case why != "":
		return Result{Unknown: why}
	case value == "":
		return Result{}
	case in.Expected != nil:
		return Result{Skip: fmt.Sprintf("%s is %s, as expected until %s: %s", name, value, text.Time(in.Expected.To), in.Expected.Reason)}
	}
	details := map[string]string{"setting": name, "value": value}
	lets := "goes on although the node has the last replica of a volume"
	if value == drainIfStopped {
		lets = "goes on although the node has the last replica of a detached volume"
	}
	message := fmt.Sprintf("Longhorn's setting %s is %s: a drain %s; %s", name, value, lets, in.exposed(details))
	return Result{Findings: []verdict.Finding{{Subject: verdict.Subject{Kind: "setting", Name: name, Namespace: in.Longhorn.Namespace},
		Message: message, Details: details}}}
}

// drainPolicy returns the setting that makes drains unsafe and its value, "" if
// none does. why says why that cannot be told.
func (in *Input) drainPolicy() (name, value, why string) {
	settings := in.Longhorn.Settings
	if text, ok := settings[lhsetting.LegacyDrainPolicy]; ok && in.legacySettings() {
		on, err := strconv.ParseBool(text)
		if err != nil && text != "" {
			return "", "", unknownSetting(lhsetting.LegacyDrainPolicy, text)
		}
		if on {
			return lhsetting.LegacyDrainPolicy, "true", ""
		}
	}
	policy, ok := lhsetting.Value(settings, lhsetting.NodeDrainPolicy, lhsetting.V1)
	switch {
	case !ok && settings[lhsetting.NodeDrainPolicy] != "":
		return "", "", unknownSetting(lhsetting.NodeDrainPolicy, settings[lhsetting.NodeDrainPolicy])
	case policy == drainAlways, policy == drainIfStopped:
		return lhsetting.NodeDrainPolicy, policy, ""
	case !slices.Contains(safeDrainPolicies, policy):
		return "", "", unknownSetting(lhsetting.NodeDrainPolicy, policy)
	}
	return "", "", ""
}

// legacySettings tells whether the version may still heed the switch that
// node-drain-policy replaced: 1.5 took it out.
func (in *Input) legacySettings() bool {
	v, ok := lhsetting.ParseVersion(in.Longhorn.Version)
	return !ok || !v.AtLeast(1, 5, 0)
}

func unknownSetting(name, value string) string {
	return fmt.Sprintf("Longhorn's setting %s is %q, which this version of audit does not know", name, value)
}

// exposed says which detached volumes nothing protects from a drain now.
func (in *Input) exposed(details map[string]string) string {
	var volumes []*replica.Volume
	for i := range in.Longhorn.Volumes {
		if v := &in.Longhorn.Volumes[i]; v.State == "detached" && v.Deleting.IsZero() && !v.Standby {
			volumes = append(volumes, &replica.Volume{LHVolume: v})
		}
	}
	if len(volumes) == 0 {
		return "no volume is detached now"
	}
	return "detached now, and so not protected, " + text.Plural(len(volumes), "is ", "are ") + in.homesOf(volumes, details)
}
