package checks

import (
	"fmt"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var auditNotifyFailed = &Check{
	ID:       "audit-notify-failed",
	Title:    "Every message reaches its receiver",
	Severity: verdict.Error,
	Since:    "0.6.0",
	Scope:    PerCluster,
	Needs:    []string{facts.History},
	Params: []Param{
		{Name: "runs", Doc: "after how many failed runs a receiver that cannot be reached is reported; one that refuses is reported after the first", Default: 2, Min: 1, Max: 1000, Unit: "runs"},
	},
	Doc: Doc{
		Meaning: "Somebody is meant to hear of what the audit finds and does not: a receiver refuses its messages or cannot be reached. What is told there " +
			"waits in the history and is tried again by every run, so nothing is lost yet, but whoever takes the silence for health is wrong.",
		FalseAlarms: "A receiver that merely did not answer is reported only after several runs in a row, and one that was taken out of the configuration not at all. " +
			"Messages that wait for the end of quiet hours have not failed. The finding stays until a run has sent what waits: it is judged before the messages of its own run go out.",
		Do: []string{
			"Read the reason in the finding.",
			"Refused: a token, key or address is wrong or was revoked, or the channel is gone. Correct it in the configuration and try it with `audit notify test`.",
			"Not reached: look whether the audit's pod may open connections to there (egress rules, proxy, DNS) and whether the vendor has an outage.",
			"Run `audit now`: it sends what waits. `audit history` lists what is open meanwhile.",
		},
		Dont: []string{
			"Do not delete the history to get rid of the messages: the open incidents go with them.",
		},
		Sources: []string{"Berkeley DataHub post-mortem, 2017: noticed by chance after 47 minutes", "PagerDuty and Slack: a revoked key or a renamed channel refuses every message from then on"},
	},
	Run: runAuditNotifyFailed,
}

func runAuditNotifyFailed(in *Input) Result {
	var r Result
	var receivers []string
	waiting := 0
	for _, u := range in.Past.Undelivered {
		why := in.undelivered(u)
		if why == "" {
			continue
		}
		waiting += u.Messages
		receivers = append(receivers, u.Receiver)
		r.Findings = append(r.Findings, verdict.Finding{
			Subject: verdict.Subject{Kind: "receiver", Name: u.Receiver},
			Message: fmt.Sprintf("receiver %s %s; %s since %s", u.Receiver, why, waitingText(u.Messages), text.Time(u.Since)),
			Details: map[string]string{"messages": idText(int64(u.Messages)), "since": text.Time(u.Since), "tries": idText(int64(u.Tries)), "error": u.Error},
		})
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("%s do not get their messages (%s): %s", text.Count(n, "receiver"), list(receivers, 5), waitingText(waiting))
	}
	return r
}

func waitingText(messages int) string {
	return text.Count(messages, "message") + " " + text.Plural(messages, "is", "are") + " waiting"
}

// undelivered says what keeps messages from a receiver; "" if it is too early to
// tell.
func (in *Input) undelivered(u facts.Undelivered) string {
	runs := int(in.Number("runs"))
	switch {
	case u.Refused:
		return "refuses its messages: " + text.Sentence(u.Error, maxReason)
	case u.Tries >= runs:
		return fmt.Sprintf("could not be reached in %s: %s", text.Count(u.Tries, "attempt"), text.Sentence(u.Error, maxReason))
	case u.Tries > 0:
		return ""
	}
	// Nobody tried: the time for sending always ran out before.
	passed := 0
	for _, run := range in.Past.Runs {
		if !run.At.Before(u.Since) {
			passed++
		}
	}
	if passed < runs || in.Now.Sub(u.Since) < sendingTime {
		return ""
	}
	return fmt.Sprintf("was not tried in %s: they were ended before its turn, or the time for sending was used up by other messages, see the log", text.Count(passed, "run"))
}

// sendingTime is longer than two overlapping runs take to send what they may.
const sendingTime = 10 * time.Minute

// maxReason is how many columns of an error a message quotes; its details have all.
const maxReason = 300
