package kubespawner

import "testing"

// TestWorkedExamples compares with names that the tagged code of each version rendered.
func TestWorkedExamples(t *testing.T) {
	for _, c := range []struct {
		ks, slugs, template, user, server, want string
		id                                      int64
	}{
		{ks: "0.5.1", user: "SamLau.95", id: 257, want: "claim-samlau-95-257"},
		{ks: "0.14.0", user: "ann", server: "lab", want: "claim-ann--lab"},
		{ks: "7.0.0", user: "user@email.com", server: "Some Name", want: "claim-user-email-com---0925f997--some-name---3a8b1764"},
		{ks: "7.0.0", user: "first.last@department.university.example.edu", want: "claim-first-last-depart--x---68436896"},
		{ks: "7.0.0", user: "1aaaaaaaaaaaaa-bcd@x.y", want: "claim-x-1aaaaaaaaaaaaa-bcd-x-y---f3ddc12d"},
		{ks: "7.0.0", user: "josé.garcía", want: "claim-jos-garc-a---f1afa4ec"},
	} {
		v, err := ParseVersion(c.ks)
		if err != nil {
			t.Fatal(err)
		}
		n, err := Scheme{Version: v, Template: DefaultTemplate(v), Slugs: c.slugs}.Compile()
		if err != nil {
			t.Fatal(err)
		}
		if got := n.Name(&Server{User: c.user, ID: c.id, Name: c.server}); got != c.want {
			t.Errorf("%s %q %q: %s, want %s", c.ks, c.user, c.server, got, c.want)
		}
	}
}
