package kubespawner

import (
	"strings"
	"testing"
)

// worked are names that the tagged code of each version rendered. chart: the
// template is that of Zero to JupyterHub. label "=" stands for the user's name.
var worked = []struct {
	ks, chart, slugs, template string
	user, server               string
	id                         int64
	claim, label               string
}{
	{ks: "0.5.1", user: "SamLau.95", id: 257, claim: "claim-samlau-95-257"},
	{ks: "0.5.1", user: "sam-lau-95", id: 51, claim: "claim-sam-lau-95-51"},
	{ks: "0.6.0", user: "SamLau.95", claim: "claim--53am-4cau-2e95", label: "SamLau_2E95"},
	{ks: "0.7.1", user: "ann", server: "lab", claim: "claim-ann-lab", label: "="},
	{ks: "0.8.1", user: "ann", server: "My.Lab", claim: "claim-ann-My.Lab"},
	{ks: "0.9.0", user: "ann", server: "lab", claim: "claim-ann-2dlab"},
	{ks: "0.10.0", user: "ann", server: "lab", claim: "claim-ann-2dlab"},
	{ks: "0.11.0", user: "ann", server: "lab", claim: "claim-ann-lab"},
	{ks: "0.14.0", user: "ann", server: "lab", claim: "claim-ann--lab"},
	{ks: "1.0.0", user: "jane-doe", claim: "claim-jane-2ddoe", label: "jane-2ddoe"},
	{ks: "6.2.0", user: "jane-doe", server: "exp-1", claim: "claim-jane-2ddoe--exp-2d1", label: "jane-2ddoe"},
	{ks: "6.2.0", chart: "3.3.8", user: "jane-doe", server: "exp-1", claim: "claim-jane-2ddoeexp-2d1", label: "jane-2ddoe"},
	{ks: "0.14.1", chart: "0.10.6", user: "ann", server: "lab", claim: "claim-annlab"},
	{ks: "0.14.1", chart: "0.10.6", user: "annlab", claim: "claim-annlab"},
	{ks: "6.2.0", user: "user@example.com", claim: "claim-user-40example-2ecom", label: "user-40example-2ecom"},
	{ks: "6.2.0", user: "user@example.com", server: "named", claim: "claim-user-40example-2ecom--named", label: "user-40example-2ecom"},
	{ks: "6.2.0", chart: "3.3.8", user: "test@example.org", server: "named", claim: "claim-test-40example-2eorgnamed", label: "test-40example-2eorg"},
	{ks: "6.2.0", user: "Capital", claim: "claim--43apital", label: "-43apital"},
	{ks: "6.2.0", user: "ann--lab", claim: "claim-ann-2d-2dlab", label: "ann-2d-2dlab"},
	{ks: "6.2.0", user: "josé.garcía", claim: "claim-jos-c3-a9-2egarc-c3-ada", label: "jos-c3-a9-2egarc-c3-ada"},
	{ks: "7.0.0", chart: "4.4.0", user: "jane-doe", claim: "claim-jane-doe", label: "="},
	{ks: "7.1.0", user: "jane-doe", claim: "claim-jane-doe", label: "="},
	{ks: "7.1.0", user: "jane-doe", server: "exp-1", claim: "claim-jane-doe--exp-1", label: "="},
	{ks: "7.0.0", user: "user@example.com", claim: "claim-user-example-com---b4c9a289", label: "user-example-com---b4c9a289"},
	{ks: "7.0.0", user: "test@example.org", server: "named", claim: "claim-test-example-org---388c735e--named", label: "test-example-org---388c735e"},
	{ks: "7.0.0", user: "user@email.com", server: "Some Name", claim: "claim-user-email-com---0925f997--some-name---3a8b1764", label: "user-email-com---0925f997"},
	{ks: "7.0.0", user: "user", server: "Some Name", claim: "claim-user--some-name---3a8b1764", label: "="},
	{ks: "7.0.0", user: "Capital", claim: "claim-capital---1a1cf792", label: "="},
	{ks: "7.0.0", user: "1234567", claim: "claim-x-1234567---8bb0cf6e", label: "="},
	{ks: "7.0.0", user: "user.name", claim: "claim-user-name---c69f268f", label: "="},
	{ks: "7.0.0", user: "user_name", claim: "claim-user-name---2e0d0e00", label: "="},
	{ks: "7.0.0", user: "ann--lab", claim: "claim-ann-lab---63fdb4c2", label: "ann-lab---63fdb4c2"},
	{ks: "7.0.0", user: strings.Repeat("x", 47), claim: "claim-xxxxxxxxxxxxxxxxx--x---cfcbdd85", label: "="},
	{ks: "7.0.0", user: strings.Repeat("x", 46), claim: "claim-" + strings.Repeat("x", 46), label: "="},
	{ks: "7.0.0", user: "first.last@department.university.example.edu", claim: "claim-first-last-depart--x---68436896", label: "first-last-department---69b521f7"},
	{ks: "6.2.0", user: "first.last@department.university.example.edu", claim: "claim-first-2elast-40department-2euniversity-2eexample-2eedu",
		label: "first-2elast-40department-2euniversity-2eexample-2eedu"},
	{ks: "7.0.0", user: "a-very-long-name-that-is-too-long", server: "another-quite-long-server-name",
		claim: "claim-a-very-long-name--another-quite-lon---5b15b137", label: "="},
	{ks: "7.0.0", user: "张伟", claim: "claim-x---a3a0bafd", label: "x---a3a0bafd"},
	{ks: "7.0.0", user: "josé.garcía", claim: "claim-jos-garc-a---f1afa4ec", label: "jos-garc-a---f1afa4ec"},
	{ks: "7.0.0", user: "ends-", claim: "claim-ends---9b2db42f", label: "ends---9b2db42f"},
	{ks: "7.0.0", user: "1aaaaaaaaaaaaa-bcd@x.y", claim: "claim-x-1aaaaaaaaaaaaa-bcd-x-y---f3ddc12d", label: "x-1aaaaaaaaaaaaa-bcd----f3ddc12d"},
	{ks: "7.0.0", slugs: SlugsEscape, user: "user@example.com", server: "named", claim: "claim-user-40example-2ecom--named", label: "user-example-com---b4c9a289"},
	{ks: "7.0.0", template: "claim-{username}{servername}", user: "jane@x.org", server: "Exp 1", claim: "claim-jane-x-org---575acbe9exp-1---e227928e",
		label: "jane-x-org---575acbe9"},
}

