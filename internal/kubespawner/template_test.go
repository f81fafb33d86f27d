package kubespawner

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFields(t *testing.T) {
	for template, want := range map[string]string{
		"":                                  "",
		"homes":                             "",
		"claim-{user_server}":               "user_server",
		"{username}{servername}":            "username servername",
		"{{username}}-{userid}":             "userid",
		"{username!s:.20}-{servername:.9}x": "username servername",
		"{username:}":                       "username",
		"{workspace}":                       "workspace",
	} {
		got, err := Fields(template)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q has the fields %q (%v), want %q", template, got, err, want)
		}
	}
}

func TestTemplateErrors(t *testing.T) {
	const more = "is not understood, so that no names can be told: only a name as in {username}, and a length to cut it to as in {username:.20}, are"
	const check = ": check the template, and the version or chart that the audit was told or found"
	for _, c := range []struct {
		version  Version
		template string
		want     string
	}{
		{Version{Major: 7}, "a{b", `template "a{b": there is a { without a }: write {{ for the character itself`},
		{Version{Major: 7}, "a}b", `template "a}b": there is a } without a {: write }} for the character itself`},
		{Version{Major: 7}, "a-{}", `template "a-{}": field "{}" ` + more},
		{Version{Major: 7}, "{username!r}", `template "{username!r}": field "{username!r}" ` + more},
		{Version{Major: 7}, "{username[0]}/{username}", `template "{username[0]}/{username}": field "{username[0]}" ` + more},
		{Version{Major: 7}, "{userid:05d}", `template "{userid:05d}": field "{userid:05d}" ` + more},
		{Version{Major: 7}, "{username:{userid}}", `template "{username:{userid}}": field "{username:{userid}" ` + more},
		{Version{Major: 7}, "{userid:.3}", `template "{userid:.3}": field "{userid:.3}" cannot be rendered by KubeSpawner: a number cannot be cut to a length`},
		{Version{Major: 6, Minor: 2}, "{user_server}", `template "{user_server}": field "{user_server}" came with KubeSpawner 7.0.0, and this is 6.2.0` + check},
		{Version{Minor: 15}, "{hubnamespace}", `template "{hubnamespace}": field "{hubnamespace}" came with KubeSpawner 0.16.0, and this is 0.15.0` + check},
		{Version{Minor: 8, Patch: 1}, "{unescaped_username}", `template "{unescaped_username}": field "{unescaped_username}" came with KubeSpawner 0.9.0, and this is 0.8.1` + check},
		{Version{Major: 7}, "{legacy_escape_username}", `template "{legacy_escape_username}": field "{legacy_escape_username}" is gone since KubeSpawner 7.0.0, and this is 7.0.0` + check},
		{Version{Major: 7}, "{workspace}", `template "{workspace}": field "{workspace}" is not one of KubeSpawner's: names that come from the hub's own code cannot be told`},
	} {
		_, err := Scheme{Version: c.version, Template: c.template}.Compile()
		var wrong *TemplateError
		if !errors.As(err, &wrong) || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

func TestHasUser(t *testing.T) {
	for template, want := range map[string]bool{
		"": false, "homes": false, "homes-{servername}": false, "{hubnamespace}": false, "{{username}}": false, "{": false,
		"{username}": true, "home/{username:.8}": true, "{userid}": true, "claim-{safe_user_server}": true, "{pod_name}": true, "{pvc_name}": true,
	} {
		if HasUser(template) != want {
			t.Errorf("HasUser(%q) is not %t", template, want)
		}
	}
	for field := range fields {
		if !KnownField(field) {
			t.Errorf("%s is not known", field)
		}
	}
	if KnownField("workspace") {
		t.Error("a field that KubeSpawner does not have is known")
	}
}

func TestRenamed(t *testing.T) {
	as := map[string]string{"username": "escaped_username", "user_server": ""}
	for template, want := range map[string]string{
		"":                        "",
		"home/{username}/x":       "home/{escaped_username}/x",
		"{{{username}}}":          "{{{escaped_username}}}",
		"{username!s:.20}-{user}": "{escaped_username!s:.20}-{user}",
		"{user_server}":           "{user_server}",
		"{username":               "{username",
	} {
		if got := Renamed(template, as); got != want {
			t.Errorf("%q became %q, want %q", template, got, want)
		}
	}
}

func TestHomesIn(t *testing.T) {
	for template, want := range map[string]string{
		"{username}":                     "",
		"home/{username}":                "home",
		"/data//home/{username}/work":    "data/home",
		"{hubnamespace}/home/{username}": "datahub/home",
		"home-{username}/x":              "",
		"{servername}/{username}":        "",
		"../../{username}":               "",
		"{{x}}/{username}":               "{x}",
	} {
		if got, ok := HomesIn(template, "datahub"); !ok || got != want {
			t.Errorf("the directories of %q are in %q, %t, want %q", template, got, ok, want)
		}
	}
	for _, template := range []string{"", "home", "{hubnamespace}/home", "{", "{username[0]}/{username}"} {
		if got, ok := HomesIn(template, "datahub"); ok {
			t.Errorf("the directories of %q are in %q", template, got)
		}
	}
}

func TestDirectory(t *testing.T) {
	for rendered, want := range map[string]string{"": "", "/": "", "ann": "ann", "/home//ann/": "home/ann", "ann/": "ann", "../x": "x", "a/./b": "a/b"} {
		if got := Directory(rendered); got != want {
			t.Errorf("%q is the directory %q, want %q", rendered, got, want)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	for _, template := range []string{"claim-{user_server}", "{{", "}{", "{username!s:.3}{", "home/{username}/", "{userid}-", "{a!}{b:}", "\xff{username}", "{username:.9999}"} {
		f.Add(template, "user@example.com", "Some Name")
	}
	f.Fuzz(func(t *testing.T, template, user, server string) {
		fields, err := Fields(template)
		same := Renamed(template, nil)
		again, errAgain := Fields(same)
		if (err == nil) != (errAgain == nil) || err == nil && !cmp.Equal(fields, again) {
			t.Fatalf("%q is %q, %v; written anew as %q it is %q, %v", template, fields, err, same, again, errAgain)
		}
		HomesIn(template, "hub")
		for _, s := range []Scheme{{Version: Version{Minor: 5}, Template: template}, {Version: Version{Major: 6, Minor: 2}, Template: template}, {Version: Version{Major: 7}, Template: template}} {
			n, err := s.Compile()
			if err != nil {
				continue
			}
			m := compiled(t, Scheme{Version: s.Version, Template: same})
			one, two := Server{User: user, ID: 1, Name: server}, Server{User: user, ID: 1, Name: server}
			if a, b := n.Name(&one), m.Name(&two); a != b || n.Name(&one) != a {
				t.Fatalf("%q renders %q, written anew as %q %q", template, a, same, b)
			}
		}
	})
}
