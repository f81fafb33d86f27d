package notify

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"hubaudit/internal/verdict"
)

// AlertmanagerOptions are what an Alertmanager needs.
type AlertmanagerOptions struct {
	// URLs are the members of a cluster, each with its path prefix and without
	// /api/v2. Members do not pass alerts on, so that all of them are told.
	URLs []string
	// Token, or else Username and Password; without any of them without a login.
	Token, Username, Password string
	// CA are certificates in PEM that are trusted beside the system's.
	CA []byte
	// Labels are added to every alert. They do not replace those it has.
	Labels map[string]string
	// Keep is for how long an alert holds without a further run; 0 is 26 hours.
	// It must be more than twice the time between two runs.
	Keep time.Duration
}

const (
	alertKeep = 26 * time.Hour
	alertPath = "/api/v2/alerts"
)

type alertmanager struct {
	name    string
	members []*member
	labels  map[string]string
	keep    time.Duration
}

// member is one of the servers of a cluster.
type member struct {
	sender
	url    string
	at     string // what is done there, for errors: the address without a login
	header http.Header
	// missed is the run of which it could not be told. It is left alone for the
	// rest of that run if others can be: it hears all that is open in the next one.
	missed string
}

// NewAlertmanager is Alertmanager's API v2. An incident is an alert that holds
// until it is resolved, or for a while after the last run that told of it.
func NewAlertmanager(name string, o AlertmanagerOptions, options ...Option) Receiver {
	a := &alertmanager{name: name, labels: o.Labels, keep: o.Keep}
	if a.keep <= 0 {
		a.keep = alertKeep
	}
	header := http.Header{}
	switch login := base64.StdEncoding.EncodeToString([]byte(o.Username + ":" + o.Password)); {
	case o.Token != "":
		header.Set("Authorization", "Bearer "+o.Token)
	case o.Username != "" || o.Password != "":
		header.Set("Authorization", "Basic "+login)
	}
	options = append([]Option{withAuthorities(o.CA)}, options...)
	for _, address := range o.URLs {
		m := &member{url: strings.TrimSuffix(address, "/") + alertPath, at: "post to Alertmanager", header: header}
		m.sender = newSender(alertmanagerKind, options, o.Token, o.Password, urlPasswordOf(address))
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			m.at += " at " + u.Host + strings.TrimSuffix(u.Path, "/")
		}
		if m.address == nil {
			m.address = checkURL(address, "url")
		}
		a.members = append(a.members, m)
	}
	return a
}

func (a *alertmanager) Name() string { return a.name }

func (a *alertmanager) Keeps() Keeps { return KeepsState }

// Send returns the labels as the message's ref: an alert is known by all of
// them, so that it takes the old ones to end it after the severity, or the
// configuration, has changed one. So it is with what it may have under another
// severity, as nobody heard its answer.
func (a *alertmanager) Send(ctx context.Context, m Message) (string, error) {
	refs, err := a.SendBatch(ctx, []Message{m})
	return strings.Join(refs, ""), err
}

// SendBatch tells of many incidents in one request, of each as Send does.
func (a *alertmanager) SendBatch(ctx context.Context, all []Message) ([]string, error) {
	var alerts []alert
	refs := make([]string, len(all))
	for n := range all {
		m := &all[n]
		labels := alertLabels(&m.Incident, a.labels)
		alerts = append(alerts, a.alert(m, labels))
		for _, old := range a.earlier(m) {
			if !maps.Equal(old, labels) {
				alerts = append(alerts, alert{Labels: old, StartsAt: m.startedAt(), EndsAt: m.endedAt()})
			}
		}
		ref, err := json.Marshal(labels)
		if err != nil {
			return nil, &SendError{Err: err, Refused: true}
		}
		refs[n] = string(ref)
	}
	err := a.post(ctx, all[0].Run.ID, alerts)
	if posted := (*PostedError)(nil); err != nil && !errors.As(err, &posted) {
		return nil, err
	}
	return refs, err
}

