package kubespawner

import (
	"regexp"
	"testing"
)

func TestNamespacePattern(t *testing.T) {
	for _, tt := range []struct{ template, hub, want, in, out string }{
		{"{hubnamespace}-{username}", "jhub", "jhub-.*", "jhub-alice", "jhub"},
		{"{hubnamespace}-{username}", "default", "user-.*", "user-alice", "default-alice"},
		{"u.{username:.5}", "jhub", `u\..*`, "u.alice", "u-alice"},
		{"{{x}}-{user_server}-z", "jhub", `\{x\}-.*-z`, "{x}-a-z", "x-a-z"},
		{"homes", "jhub", "homes", "homes", "homes2"},
	} {
		got, err := NamespacePattern(tt.template, tt.hub)
		if err != nil || got != tt.want {
			t.Errorf("%s: %q, %v, want %q", tt.template, got, err, tt.want)
			continue
		}
		anchored := regexp.MustCompile("^(?:" + got + ")$")
		if !anchored.MatchString(tt.in) || anchored.MatchString(tt.out) {
			t.Errorf("%s: %s does not tell %q from %q", tt.template, got, tt.in, tt.out)
		}
	}
	if _, err := NamespacePattern("{username", "jhub"); err == nil {
		t.Error("a template without its end is accepted")
	}
}
