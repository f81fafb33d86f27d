package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/PagerDuty/go-pagerduty"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// PagerDuty's limits (PagerDuty/developer-docs docs/events-API-v2) and what an
// event holds at most.
const (
	pagerDutySummaryLimit = 1024
	pagerDutyBodyLimit    = 512000 // bytes; Alertmanager reads the documented 512 KB so
	pagerDutyPerMinute    = 120    // per integration key
	pagerDutySubjects     = 100
	pagerDutyExplains     = 50
	pagerDutyLineMax      = 300 // of these two
	pagerDutySteps        = 20
	pagerDutyStepMax      = 500
	pagerDutyFieldMax     = 1000
	pagerDutyLinkMax      = 2000

	// pagerDutyMost is the longest event, in characters: a summary, two lists of
	// steps, two links, a dozen fields and their names. JSON writes one in up to
	// pagerDutyEscaped bytes. The compiler refuses it beyond the limit.
	pagerDutyMost = pagerDutySummaryLimit + (pagerDutySubjects+pagerDutyExplains)*pagerDutyLineMax + 2*pagerDutySteps*pagerDutyStepMax +
		2*pagerDutyLinkMax + 12*pagerDutyFieldMax
	pagerDutyEscaped = len(`\u003c`)
	_                = uint(pagerDutyBodyLimit - pagerDutyEscaped*pagerDutyMost)
)

// PagerDutyEU is the base URL for accounts in PagerDuty's EU service region.
const PagerDutyEU = "https://events.eu.pagerduty.com"

type pagerDuty struct {
	sender
	name       string
	routingKey string
	baseURL    string
}

// NewPagerDuty is PagerDuty's Events API v2 with a service's integration key.
// An empty baseURL is PagerDuty's own for accounts in the US.
func NewPagerDuty(name, routingKey, baseURL string, options ...Option) Receiver {
	p := &pagerDuty{name: name, routingKey: routingKey, sender: newSender(pagerDutyKind, options, routingKey)}
	if baseURL != "" {
		p.baseURL = strings.TrimSuffix(baseURL, "/")
		p.address = checkURL(baseURL, "apiURL")
	}
	return p
}

func (p *pagerDuty) Name() string { return p.name }

func (p *pagerDuty) Keeps() Keeps { return KeepsNothing }

func (p *pagerDuty) PerMinute() int { return pagerDutyPerMinute }

// Send triggers or resolves the alert of the incident. A trigger for an open
// alert updates it, so that repeating one pages nobody twice.
func (p *pagerDuty) Send(ctx context.Context, m Message) (string, error) {
	event := &pagerduty.V2Event{RoutingKey: p.routingKey, DedupKey: "hubaudit-" + m.Incident.Fingerprint, Action: "resolve"}
	if m.Kind != Resolved {
		event.Action, event.Client, event.Payload = "trigger", "hubaudit", pagerDutyPayload(&m)
		if link := text.WebAddress(m.Link, pagerDutyLinkMax); link != "" {
			event.ClientURL, event.Links = link, []any{map[string]string{"href": link, "text": "Report"}}
		}
	}
	return "", p.send(ctx, event)
}

// Test opens an alert of the lowest severity and resolves it. Whether it pages
// is up to the service's urgency rules.
func (p *pagerDuty) Test(ctx context.Context) error {
	event := &pagerduty.V2Event{RoutingKey: p.routingKey, DedupKey: "hubaudit-test", Action: "trigger", Client: "hubaudit",
		Payload: &pagerduty.V2Payload{Summary: "Test of hubaudit by audit notify test. Nothing is wrong.", Source: "hubaudit", Severity: string(verdict.Info)}}
	if err := p.send(ctx, event); err != nil {
		return err
	}
	event.Action, event.Payload = "resolve", nil
	return p.send(ctx, event)
}

func (p *pagerDuty) send(ctx context.Context, event *pagerduty.V2Event) error {
	return p.do(ctx, "send the event to PagerDuty", func(ctx context.Context, one *http.Client) error {
		var endpoint []pagerduty.ClientOptions
		if p.baseURL != "" {
			endpoint = append(endpoint, pagerduty.WithV2EventsAPIEndpoint(p.baseURL))
		}
		client := pagerduty.NewClient("", endpoint...) // events carry the routing key, no token
		client.HTTPClient = one
		_, err := client.ManageEventWithContext(ctx, event)
		if one.Transport.(*exchange).status == http.StatusAccepted {
			return nil // the library also wants to understand the body
		}
		if err == nil {
			return fmt.Errorf("not accepted")
		}
		return err
	})
}