// earlier are the labels under which the incident has, or may have, an alert.
func (a *alertmanager) earlier(m *Message) (all []map[string]string) {
	var told map[string]string
	if json.Unmarshal([]byte(m.Ref), &told) == nil && len(told) > 0 {
		all = append(all, told)
	}
	i := m.Incident
	for _, i.Severity = range m.Unsure {
		all = append(all, alertLabels(&i, a.labels))
	}
	return all
}

// Test raises an alert of the lowest severity, which ends by Alertmanager's own
// resolve_timeout, 5 minutes unless that is configured.
func (a *alertmanager) Test(ctx context.Context) error {
	labels := alertLabels(&verdict.Incident{Check: "hubaudit-test", Severity: verdict.Info}, a.labels)
	return a.post(ctx, "", []alert{{Labels: labels, Annotations: map[string]string{"summary": testText}}})
}

// post tells all members. One that accepts is enough; an error then names the others.
func (a *alertmanager) post(ctx context.Context, run string, alerts []alert) error {
	body, err := json.Marshal(alerts)
	if err != nil {
		return &SendError{Err: fmt.Errorf("write the alert as JSON: %w", err), Refused: true}
	}
	if len(a.members) == 0 {
		return &SendError{Err: errors.New("no Alertmanager is named: set notify.alertmanager.url"), Refused: true}
	}
	var first, missing []*member
	for _, m := range a.members {
		if run != "" && m.missed == run {
			missing = append(missing, m)
		} else {
			first = append(first, m)
		}
	}
	accepted, errs := tell(ctx, first, run, body)
	if accepted == 0 && len(missing) > 0 {
		var more []error
		accepted, more = tell(ctx, missing, run, body)
		errs = append(errs, more...)
	}
	switch {
	case len(errs) == 0:
		return nil
	case accepted > 0:
		return &PostedError{fmt.Errorf("not to every Alertmanager: %w", errors.Join(errs...))}
	}
	return joinSendErrors(errs)
}

// tell posts to members at the same time, so that one that is down costs the
// others no time.
func tell(ctx context.Context, members []*member, run string, body []byte) (accepted int, failed []error) {
	errs := make([]error, len(members))
	var all sync.WaitGroup
	for n, m := range members {
		all.Go(func() { errs[n] = m.post(ctx, body) })
	}
	all.Wait()
	for n, m := range members {
		m.missed = ""
		if errs[n] == nil {
			accepted++
			continue
		}
		m.missed = run
		failed = append(failed, errs[n])
	}
	return accepted, failed
}

func (m *member) post(ctx context.Context, body []byte) error {
	return m.do(ctx, m.at, func(ctx context.Context, client *http.Client) error {
		if err := postJSON(ctx, client, m.url, body, m.header); err != nil {
			return err
		}
		// A proxy or a sign-in page says 200 as well, with a page of its own.
		if x := client.Transport.(*exchange); x.status != http.StatusOK || len(x.body) > 0 && !json.Valid(x.body) {
			return errors.New("the answer is not Alertmanager's")
		}
		return nil
	})
}

// explainAlertmanager reads the words of a refusal, a string or an object.
func explainAlertmanager(x *exchange, err error) *failure {
	if x.status != http.StatusBadRequest && x.status != http.StatusUnprocessableEntity {
		return explainPosted(x, err)
	}
	var words string
	if json.Unmarshal(x.body, &words) != nil {
		var said struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(x.body, &said) != nil || said.Message == "" {
			return nil
		}
		words = said.Message
	}
	return &failure{reason: "Alertmanager refused the alert: " + x.quote(words) + x.sender.advise(x.sender.refusal.content)}
}

// joinSendErrors is one error for several servers: refused only if all refused,
// and to be tried again when the first of them wants to be.
func joinSendErrors(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	joined := &SendError{Err: errors.Join(errs...), Refused: true}
	for _, err := range errs {
		one := (*SendError)(nil)
		if !errors.As(err, &one) {
			joined.Refused = false
			continue
		}
		joined.Refused = joined.Refused && one.Refused
		if one.After > 0 && (joined.After == 0 || one.After < joined.After) {
			joined.After = one.After
		}
	}
	return joined
}
