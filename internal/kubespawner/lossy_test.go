package kubespawner

import (
	"regexp"
	"strings"
	"testing"
)

func TestLossyClaim(t *testing.T) {
	for _, c := range []struct {
		user  string
		id    int64
		claim string
	}{
		// Computed with KubeSpawner 0.5.1.
		{"SamLau.95", 257, "claim-samlau-95-257"},
		{"sam-lau-95", 51, "claim-sam-lau-95-51"},
		// By the rule of its code: Python's lower(), then all but a-z and 0-9 to a hyphen.
		{"user@example.com", 7, "claim-user-example-com-7"},
		{"josé.garcía", 1, "claim-jos--garc-a-1"},
		{"张伟", 2, "claim----2"},
		{"İstanbul", 3, "claim-i-stanbul-3"}, // U+0130 lowers to two code points
		{"\u212Aelvin", 4, "claim-kelvin-4"}, // U+212A lowers to k
		{"", 5, "claim--5"},
	} {
		if got := LossyClaim(c.user, c.id); got != c.claim {
			t.Errorf("%q with id %d: %s, want %s", c.user, c.id, got, c.claim)
		}
		lossy, id, ok := ParseLossyClaim(c.claim)
		if !ok || lossy != Lossy(c.user) || id != c.id {
			t.Errorf("%s is read as %q, %d, %t", c.claim, lossy, id, ok)
		}
	}
}

func TestParseLossyClaimRefuses(t *testing.T) {
	for _, name := range []string{"", "claim-", "claim-ann", "claim-ann-", "claim-ann-lab", "claim-ann-0", "claim-ann-07", "claim-ann-+7", "claim-ann-2dlab",
		"claim-Ann-7", "claim-a.b-7", "claim-7", "hub-db-dir", "volume-ann-7", "claim-ann-99999999999999999999"} {
		if lossy, id, ok := ParseLossyClaim(name); ok {
			t.Errorf("%q is read as %q, %d", name, lossy, id)
		}
	}
}

var lossyForm = regexp.MustCompile(`^[a-z0-9-]*$`)

func FuzzLossy(f *testing.F) {
	for _, name := range []string{"SamLau.95", "sam-lau-95", "İstanbul", "张伟", "<!channel>", "a\nb", "\x1b[31m", "\xff\xfe", strings.Repeat("x", 300)} {
		f.Add(name, int64(257))
	}
	f.Fuzz(func(t *testing.T, name string, id int64) {
		lossy := Lossy(name)
		if !lossyForm.MatchString(lossy) || Lossy(lossy) != lossy {
			t.Fatalf("Lossy(%q) = %q", name, lossy)
		}
		if id < 1 {
			return // ids are counted from 1
		}
		if back, n, ok := ParseLossyClaim(LossyClaim(name, id)); !ok || back != lossy || n != id {
			t.Fatalf("LossyClaim(%q, %d) is read as %q, %d, %t", name, id, back, n, ok)
		}
	})
}

func FuzzParseLossyClaim(f *testing.F) {
	for _, name := range []string{"claim-samlau-95-257", "claim-ann-2dlab", "claim--5", "claim-7", "claim-a-99999999999999999999"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, claim string) {
		if lossy, id, ok := ParseLossyClaim(claim); ok && LossyClaim(lossy, id) != claim {
			t.Fatalf("%q is read as %q, %d, which is the claim %q", claim, lossy, id, LossyClaim(lossy, id))
		}
	})
}