// pagerDutyDetails is what the page shows below its summary.
type pagerDutyDetails struct {
	Unseen   string   `json:"not_visible_now,omitempty"`
	Meaning  string   `json:"meaning,omitempty"`
	Do       []string `json:"do_now,omitempty"`
	Dont     []string `json:"do_not,omitempty"`
	HowMany  string   `json:"how_many"`
	Subjects []string `json:"affected,omitempty"`
	LeftOut  string   `json:"affected_left_out,omitempty"`
	Explains []string `json:"also_explains,omitempty"`
	Reason   string   `json:"why_now,omitempty"`
	Since    string   `json:"since"`
	Explain  string   `json:"explain"`
	Run      string   `json:"run"`
}

func pagerDutyPayload(m *Message) *pagerduty.V2Payload {
	i := &m.Incident
	details := &pagerDutyDetails{Since: m.since(), HowMany: text.Limit(m.number(), pagerDutyFieldMax),
		Unseen: text.Limit(m.unseenWhy(), pagerDutyFieldMax), Meaning: text.Limit(m.Guide.Meaning, pagerDutyFieldMax),
		Do: pagerDutyList(m.Guide.Do, pagerDutySteps, pagerDutyStepMax), Dont: pagerDutyList(m.Guide.Dont, pagerDutySteps, pagerDutyStepMax),
		Explains: pagerDutyList(m.Explains, pagerDutyExplains, pagerDutyLineMax),
		Explain:  text.Limit("audit explain "+i.Check, pagerDutyFieldMax), Run: text.Limit(m.Run.ID, pagerDutyFieldMax)}
	if m.Kind != Opened {
		details.Reason = text.Limit(m.Reason, pagerDutyFieldMax)
	}
	shown, more := m.affected(pagerDutySubjects)
	details.Subjects = pagerDutyList(shown, pagerDutySubjects, roomFor(len(shown), pagerDutySubjects, pagerDutyLineMax))
	if more > 0 {
		details.LeftOut = text.Number(more) + moreInJSON
	}
	return &pagerduty.V2Payload{
		Summary:   text.Limit(pagerDutySummary(m), pagerDutySummaryLimit),
		Source:    text.Limit(pagerDutySource(i), pagerDutyFieldMax),
		Severity:  string(i.Severity),
		Timestamp: i.OpenedAt.UTC().Format(time.RFC3339),
		Component: text.Limit(cmp.Or(i.Hub, "cluster"), pagerDutyFieldMax),
		Group:     text.Limit(i.Cluster, pagerDutyFieldMax),
		Class:     text.Limit(i.Check, pagerDutyFieldMax),
		Details:   details,
	}
}

// pagerDutySummary is what the telephone shows and reads out. PagerDuty says nothing
// itself of what has changed.
func pagerDutySummary(m *Message) string {
	if m.Kind == Opened && !unseen(m.Incident) {
		return m.subject()
	}
	return m.headline()
}

// pagerDutySource is the cluster and the hub, as far as they have names.
func pagerDutySource(i *verdict.Incident) string {
	if i.Cluster != "" && i.Hub != "" {
		return i.Cluster + "/" + i.Hub
	}
	return cmp.Or(i.Cluster, i.Hub, "kubernetes")
}

func pagerDutyList(all []string, most, max int) []string {
	var out []string
	for _, s := range all[:min(len(all), most)] {
		out = append(out, text.Limit(s, max))
	}
	return out
}

// explainPagerDuty reads the words of a 400, which the library looks for in
// another place than the Events API puts them.
func explainPagerDuty(x *exchange, _ error) *failure {
	if x.status != http.StatusBadRequest {
		return nil
	}
	var said pagerduty.EventsAPIV2ErrorObject
	words := string(x.body)
	if json.Unmarshal(x.body, &said) == nil && said.Message != "" {
		words = strings.Join(append([]string{said.Message}, said.Errors...), "; ")
	}
	f := &failure{reason: "PagerDuty refused the event: " + x.quote(words), word: said.Status}
	advice := adviceBug
	if strings.Contains(strings.ToLower(words), "routing") {
		advice = "put the 32 characters of an Events API v2 integration key into KEY.routingKeyFile, and check that KEY.region is the account's"
	}
	f.reason += x.sender.advise(advice)
	return f
}
