package outputs

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"hubaudit/internal/config"
	"hubaudit/internal/world"
)

// secretKeys are the keys below a type of the configuration that hold a secret: what
// has a twin named …File, and files of logins that have none. Further receivers are
// as those under the names of their kinds.
func secretKeys(t reflect.Type, path string) (keys []string) {
	switch t.Kind() {
	case reflect.Pointer:
		return secretKeys(t.Elem(), path)
	case reflect.Slice:
		return secretKeys(t.Elem(), path+"[]")
	case reflect.Struct:
	default:
		return nil
	}
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		names = append(names, f.Tag.Get("yaml"))
	}
	for _, f := range reflect.VisibleFields(t) {
		name := f.Tag.Get("yaml")
		twin, isFile := strings.CutSuffix(name, "File")
		switch {
		case name == "", name == "caFile", path == "notify" && name == "receivers":
		case isFile && slices.Contains(names, twin):
			keys = append(keys, path+"."+twin)
		case isFile:
			keys = append(keys, path+"."+name)
		default:
			keys = append(keys, secretKeys(f.Type, strings.TrimPrefix(path+"."+name, "."))...)
		}
	}
	for i := range keys {
		keys[i] = strings.TrimPrefix(keys[i], ".")
	}
	return keys
}

// inURLs are the keys of URLs that may hold a password.
var inURLs = []string{"history", "hubs[].database", "hubs[].backups[].scratch"}

// Where a planted site keeps its history.
const (
	inFile       = "" // SQLite
	inServer     = "in a server, with the password apart"
	inServersURL = "in a server, with the password in the URL"
)

// options of a planted site.
type options struct {
	// odd swaps which secrets stand in files and which in environment variables, and
	// which login Prometheus wants.
	odd     bool
	history string
	// answer is how the receivers and sources answer, at their address or another.
	answer  answer
	address func(p *planted, sink string) string
	// server is host:port of a database server; none answers without it.
	server string
}

// planted is a site whose configuration holds every secret that there can be.
type planted struct {
	*site
	secrets
	options
	sinks map[string]*sink
	mail  *mailSink
	given int
}

// whose are the secrets that a sink may be sent.
var whose = map[string][]string{"prometheus": {"prometheus.token", "prometheus.password"}, "hubapi": {"hubs[].api.token"}, "slack": {"notify.slack.token"}, "hook": {"notify.slack.webhookURL"},
	"pagerduty": {"notify.pagerduty.routingKey"}, "alertmanager": {"notify.alertmanager.token"}, "alertmanager2": {"notify.alertmanager.password"}, "webhook": {"notify.webhook.url"},
	"heartbeat": {"notify.heartbeatURL"}, "pushgateway": {"metrics.password"}, "bucket": nil}

// plant makes the site.
func plant(t testing.TB, o options) *planted {
	t.Helper()
	p := &planted{site: newSite(t), options: o, sinks: map[string]*sink{}}
	for name := range whose {
		p.sinks[name] = newSink(t, o.answer)
	}
	w := world.Healthy(world.Small)
	world.NullCookies(w, world.HubName, 1, 2, 3)
	p.inhabit(t, w)
	p.mail = newMailSink(t)
	p.write(t, "secrets/mail.pem", string(p.mail.ca))
	p.write(t, "hubaudit.yaml", p.config(t))
	for name, keys := range whose {
		for _, key := range keys {
			if secret := p.values[key]; secret != "" { // else it is the other login
				p.sinks[name].own = append(p.sinks[name].own, secret)
			}
		}
	}
	p.mail.own = p.values["notify.email.password"]
	return p
}

// give plants a secret under a key of the configuration, and returns the line for
// it. Of the value, secret is the part that must not be seen.
func (p *planted) give(t testing.TB, key, value, secret string) string {
	t.Helper()
	p.add(key, secret)
	name := key[strings.LastIndex(key, ".")+1:]
	p.given++
	file := fmt.Sprintf("secrets/%d", p.given)
	if twin, fileOnly := strings.CutSuffix(name, "File"); fileOnly || p.given%2 == 1 == p.odd {
		p.write(t, file, value+"\n")
		return twin + "File: " + file
	}
	p.env = append(p.env, fmt.Sprintf("PLANTED_%d=%s", p.given, value))
	return fmt.Sprintf(`%s: "${PLANTED_%d}"`, name, p.given) // in quotes for a mapping in one line
}

// password gives a key the most awkward password, token a word.
func (p *planted) password(t testing.TB, key string) string {
	t.Helper()
	value := awkward()
	return p.give(t, key, value, value)
}

func (p *planted) token(t testing.TB, key, prefix string) string {
	t.Helper()
	value := random()
	return p.give(t, key, prefix+value, value)
}

// within plants the password of a URL, in the file or in a variable.
func (p *planted) within(key, before, after string) string {
	value := strings.ReplaceAll(awkward(), " ", "") // which is spelt in two ways
	p.add(key, value)
	value = url.QueryEscape(value)
	if p.given++; p.odd || key == "hubs[].backups[].scratch" {
		p.env = append(p.env, fmt.Sprintf("WITHIN_%d=%s", p.given, value))
		value = fmt.Sprintf("${WITHIN_%d}", p.given)
	}
	return before + value + after
}

