package kubespawner

import "testing"

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]Version{
		"7.1.1.dev0":                     {7, 1, 1, ".dev0"},
		"7.0.0b1":                        {7, 0, 0, "b1"},
		" 7.0.0 ":                        {Major: 7},
		"v0.3.1":                         {Minor: 3, Patch: 1},
		"7":                              {Major: 7},
		"6.2":                            {Major: 6, Minor: 2},
		"4.0.0-beta.1":                   {4, 0, 0, "-beta.1"},
		"0.9.0-alpha.1.076.f39ec27":      {0, 9, 0, "-alpha.1.076.f39ec27"},
		"3.3.8":                          {Major: 3, Minor: 3, Patch: 8},
		"4.0.0-0.dev.git.6613.h1234567":  {4, 0, 0, "-0.dev.git.6613.h1234567"},
		"1.1.3-n354.h751bc313":           {1, 1, 3, "-n354.h751bc313"},
		"0.6.0-9701a90":                  {0, 6, 0, "-9701a90"},
		"7.0.0+local.1":                  {Major: 7},
		"6.0.1.dev0":                     {6, 0, 1, ".dev0"},
		"2.0.1-0.dev.git.5962.h7a3d8f1d": {2, 0, 1, "-0.dev.git.5962.h7a3d8f1d"},
	} {
		if got, err := ParseVersion(text); err != nil || got != want {
			t.Errorf("%q is %+v (%v), want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "latest", "7.x", "7.0.0 beta", "sha256:0123", "7.", "1234567.0.0", "7.0.0_1", "-7", "7.0.0-"} {
		if got, err := ParseVersion(text); err == nil {
			t.Errorf("%q is the version %s", text, got)
		}
	}
}

func TestCompare(t *testing.T) {
	ordered := []string{"0.5", "0.16.1", "6.2.0", "7.0.0b1", "7.0.0b2", "7.0.0", "7.1.0.dev0", "7.1.0", "10.0.0"}
	for i, a := range ordered {
		for j, b := range ordered {
			v, _ := ParseVersion(a)
			w, _ := ParseVersion(b)
			if got := v.Compare(w); got != sign(i-j) {
				t.Errorf("%s compared with %s is %d", a, b, got)
			}
		}
	}
}

func sign(n int) int { return min(max(n, -1), 1) }

// A pre-release names as the release that it became.
func TestAtLeast(t *testing.T) {
	for _, c := range []struct {
		version  string
		is, next bool
	}{{"6.2.0", false, false}, {"7.0.0.dev0", true, false}, {"7.0.0b1", true, false}, {"7.0.0", true, false}, {"7.1.0.dev0", true, true}, {"7.1.1", true, true}} {
		v, err := ParseVersion(c.version)
		if err != nil || v.AtLeast(7, 0, 0) != c.is || v.AtLeast(7, 1, 0) != c.next || v.has("user_server") != c.is {
			t.Errorf("%s: at least 7.0.0 %t, at least 7.1.0 %t (%v)", c.version, v.AtLeast(7, 0, 0), v.AtLeast(7, 1, 0), err)
		}
	}
	if (Version{}).String() != "unknown" || !(Version{}).IsZero() {
		t.Error("the zero version is a known one")
	}
}

func FuzzParseVersion(f *testing.F) {
	for _, text := range []string{"7.1.1.dev0", "v0.3.1", "4.0.0-0.dev.git.6613.h1234567", "7.0.0+local", "1..2", "999999.0.0-a.b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseVersion(text)
		if err != nil || v.IsZero() {
			return
		}
		if again, err := ParseVersion(v.String()); err != nil || again != v {
			t.Fatalf("%q is %+v, which is written %q and read as %+v (%v)", text, v, v, again, err)
		}
	})
}
