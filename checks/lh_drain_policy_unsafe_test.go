package checks

import (
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestLHDrainPolicyUnsafe(t *testing.T) { testCheck(t, lhDrainPolicyUnsafeCases) }

// setLonghorn gives Longhorn's settings values; an empty key takes all away.
func setLonghorn(values ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := 0; i < len(values); i += 2 {
			if values[i] == "" {
				s.Longhorn.Settings = map[string]string{}
				continue
			}
			s.Longhorn.Settings[values[i]] = values[i+1]
		}
	}
}

// runs makes the cluster one of another version of Longhorn.
func runs(version string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		s.Longhorn.Version, s.Longhorn.Settings["current-longhorn-version"] = version, version
	}
}

const (
	exposedHomes = "detached now, and so not protected, are 9 volumes: those of " +
		`"student-0001", "student-0002", "student-0003", "student-0004", "student-0006" and 4 more`
)

func unsafePolicy(value, lets string) string {
	return "Longhorn's setting node-drain-policy is " + value + ": a drain goes on although the node has the last replica of a " + lets + "; " + exposedHomes
}

var lhDrainPolicyUnsafeCases = cases{
	check: lhDrainPolicyUnsafe,
	fires: []damage{
		{name: "every drain goes on", change: setLonghorn("node-drain-policy", "always-allow"), want: outcomes{"lh-drain-policy-unsafe": "fail error 1"},
			summary: unsafePolicy("always-allow", "volume")},
		{name: "stopped replicas do not count", change: setLonghorn("node-drain-policy", "allow-if-replica-is-stopped"), want: outcomes{"lh-drain-policy-unsafe": "fail error 1"},
			summary: unsafePolicy("allow-if-replica-is-stopped", "detached volume")},
		{name: "the switch of 1.4, beside a safe policy",
			change: both(runs("v1.4.3"), setLonghorn("allow-node-drain-with-last-healthy-replica", "true")),
			want:   outcomes{"lh-drain-policy-unsafe": "fail error 1", "lh-version-known-bug": "fail error 5"},
			summary: "Longhorn's setting allow-node-drain-with-last-healthy-replica is true: a drain goes on although the node has the last replica of a volume; " +
				exposedHomes},
		{
			name: "after the maintenance", change: setLonghorn("node-drain-policy", "always-allow"),
			expect:  []Window{{From: world.Now.Add(-48 * time.Hour), To: world.Now.Add(-time.Second), Reason: "new kernels"}},
			want:    outcomes{"lh-drain-policy-unsafe": "fail error 1"},
			summary: unsafePolicy("always-allow", "volume"),
		},
		{
			name: "nothing is detached now",
			change: func(s *facts.Snapshot) {
				s.Longhorn.Settings["node-drain-policy"] = "always-allow"
				for i := range s.Longhorn.Volumes {
					s.Longhorn.Volumes[i].State, s.Longhorn.Volumes[i].Robustness = "attached", "healthy"
				}
			},
			want: outcomes{"lh-drain-policy-unsafe": "fail error 1"},
			summary: "Longhorn's setting node-drain-policy is always-allow: a drain goes on although the node has the last replica of a volume; " +
				"no volume is detached now",
		},
	},
	mustNotFire: []damage{
		{name: "evicts before it lets go", change: setLonghorn("node-drain-policy", "block-for-eviction")},
		{name: "evicts what is the last", change: setLonghorn("node-drain-policy", "block-for-eviction-if-contains-last-replica")},
		{name: "no such setting: the default is safe", change: setLonghorn("", "")},
		{name: "left over from 1.4", change: setLonghorn("allow-node-drain-with-last-healthy-replica", "true")},
		{name: "no Longhorn", change: withoutLonghorn, want: noLonghorn(outcomes{}), summary: "source longhorn/settings is absent: the cluster has no such API"},
	},
	boundary: []damage{
		{
			name: "the last second of a maintenance", change: setLonghorn("node-drain-policy", "allow-if-replica-is-stopped"),
			expect:  []Window{{From: world.Now.Add(-time.Hour), To: world.Now, Reason: "new kernels"}},
			want:    outcomes{"lh-drain-policy-unsafe": "skipped"},
			summary: "node-drain-policy is allow-if-replica-is-stopped, as expected until 2026-11-20 12:00 UTC: new kernels",
		},
		{name: "set to nothing", change: setLonghorn("node-drain-policy", " ")},
		{name: "1.5 does not heed the switch", change: both(runs("v1.5.5"), setLonghorn("allow-node-drain-with-last-healthy-replica", "true")),
			want: outcomes{"lh-version-known-bug": "fail error 2"}},
	},
	sourceFailed: []damage{
		{name: "settings not readable", change: failed(facts.LonghornSettings), want: unknownWithout(facts.LonghornSettings, nil),
			summary: "source longhorn/settings could not be read: gave up after 30s"},
		{name: "a policy of a later version", change: setLonghorn("node-drain-policy", "block-always"), want: outcomes{"lh-drain-policy-unsafe": "unknown"},
			summary: `Longhorn's setting node-drain-policy is "block-always", which this version of audit does not know`},
		{name: "not a switch", change: both(runs("v1.4.3"), setLonghorn("allow-node-drain-with-last-healthy-replica", "maybe")),
			want:    outcomes{"lh-drain-policy-unsafe": "unknown", "lh-version-known-bug": "fail error 5"},
			summary: `Longhorn's setting allow-node-drain-with-last-healthy-replica is "maybe", which this version of audit does not know`},
	},
}

// The finding lists every home, whatever its message has room for.
func TestDrainPolicyNamesAllHomes(t *testing.T) {
	s := healthy()
	setLonghorn("node-drain-policy", "always-allow")(s)
	suite, _ := NewSuite(nil, []string{"lh-drain-policy-unsafe"})
	f := Judge(suite, s)[0].Findings[0]
	if users := strings.Split(f.Details["users"], ", "); len(users) != 9 {
		t.Errorf("users: %v", users)
	}
	if volumes := strings.Split(f.Details["volumes"], ", "); len(volumes) != 9 {
		t.Errorf("volumes: %v", volumes)
	}
}
