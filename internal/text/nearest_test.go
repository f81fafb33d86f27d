package text

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"user", "server", "leaveOut", "namespace"}
	for word, want := range map[string]string{"usr": "user", "LEAVEOUT": "leaveOut", "leave_out": "leaveOut", "namespce": "namespace", "colour": "", "": "", "zz": ""} {
		if got := Nearest(word, known); got != want {
			t.Errorf("%q is taken for %q, want %q", word, got, want)
		}
	}
}
