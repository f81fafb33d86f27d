package notify_test

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hubaudit/notify"
	"hubaudit/notify/notifytest"
)

// TestPostedSecrets: whatever the status, also where a server or a proxy repeats
// the request, no error shows an address that is secret, a token or a password.
func TestPostedSecrets(t *testing.T) {
	const inURL, inQuery = "SECRETpasswordINtheURL", "SECRETinTHEquery"
	withLogin := func(address string) string { return strings.Replace(address, "http://", "http://user:"+inURL+"@", 1) }
	echo := func(secrets []string) string {
		return "<html>cannot reach /hooks/" + strings.Join(secrets, " ") + strings.Repeat(" again "+secrets[0], 20) + "</html>"
	}
	for _, status := range []int{301, 400, 401, 403, 404, 410, 422, 429, 500, 503} {
		hook, am := webhookServer(t), alertmanagerServer(t)
		hookSecrets := []string{inURL, inQuery, notifytest.WebhookPathSecret, notifytest.WebhookSecret}
		amSecrets := []string{inURL, notifytest.AlertmanagerToken}
		for range notify.MaxTries {
			hook.Fail("post", notifytest.Fault{Status: status, Body: echo(hookSecrets)})
			am.Fail("alerts", notifytest.Fault{Status: status, Body: echo(amSecrets)})
		}
		for _, c := range []struct {
			r       notify.Receiver
			secrets []string
		}{
			{notify.NewWebhook("webhook", notify.WebhookOptions{URL: withLogin(hook.URL()) + "?key=" + inQuery, Secret: notifytest.WebhookSecret}, new(pauses).option()), hookSecrets},
			{notify.NewAlertmanager("alertmanager", notify.AlertmanagerOptions{URLs: []string{withLogin(am.URL())}, Token: notifytest.AlertmanagerToken}, new(pauses).option()), amSecrets},
		} {
			_, err := c.r.Send(t.Context(), critical())
			if err == nil {
				t.Errorf("%s: delivered in spite of status %d", c.r.Name(), status)
			}
			showsNone(t, err, c.secrets)
		}
	}
	for _, address := range []string{"http://user:" + inURL + "@127.0.0.1:1", "http://user:" + inURL + "@%zz", "ftp://user:" + inURL + "@example.org", inURL} {
		_, err := notify.NewAlertmanager("alertmanager", notify.AlertmanagerOptions{URLs: []string{address}}, new(pauses).option()).Send(t.Context(), critical())
		if err == nil {
			t.Errorf("%s: delivered", address)
		}
		showsNone(t, err, []string{inURL})
	}
}

// TestPostedTLS: a server is trusted by the certificate that is named, and by no other.
func TestPostedTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshakes that are to fail
	server.StartTLS()
	defer server.Close()
	right := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for name, c := range map[string]struct {
		ca   []byte
		want string
	}{"named": {right, ""}, "none": {nil, ".caFile, or check"}, "another": {otherAuthority(t), ".caFile, or check"}} {
		for _, r := range []notify.Receiver{
			notify.NewWebhook("webhook", notify.WebhookOptions{URL: server.URL, CA: c.ca}, new(pauses).option()),
			notify.NewAlertmanager("alertmanager", notify.AlertmanagerOptions{URLs: []string{server.URL}, CA: c.ca}, new(pauses).option()),
		} {
			_, err := r.Send(t.Context(), critical())
			if checkError(t, err, c.want, nil); t.Failed() {
				t.Fatalf("%s, %s", r.Name(), name)
			}
		}
	}
}

// FuzzPostedAnswer: whatever a server or a proxy answers, also with the secret in
// it, neither receiver crashes or shows the secret, and only a 2xx is accepted.
func FuzzPostedAnswer(f *testing.F) {
	for _, body := range []string{"", `"bad label %s"`, `{"code":602,"message":"%s"}`, "<html>%s</html>", `{"message":["%s"]}`, "null", "{"} {
		for _, status := range []int{200, 204, 302, 400, 422, 429, 503} {
			f.Add(status, "1", body, `{"alertname":"%s"}`)
		}
	}
	f.Fuzz(func(t *testing.T, status int, retryAfter, body, ref string) {
		if status < 200 || status > 599 {
			t.Skip("no server's status")
		}
		const secret = "SECRETsecretSECRETsecretSECRET32"
		answer := notify.WithTransport(answers{status, retryAfter, strings.ReplaceAll(body, "%s", secret)})
		m := still(ref)
		for _, r := range []notify.Receiver{
			notify.NewWebhook("webhook", notify.WebhookOptions{URL: "https://example.org/" + secret, Secret: secret}, new(pauses).option(), answer),
			notify.NewAlertmanager("alertmanager", notify.AlertmanagerOptions{URLs: []string{"https://example.org"}, Token: secret}, new(pauses).option(), answer),
		} {
			ref, err := r.Send(t.Context(), m)
			if showsNone(t, err, []string{secret}); (err == nil) != (status/100 == 2) && r.Keeps() == notify.KeepsNothing || err == nil && status/100 != 2 {
				t.Errorf("%s: status %d, ref %q: %v", r.Name(), status, ref, err)
			}
		}
	})
}
