package main

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/config"
	"hubaudit/internal/text"
)

// describeNotify says who is told of what, and where that goes, without any secret.
func describeNotify(p *text.Page, cfg *config.Config) {
	describeReceivers(p, &cfg.Notify)
	describeRoutes(p, cfg)
}

// describeReceivers says where each receiver's messages go, so that a wrong channel
// shows before it is needed.
func describeReceivers(p *text.Page, n *config.Notify) {
	all := n.All()
	if len(all) == 0 {
		return
	}
	p.Blank()
	p.Print("", "", text.Span{Style: text.Bold, Text: "receivers"})
	columns := len("heartbeat") + 2
	for i := range all {
		columns = max(columns, len(all[i].Name)+2)
	}
	line := func(name, where string) {
		p.Label("  ", text.Span{Style: text.Dim, Text: name}, columns, text.Span{Text: where})
	}
	for i := range all {
		line(all[i].Name, destination(&all[i]))
	}
	heartbeat := "at the beginning and end of each run"
	if n.HeartbeatURL+n.HeartbeatURLFile == "" {
		heartbeat = "none: nobody is told when the audit itself stops, unless something else watches its metrics"
	}
	line("heartbeat", heartbeat)
}

// destination is where a receiver's messages go. The address of a webhook is no
// more than its host: the rest may be a secret.
func destination(r *config.Receiver) string {
	switch {
	case r.Slack != nil && r.Slack.Channel != "":
		return "Slack channel " + r.Slack.Channel
	case r.Slack != nil:
		return "Slack, by an incoming webhook"
	case r.PagerDuty != nil && r.PagerDuty.APIURL != "":
		return "PagerDuty, by " + hostOf(r.PagerDuty.APIURL)
	case r.PagerDuty != nil:
		return "PagerDuty, service region " + r.PagerDuty.Region
	case r.Alertmanager != nil:
		var members []string
		for _, u := range append(slices.Clone(r.Alertmanager.URLs), r.Alertmanager.URL) {
			if u != "" {
				members = append(members, strings.TrimPrefix(strings.TrimPrefix(u, "http://"), "https://"))
			}
		}
		return "Alertmanager at " + strings.Join(members, ", ")
	case r.Webhook != nil && r.Webhook.URL != "":
		return "webhook at " + hostOf(r.Webhook.URL)
	case r.Webhook != nil:
		return "webhook, its address in a file"
	case r.Email != nil:
		return fmt.Sprintf("e-mail to %s by %s (%s)", strings.Join(r.Email.To, ", "), r.Email.Server, r.Email.TLS)
	default:
		return "file " + r.File.Path
	}
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "an address that cannot be read"
	}
	return u.Host
}

// describeRoutes says which receivers get what.
func describeRoutes(p *text.Page, cfg *config.Config) {
	if len(cfg.Notify.Routes) == 0 {
		return
	}
	p.Blank()
	p.Print("", "", text.Span{Style: text.Bold, Text: "routes"})
	for _, r := range cfg.Notify.Routes {
		describe(p, string(r.Severity), "and above"+limits(&r)+" to "+strings.Join(recipients(cfg, &r), ", "))
	}
	if q := cfg.Notify.QuietHours; q != nil {
		times := slices.Clone(q.Days)
		if q.From != "" {
			times = append(times, q.From+" to "+q.To)
		}
		describe(p, "quiet", strings.Join(times, ", ")+" "+cmp.Or(q.TimeZone, "UTC")+": warnings wait"+swapped(q))
	}
}

// swapped is a hint at quiet hours that last over most of the day and not over the
// night, which is mostly not what was meant.
func swapped(q *config.QuietHours) string {
	const clock = "15:04"
	from, errFrom := time.Parse(clock, q.From)
	to, errTo := time.Parse(clock, q.To)
	if errFrom != nil || errTo != nil || to.Sub(from) < 12*time.Hour {
		return ""
	}
	return " by day and come by night: for quiet nights, swap from and to"
}

// limits are the hubs and checks of a route, "" for all.
func limits(r *config.Route) string {
	words := ""
	if len(r.Checks) > 0 {
		words += " in " + strings.Join(r.Checks, " or ")
	}
	if len(r.Hubs) > 0 {
		hubs := slices.Clone(r.Hubs)
		for i := range hubs {
			hubs[i] = cmp.Or(hubs[i], "the cluster")
		}
		words += " of " + strings.Join(hubs, " or ")
	}
	return words
}

// recipients are whom a route tells; owners are named hub by hub.
func recipients(cfg *config.Config, r *config.Route) []string {
	to := slices.Clone(r.To)
	for i, name := range to {
		if name != config.ReceiverOwners {
			continue
		}
		var owners []string
		for _, h := range cfg.Hubs {
			if len(h.Owners) > 0 {
				owners = append(owners, h.Name+": "+strings.Join(h.Owners, " and "))
			}
		}
		to[i] = name + " (" + strings.Join(owners, "; ") + ")"
	}
	return to
}
