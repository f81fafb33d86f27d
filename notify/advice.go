package notify

import (
	"net/http"
	"strings"
)

// kind is what is particular to the receivers of one kind.
type kind struct {
	// key is where their settings stand in the configuration, "KEY" in all advice.
	key string
	// explain reads the vendor's own words in an answer; nil where it finds none.
	explain func(answer *exchange, err error) *failure
	refusal refusal
}

// advise ends a reason with what to do about it, if that is known.
func (k *kind) advise(advice string) string {
	if advice == "" {
		return ""
	}
	return ": " + strings.ReplaceAll(advice, "KEY", k.key)
}

// refusal says what to do when a server refuses: for want of a login, at an address
// where nothing takes messages, or because of what the message is like.
type refusal struct{ login, address, content string }

// about picks the advice for a status of 400 and above.
func (r *refusal) about(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return r.login
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone:
		return r.address
	}
	return r.content
}

// always is advice for every status.
func always(advice string) refusal { return refusal{advice, advice, advice} }

var (
	slackBotKind = kind{"notify.slack", explainSlack,
		always("Slack answers with other words, so something between does: check KEY.apiURL if that is set, and the proxy if there is one")}
	slackWebhookKind = kind{"notify.slack", explainWebhook,
		always("there is no webhook of Slack, or no longer: make one in the Slack app and put its URL, https://hooks.slack.com/services/…, into KEY.webhookURLFile")}
	pagerDutyKind = kind{"notify.pagerduty", explainPagerDuty,
		always("PagerDuty answers otherwise, so something between does: check KEY.apiURL if that is set, and the proxy if there is one")}
	alertmanagerKind = kind{"notify.alertmanager", explainAlertmanager, refusal{
		login:   "check KEY.tokenFile, or username and passwordFile",
		address: "check KEY.url (or urls): it is the server's address with its path prefix, if it has one, and without /api/v2",
		content: "check KEY.labels, and what a proxy between allows"}}
	webhookKind = kind{"notify.webhook", explainPosted, refusal{
		login:   "check that KEY.url (or urlFile) has all that the endpoint wants to see in an address, and that KEY.secretFile holds the secret that it knows",
		address: "nothing takes messages there: put the current address into KEY.urlFile (or url)",
		content: "whatever is at KEY.url (or urlFile) must take the JSON that docs/notifications.md describes under Webhook"}}
	emailKind       = kind{key: "notify.email", explain: explainSMTP}
	fileKind        = kind{key: "notify.file"}
	heartbeatKind   = kind{key: "notify"}
	pushgatewayKind = kind{"metrics", nil, refusal{
		login:   "check KEY.username and KEY.passwordFile",
		address: "check KEY.pushgateway: it is the server's address with its path prefix, if it has one, and without /metrics",
		content: "check KEY.pushgateway"}}
)
