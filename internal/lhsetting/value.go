// Package lhsetting reads Longhorn's settings and version as Longhorn itself
// does: a value may be plain or differ by data engine, and versions have
// suffixes that lie before or after the release.
package lhsetting

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Names of Longhorn's settings.
const (
	NodeDrainPolicy = "node-drain-policy"
	// LegacyDrainPolicy is the switch that NodeDrainPolicy replaced in 1.3.3, 1.4.2
	// and 1.5.
	LegacyDrainPolicy = "allow-node-drain-with-last-healthy-replica"
	OrphanDeletion    = "orphan-resource-auto-deletion"
	// LegacyOrphanDeletion is the switch that OrphanDeletion replaced in 1.9.
	LegacyOrphanDeletion = "orphan-auto-deletion"
)

// Data engines, as in LHVolume.DataEngine.
const (
	V1 = "v1"
	V2 = "v2"
)

// Value returns what a setting says for a data engine: its plain value, or
// since 1.10 the engine's own in a JSON object such as {"v1":"3","v2":"2"}.
// False means that it cannot be told: the setting is absent, says nothing of
// that engine, or is an object that cannot be read. An empty plain value is
// one.
func Value(settings map[string]string, name, engine string) (string, bool) {
	value, ok := settings[name]
	if !ok {
		return "", false
	}
	value = strings.TrimSpace(value)
	if !strings.HasPrefix(value, "{") {
		return value, true
	}
	var byEngine map[string]string
	if json.Unmarshal([]byte(value), &byEngine) != nil {
		return "", false
	}
	own, ok := byEngine[engine]
	return strings.TrimSpace(own), ok
}

// Bool is what a switch says for a data engine, or absent where that cannot be
// told.
func Bool(settings map[string]string, name, engine string, absent bool) bool {
	if value, ok := Value(settings, name, engine); ok && value != "" {
		return value == "true"
	}
	return absent
}

// Number is the same of a setting that is a number and not negative. One that
// would be too large for an int32 is none of Longhorn's.
func Number(settings map[string]string, name, engine string, absent int64) int64 {
	if value, ok := Value(settings, name, engine); ok {
		if n, err := strconv.ParseInt(value, 10, 32); err == nil && n >= 0 {
			return n
		}
	}
	return absent
}