func TestWorkedExamples(t *testing.T) {
	for _, c := range worked {
		v, err := ParseVersion(c.ks)
		if err != nil {
			t.Fatal(err)
		}
		scheme := Scheme{Version: v, Template: DefaultTemplate(v), Slugs: c.slugs}
		if c.chart != "" {
			chart, err := ChartOf(c.chart)
			if err != nil {
				t.Fatal(err)
			}
			if scheme = chart.Scheme(); scheme.Version.Major != v.Major || scheme.Version.Minor > v.Minor {
				t.Errorf("chart %s brings KubeSpawner %s, want %s", c.chart, scheme.Version, v)
			}
		}
		if c.template != "" {
			scheme.Template = c.template
		}
		n := compiled(t, scheme)
		if got := n.Name(&Server{User: c.user, ID: c.id, Name: c.server}); got != c.claim {
			t.Errorf("%s %s %q %q: %s, want %s", c.ks, c.chart, c.user, c.server, got, c.claim)
		}
		want := c.label
		if want == "=" {
			want = c.user
		}
		if got := Label(v, c.user); got != want {
			t.Errorf("%s %q: label %s, want %s", c.ks, c.user, got, want)
		}
	}
}

func compiled(t testing.TB, s Scheme) *Namer {
	t.Helper()
	n, err := s.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestCharts: what each release of the chart names the claims of user ann with
// id 7, for the default server and for the server lab.
func TestCharts(t *testing.T) {
	for _, c := range []struct{ releases, ks, plain, lab string }{
		{"0.1 0.2.0 v0.3.1", "0.5.0", "claim-ann-7", "claim-ann-7"},
		{"v0.4 0.4.0", "0.6.0", "claim-ann", "claim-ann"},
		{"0.5.0", "0.7.1", "claim-ann", "claim-ann-lab"},
		{"v0.6 0.6.0-9701a90", "0.8.1", "claim-ann", "claim-ann-lab"},
		{"0.7.0", "0.9.0", "claim-ann", "claim-ann-2dlab"},
		{"0.8.0 0.8.2", "0.10.1", "claim-ann", "claim-ann-2dlab"},
		{"0.9.0 0.9.1 0.9.0-beta.4 0.9.0-alpha.1.076.f39ec27", "0.11.1", "claim-ann", "claim-ann-lab"},
		{"0.10.0 0.10.6", "0.14.1", "claim-ann", "claim-annlab"},
		{"0.11.1", "0.15.0", "claim-ann", "claim-annlab"},
		{"1.0.0 1.2.0", "1.1.0", "claim-ann", "claim-annlab"},
		{"2.0.0 2.0.1-0.dev.git.5962.h7a3d8f1d", "4.2.0", "claim-ann", "claim-annlab"},
		{"3.0.0 3.2.1 jupyterhub-3.2.1", "6.0.0", "claim-ann", "claim-annlab"},
		{"3.3.0 3.3.8", "6.2.0", "claim-ann", "claim-annlab"},
		{"4.0.0 4.4.0 4.0.0-beta.1 4.0.0-0.dev.git.6613.h1234567 jupyterhub-4.2.0 5.0.0", "7.0.0", "claim-ann", "claim-ann--lab"},
	} {
		for _, release := range strings.Fields(c.releases) {
			chart, err := ChartOf(release)
			if err != nil || chart.KubeSpawner.String() != c.ks {
				t.Errorf("chart %s has KubeSpawner %s (%v), want %s", release, chart.KubeSpawner, err, c.ks)
				continue
			}
			n := compiled(t, chart.Scheme())
			plain, lab := n.Name(&Server{User: "ann", ID: 7}), n.Name(&Server{User: "ann", ID: 7, Name: "lab"})
			if plain != c.plain || lab != c.lab {
				t.Errorf("chart %s: %s and %s, want %s and %s", release, plain, lab, c.plain, c.lab)
			}
		}
	}
	for _, release := range []string{"", "0.0.1", "latest", "jupyterhub-", "4.x", "4.0.0_1"} {
		if chart, err := ChartOf(release); err == nil {
			t.Errorf("chart %q is the series %+v", release, chart)
		}
	}
}

// Every scheme that a chart or a default template ever had is among the
// historic ones: it names no server otherwise than one of those.
func TestHistoricIsComplete(t *testing.T) {
	var historic []*Namer
	for _, s := range Historic() {
		historic = append(historic, compiled(t, s))
	}
	schemes := []Scheme{}
	for _, c := range charts {
		schemes = append(schemes, c.Scheme())
	}
	for _, v := range []Version{{Minor: 5}, {Minor: 6}, {Minor: 7}, {Minor: 8, Patch: 1}, {Minor: 9}, {Minor: 10, Patch: 1}, {Minor: 11, Patch: 1},
		{Minor: 12}, {Minor: 16}, {Major: 1}, {Major: 6, Minor: 2}, {Major: 7}, {Major: 7, Minor: 1}} {
		schemes = append(schemes, Scheme{Version: v, Template: DefaultTemplate(v)})
	}
	for _, server := range []Server{{User: "ann", ID: 7}, {User: "ann", ID: 7, Name: "lab"}, {User: "Jane.Doe@x.org", ID: 8, Name: "My Lab"}} {
		names := map[string]bool{}
		for _, n := range historic {
			names[n.Name(&server)] = true
		}
		for _, s := range schemes {
			if name := compiled(t, s).Name(&server); !names[name] {
				t.Errorf("%+v names %q, %q %s, which no historic scheme does", s, server.User, server.Name, name)
			}
		}
	}
}

func TestUserNamespaces(t *testing.T) {
	for _, c := range []struct {
		version  Version
		template string
		hub      string
		user     string
		want     string
	}{
		{Version{Minor: 16}, "{hubnamespace}-{username}", "datahub", "jane-doe", "datahub-jane-2ddoe"},
		{Version{Minor: 16}, "{hubnamespace}-{username}", "default", "ann", "user-ann"},
		{Version{Major: 7}, "{hubnamespace}-{username}", "datahub", "jane-doe", "datahub-jane-doe"},
		{Version{Major: 7}, "{hubnamespace}-{username}", "default", "a@b", "user-a-b---7508d8b5"},
		{Version{Major: 7}, "{namespace}-{username}", "datahub", "ann", "hub-ns-ann"},
	} {
		n := compiled(t, Scheme{Version: c.version, Template: c.template})
		if got := n.Name(&Server{User: c.user, HubNamespace: c.hub, Namespace: "hub-ns"}); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.version, c.template, got, c.want)
		}
	}
}