// credentials are a login for object storage in a file.
func (p *planted) credentials(t testing.TB) string {
	t.Helper()
	secret := random()
	return p.give(t, "hubs[].backups[].credentialsFile", "[default]\naws_access_key_id = audit\naws_secret_access_key = "+secret, secret)
}

// routingKey has the 32 characters of PagerDuty's.
func (p *planted) routingKey(t testing.TB) string {
	t.Helper()
	key := strings.ReplaceAll(uuid.NewString(), "-", "")
	return p.give(t, "notify.pagerduty.routingKey", key, key)
}

// at is where a sink is to be found.
func (p *planted) at(sink string) string {
	if p.address != nil {
		return p.address(p, sink)
	}
	return p.sinks[sink].url
}

// config is the file.
func (p *planted) config(t testing.TB) string {
	t.Helper()
	server := p.server
	if server == "" {
		server = "127.0.0.1:1" // where nobody listens
	}
	history := "sqlite:out/history.db"
	switch p.history {
	case inServer:
		history = "postgresql://auditor@" + server + "/history\n" + p.password(t, "historyPassword")
	case inServersURL:
		history = p.within("history", "postgresql://auditor:", "@"+server+"/history")
	}
	var prometheus string
	if p.odd {
		prometheus = "username: audit\n  " + p.password(t, "prometheus.password")
	} else {
		prometheus = p.token(t, "prometheus.token", "")
	}
	return strings.NewReplacer("SERVER", server, "MAIL", p.mail.address).Replace(`hubs:
  - name: datahub
    database: sqlite:///jupyterhub.sqlite
    api:
      url: ` + p.at("hubapi") + `/hub/api
      ` + p.token(t, "hubs[].api.token", "") + `
    backups:
      - {name: nightly, files: backups/*, maxAge: 26h, verify: restore, scratch: "` + p.within("hubs[].backups[].scratch", "postgresql://audit:", "@SERVER/scratch") + `"}
      - {name: weekly, files: backups/*, maxAge: 200h, verify: restore, scratch: "postgresql://audit@SERVER/scratch2", ` + p.password(t, "hubs[].backups[].scratchPassword") + `}
      - name: cloud
        files: s3://bucket/*?region=x&use_path_style=true&endpoint=` + p.at("bucket") + `
        maxAge: 26h
        ` + p.credentials(t) + `
  - name: apart
    database: postgresql+psycopg2://hub@SERVER/hub
    ` + p.password(t, "hubs[].databasePassword") + `
  - name: within
    database: "` + p.within("hubs[].database", "mysql+pymysql://hub:", "@SERVER/hub") + `"
cluster: {dump: dump}
prometheus:
  url: ` + p.at("prometheus") + `
  ` + prometheus + `
history: ` + history + `
members:
  names: hashed
  ` + p.password(t, "members.key") + `
metrics:
  file: out/hubaudit.prom
  pushgateway: ` + p.at("pushgateway") + `
  username: audit
  ` + p.password(t, "metrics.password") + `
` + p.notify(t))
}

// notify is the file's section on who is told.
func (p *planted) notify(t testing.TB) string {
	t.Helper()
	hook, webhook, heart := random(), random(), uuid.NewString()
	return `notify:
  privacy: hash
  ` + p.password(t, "notify.privacyKey") + `
  ` + p.give(t, "notify.heartbeatURL", p.at("heartbeat")+"/"+heart, heart) + `
  slack: {channel: "#hub-alerts", apiURL: "` + p.at("slack") + `/api/", ` + p.token(t, "notify.slack.token", "xoxb-") + `}
  pagerduty: {apiURL: "` + p.at("pagerduty") + `", ` + p.routingKey(t) + `}
  alertmanager: {url: "` + p.at("alertmanager") + `", ` + p.token(t, "notify.alertmanager.token", "") + `}
  webhook:
    ` + p.give(t, "notify.webhook.url", p.at("webhook")+"/hooks/"+webhook, webhook) + `
    ` + p.password(t, "notify.webhook.secret") + `
  email: {from: audit@example.org, to: [oncall@example.org], server: "MAIL", tls: implicit, caFile: secrets/mail.pem, username: audit, ` + p.password(t, "notify.email.password") + `}
  file: {path: out/messages.jsonl}
  receivers:
    - name: hook
      slack: {` + p.give(t, "notify.slack.webhookURL", p.at("hook")+"/services/"+hook, hook) + `}
    - name: alertmanager2
      alertmanager: {url: "` + p.at("alertmanager2") + `", username: audit, ` + p.password(t, "notify.alertmanager.password") + `}
  routes:
    - {severity: info, to: [slack, pagerduty, alertmanager, webhook, email, file, hook, alertmanager2]}
`
}

// TestEverySecretIsPlanted: no secret of the configuration is left out of these tests,
// and the configuration is one that works.
func TestEverySecretIsPlanted(t *testing.T) {
	t.Parallel()
	want := append(secretKeys(reflect.TypeFor[config.Config](), ""), inURLs...)
	var got []string
	for _, o := range []options{{history: inServer}, {history: inServersURL, odd: true}} {
		p := plant(t, o)
		got = slices.AppendSeq(got, maps.Keys(p.values))
		if r := p.audit(t, "config", "check"); r.status != 0 {
			t.Errorf("the configuration does not work: %s", r.errOut)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, slices.Compact(got)); diff != "" || len(want) < 15 {
		t.Errorf("secrets (-of the configuration +planted):\n%s", diff)
	}
}
