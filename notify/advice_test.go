package notify_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hubaudit/notify"
	"hubaudit/notify/notifytest"
)

const listed = "notify.receivers[2].kind"

// TestAdvice: a server that refuses is told of with what to do, by the key under which
// the receiver is really configured.
func TestAdvice(t *testing.T) {
	status := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer server.Close()
	at := func(o ...notify.Option) []notify.Option {
		return append(o, notify.WithKey(listed), new(pauses).option())
	}
	proxy, hook := "check KEY.apiURL if that is set", "hooks.slack.com/services/…, into KEY.webhookURLFile"
	for _, c := range []struct {
		receiver notify.Receiver
		advice   map[int]string
	}{
		{notify.NewSlackBot("slack", notifytest.SlackToken, "#c", server.URL, at()...), map[int]string{401: proxy, 403: proxy, 404: proxy, 400: proxy}},
		{notify.NewSlackWebhook("slack", server.URL, at()...), map[int]string{401: hook, 403: hook, 404: hook, 400: hook, 410: hook}},
		{notify.NewPagerDuty("pagerduty", notifytest.PagerDutyKey, server.URL, at()...),
			map[int]string{401: proxy, 403: proxy, 404: proxy, 400: "report this as a bug of hubaudit"}},
		{notify.NewAlertmanager("alertmanager", notify.AlertmanagerOptions{URLs: []string{server.URL}}, at()...),
			map[int]string{401: "KEY.tokenFile, or username and passwordFile", 403: "KEY.tokenFile", 404: "KEY.url (or urls)", 400: "KEY.labels", 413: "a proxy"}},
		{notify.NewWebhook("webhook", notify.WebhookOptions{URL: server.URL}, at()...),
			map[int]string{401: "KEY.secretFile", 403: "KEY.secretFile", 404: "KEY.urlFile", 410: "KEY.urlFile", 400: "KEY.url (or urlFile) must take the JSON"}},
	} {
		for status = range c.advice {
			want := strings.ReplaceAll(c.advice[status], "KEY", listed)
			checkError(t, c.receiver.Test(t.Context()), want, nil)
			_, err := c.receiver.Send(t.Context(), critical())
			checkError(t, err, want, nil)
			if strings.Contains(err.Error(), "KEY") || strings.Contains(err.Error(), "next run") {
				t.Errorf("%s, %d: %v", c.receiver.Name(), status, err)
			}
		}
	}
}

// TestAdviceOnArchivedChannels: a webhook has no setting for its channel.
func TestAdviceOnArchivedChannels(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "channel_is_archived", http.StatusGone)
	}))
	defer server.Close()
	err := notify.NewSlackWebhook("slack", server.URL, notify.WithKey(listed)).Test(t.Context())
	checkError(t, err, "for another one and put its URL into "+listed+".webhookURLFile", nil)
}

// TestAdviceOnSettings: settings that cannot be used are named by their key, too.
func TestAdviceOnSettings(t *testing.T) {
	key := notify.WithKey(listed)
	for want, r := range map[string]notify.Receiver{
		".webhookURL is not a URL": notify.NewSlackWebhook("slack", "x", key),
		".apiURL is not a URL":     notify.NewPagerDuty("pagerduty", "x", "x", key),
		".url is not a URL":        notify.NewWebhook("webhook", notify.WebhookOptions{URL: "x"}, key),
		".caFile holds no":         notify.NewAlertmanager("alertmanager", notify.AlertmanagerOptions{URLs: []string{"x"}, CA: []byte("x")}, key),
		".server is not":           notify.NewEmail("email", notify.EmailOptions{From: "a@example.org", To: []string{"b@example.org"}}, key),
	} {
		checkError(t, r.Test(t.Context()), listed+want, nil)
	}
}

// TestAdviceOnFiles: what somebody has to do about a file is refused with advice.
func TestAdviceOnFiles(t *testing.T) {
	dir := t.TempDir()
	shut := filepath.Join(dir, "shut")
	if err := os.WriteFile(shut, nil, 0o400); err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{
		filepath.Join(dir, "missing", "f"): "the folder of " + listed + ".path must exist: make it",
		dir:                                "it is not a regular file: name another file in " + listed + ".path",
	}
	if os.Geteuid() != 0 { // root may write everywhere
		cases[shut] = "needs write access to the file of " + listed + ".path"
	}
	for path, want := range cases {
		_, err := notify.NewFile("file", path, notify.WithKey(listed)).Send(t.Context(), critical())
		checkError(t, err, want, nil)
		if why := (*notify.SendError)(nil); !errors.As(err, &why) || !why.Refused {
			t.Errorf("%s: %v is not refused", path, err)
		}
	}
}
