package notify

import (
	"net/url"
	"regexp"
	"strings"
	"time"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// What an alert holds at most, in characters. Alertmanager has no limits of its
// own; what it passes alerts on to has.
const (
	alertLabelMax       = 200
	alertSummaryMax     = 500
	alertLinkMax        = 2000
	alertLineMax        = 500
	alertDescriptionMax = 3000 // bytes
	alertAffected       = 20
	alertAffectedMax    = 240
	alertExplains       = 20
)

// alert is one of prometheus/alertmanager api/v2/openapi.yaml's postableAlerts.
type alert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	StartsAt     time.Time         `json:"startsAt,omitzero"`
	EndsAt       time.Time         `json:"endsAt,omitzero"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

func (a *alertmanager) alert(m *Message, labels map[string]string) alert {
	out := alert{Labels: labels, StartsAt: m.startedAt(), EndsAt: m.endedAt(), Annotations: alertAnnotations(m)}
	if m.Kind != Resolved {
		out.EndsAt = m.runTime().Add(a.keep)
	}
	if u, err := url.Parse(m.Link); err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
		out.GeneratorURL = m.Link
	}
	return out
}

// alertLabels are an alert's identity: nothing in them changes from run to run
// but the severity, and no person is named.
func alertLabels(i *verdict.Incident, configured map[string]string) map[string]string {
	labels := map[string]string{}
	for name, value := range configured {
		labels[name] = value
	}
	for name, value := range map[string]string{"alertname": camelCase(i.Check), "check": i.Check, "severity": string(i.Severity),
		"cluster": i.Cluster, "hub": i.Hub} {
		if value != "" { // to Alertmanager an empty label is one that is not there
			labels[name] = inert(value, alertLabelMax)
		}
	}
	return labels
}

// camelCase is a check's id as alerts are usually called: HubUserCountDrift.
func camelCase(id string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(id, "-") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// alertAnnotations say what may change from run to run. Other people's templates
// put them into chats and mails.
func alertAnnotations(m *Message) map[string]string {
	out := map[string]string{"summary": inert(m.subject(), alertSummaryMax), "since": text.Time(m.Incident.OpenedAt)}
	set := func(name, value string) {
		if value != "" {
			out[name] = value
		}
	}
	if u, err := url.Parse(m.Link); err == nil && u.Host != "" {
		set("report", inertExceptURLs(m.Link, alertLinkMax))
	}
	if m.Kind == Resolved {
		set("description", inert("Over: "+m.Reason, alertLineMax))
		return out
	}
	set("silenced", inert(m.Incident.Silence, alertLineMax))
	set("explained", inert(m.Incident.Because, alertLineMax))
	set("description", alertDescription(m))
	shown, more := m.affected(alertAffected)
	set("affected", inertLines(shown, more, moreInJSON, roomFor(len(shown), alertAffected, alertAffectedMax)))
	explains := m.Explains[:min(len(m.Explains), alertExplains)]
	set("explains", inertLines(explains, len(m.Explains)-len(explains), " more", alertAffectedMax))
	return out
}

// alertDescription is what it means and what to do, in whole lines.
func alertDescription(m *Message) string {
	lines := []string{inert(m.unseenWhy(), alertLineMax), inertExceptURLs(m.Guide.Meaning, alertLineMax)}
	for _, step := range m.Guide.Do {
		lines = append(lines, "Do: "+inertExceptURLs(step, alertLineMax))
	}
	for _, step := range m.Guide.Dont {
		lines = append(lines, inertExceptURLs(step, alertLineMax))
	}
	var b strings.Builder
	for _, line := range lines {
		if b.Len()+len(line) > alertDescriptionMax {
			b.WriteString("…\n")
			break
		}
		if line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String() + "More: audit explain " + inert(m.Incident.Check, alertLabelMax)
}

// inertLines is a list, one item of up to max characters a line, with how many were left out.
func inertLines(shown []string, more int, what string, max int) string {
	var lines []string
	for _, line := range shown {
		lines = append(lines, inert(line, max))
	}
	if more > 0 {
		lines = append(lines, "… and "+text.Number(more)+what)
	}
	return strings.Join(lines, "\n")
}

// angles are what Slack's <!channel> and <https://…|…>, and HTML, begin and end
// with. An escape would be shown as such where it is not needed.
var angles = strings.NewReplacer("<", "‹", ">", "›")

// webAddress is what programs make links of by themselves.
var webAddress = regexp.MustCompile(`(?i)\b(https?|ftp)://`)

// inert is one line of foreign text that stays text in whatever it is rendered
// to later: it calls nobody and links nowhere.
func inert(s string, max int) string {
	return inertExceptURLs(webAddress.ReplaceAllString(s, "$1: //"), max)
}

// inertExceptURLs is for our own words, which may name an address.
func inertExceptURLs(s string, max int) string {
	return angles.Replace(text.Limit(s, max))
}
