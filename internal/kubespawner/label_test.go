package kubespawner

import "testing"

func TestOldLabelUser(t *testing.T) {
	for label, want := range map[string]string{"SamLau_2E95": "SamLau.95", "ann": "ann", "user_40example_2Ecom": "user@example.com", "jos_C3_A9": "jos\u00e9",
		"": "", "sam-lau": "", "sam.lau": "", "_61nn": "", "_4": "", "_zz": "", "a_2e": ""} {
		if got, ok := OldLabelUser(label); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %t, want %q", label, got, ok, want)
		}
	}
}

// FuzzOldLabelUser undoes the label of every name that has no control character.
func FuzzOldLabelUser(f *testing.F) {
	f.Add("SamLau.95")
	f.Add("100%_a b")
	f.Add("\u5f20\u4f1f")
	f.Fuzz(func(t *testing.T, name string) {
		for i := range len(name) {
			if name[i] < 16 {
				t.Skip("its escaped form is not unambiguous")
			}
		}
		if got, ok := OldLabelUser(oldLabel(name)); name != "" && (!ok || got != name) {
			t.Errorf("%q: %q, %t", name, got, ok)
		}
	})
}
