package lhsetting

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestValue(t *testing.T) {
	settings := map[string]string{
		"plain": "3", "blank": "", "spaced": "  block-if-contains-last-replica\n", "engines": ` {"v1":"3","v2":"2"} `,
		"one": `{"v1":"true"}`, "numbers": `{"v1":3}`, "broken": `{"v1":"3"`, "list": `["v1"]`, "null": `{"v1":null}`, "spacedEngine": `{"v1":" 2 "}`,
	}
	for _, c := range []struct {
		name, engine, want string
		ok                 bool
	}{
		{"plain", V1, "3", true}, {"plain", V2, "3", true}, {"blank", V1, "", true}, {"spaced", V1, "block-if-contains-last-replica", true},
		{"engines", V1, "3", true}, {"engines", V2, "2", true}, {"engines", "v3", "", false},
		{"one", V1, "true", true}, {"one", V2, "", false}, {"spacedEngine", V1, "2", true},
		{"numbers", V1, "", false}, {"broken", V1, "", false}, {"absent", V1, "", false},
		{"list", V1, `["v1"]`, true}, {"null", V1, "", true},
	} {
		if got, ok := Value(settings, c.name, c.engine); got != c.want || ok != c.ok {
			t.Errorf("Value(%s, %s) = %q, %v; want %q, %v", c.name, c.engine, got, ok, c.want, c.ok)
		}
	}
	if _, ok := Value(nil, "plain", V1); ok {
		t.Error("found a setting where there is none")
	}
}

func TestTyped(t *testing.T) {
	settings := map[string]string{"yes": "true", "no": "false", "blank": "", "engines": `{"v1":"true","v2":"false"}`, "broken": `{"v1"`,
		"number": "25", "numbers": `{"v1":"3","v2":"2"}`, "negative": "-1", "huge": "99999999999", "word": "many"}
	for name, want := range map[string][2]bool{"yes": {true, true}, "no": {false, false}, "blank": {true, false}, "engines": {true, true}, "broken": {true, false}, "absent": {true, false}} {
		if got := [2]bool{Bool(settings, name, V1, true), Bool(settings, name, V1, false)}; got != want {
			t.Errorf("Bool(%s) = %v where absence is true and false, want %v", name, got, want)
		}
	}
	for name, want := range map[string]int64{"number": 25, "numbers": 3, "negative": 7, "huge": 7, "word": 7, "blank": 7, "absent": 7} {
		if got := Number(settings, name, V1, 7); got != want {
			t.Errorf("Number(%s) = %d, want %d", name, got, want)
		}
	}
}

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]Version{
		"v1.12.1": Release(1, 12, 1), "1.2.4": Release(1, 2, 4), " v1.6.0\n": Release(1, 6, 0),
		"v1.9.0-rc1": {1, 9, 0, "rc1"}, "v1.10.0-dev": {1, 10, 0, "dev"}, "v1.7.1-hotfix-1": {1, 7, 1, "hotfix-1"},
		"v1.6.0-dev-20231105": {1, 6, 0, "dev-20231105"}, "v1.5.5+rke2r1": Release(1, 5, 5), "v1.8.1-hotfix.2+build": {1, 8, 1, "hotfix.2"},
	} {
		if got, ok := ParseVersion(text); !ok || got != want {
			t.Errorf("ParseVersion(%q) = %v, %v; want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "master-head", "v1.9.x-head", "v1.9", "v1.2.3.4", "1.2.3-", "v1.2.3 (dirty)", "v1.2.9999999999", "v-1.2.3", "vv1.2.3"} {
		if got, ok := ParseVersion(text); ok {
			t.Errorf("ParseVersion(%q) = %v", text, got)
		}
	}
}

// TestCompare: the order in which they came out.
func TestCompare(t *testing.T) {
	order := []string{"v0.8.1", "v1.1.0", "v1.2.4", "v1.4.9", "v1.4.10", "v1.9.0-dev", "v1.9.0-preview-2", "v1.9.0-rc1", "v1.9.0-rc2", "v1.9.0-rc10", "v1.9.0",
		"v1.9.0-hotfix-1", "v1.9.0-hotfix-2", "v1.9.1-rc1", "v1.9.1", "v1.10.0", "v2.0.0"}
	versions := make([]Version, len(order))
	for i, text := range order {
		v, ok := ParseVersion(text)
		if !ok || v.String() != text {
			t.Fatalf("%s was read as %v", text, v)
		}
		versions[i] = v
	}
	for i, v := range versions {
		for j, w := range versions {
			if got := v.Compare(w); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%v against %v: %d", v, w, got)
			}
		}
	}
	shuffled := slices.Clone(versions)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	slices.SortFunc(shuffled, Version.Compare)
	if !slices.Equal(shuffled, versions) {
		t.Errorf("sorted: %v", shuffled)
	}
	if v, _ := ParseVersion("v1.9.0-rc1"); v.AtLeast(1, 9, 0) || !v.AtLeast(1, 8, 99) {
		t.Error("a release candidate is not its release, and later than the one before")
	}
	if v, _ := ParseVersion("v1.9.0-hotfix-1"); !v.Hotfix() || !v.AtLeast(1, 9, 0) || v.AtLeast(1, 9, 1) {
		t.Error("a hotfix lies between its release and the next")
	}
}

// FuzzParseVersion: what is read is written so that it is read the same, and
// compares with itself as equal.
func FuzzParseVersion(f *testing.F) {
	for _, seed := range []string{"v1.12.1", "1.2.4", "v1.9.0-rc1", "v1.7.1-hotfix-1", "master-head", "v1.5.5+rke2r1", "v1.6.0-", "v00001.2.3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, ok := ParseVersion(text)
		if !ok {
			return
		}
		again, ok := ParseVersion(v.String())
		if !ok || again != v || v.Compare(again) != 0 {
			t.Errorf("%q is %v, and read again %v", text, v, again)
		}
	})
}

// FuzzValue: an object is never taken for a plain value.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{"3", "", `{"v1":"3","v2":"2"}`, `{"v1":3}`, `{`, ` {"v2":""}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, ok := Value(map[string]string{"s": value}, "s", V1)
		if !ok && got != "" {
			t.Errorf("%q gives %q and cannot be told", value, got)
		}
		other, _ := Value(map[string]string{"s": value}, "other", V1)
		if other != "" {
			t.Errorf("%q is the value of another setting", value)
		}
	})
}
