package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
)

func TestAuditNotifyFailed(t *testing.T) { testCheck(t, auditNotifyFailedCases) }

// undelivered leaves messages to a receiver from so many hours ago.
func undelivered(receivers ...facts.Undelivered) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for _, u := range receivers {
			u.Since = s.Now.Add(-u.Since.Sub(time.Time{}))
			s.Past.Undelivered = append(s.Past.Undelivered, u)
		}
	}
}

// ago is a time before the run, for undelivered.
func ago(d time.Duration) time.Time { return time.Time{}.Add(d) }

// overlapping leaves a message that the first of three overlapping runs queued.
func overlapping(d time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		undelivered(facts.Undelivered{Receiver: "slack", Messages: 1, Since: ago(d)})(s)
		for i := range 3 {
			s.Past.Runs = append([]facts.PastRun{{At: s.Now.Add(time.Duration(i)*time.Second - d), Complete: true}}, s.Past.Runs...)
		}
	}
}

var notifyFailed = outcomes{"audit-notify-failed": "fail error 1"}

var auditNotifyFailedCases = cases{
	check: auditNotifyFailed,
	fires: []damage{
		{
			name:    "a key was revoked",
			change:  undelivered(facts.Undelivered{Receiver: "pagerduty", Messages: 1, Since: ago(time.Hour), Tries: 1, Refused: true, Error: "send the message: it refused: 400 invalid key"}),
			want:    notifyFailed,
			summary: "receiver pagerduty refuses its messages: send the message: it refused: 400 invalid key; 1 message is waiting since 2026-11-20 11:00 UTC",
		},
		{
			name:    "a server that is down",
			change:  undelivered(facts.Undelivered{Receiver: "slack", Messages: 1200, Since: ago(5 * time.Hour), Tries: 5, Error: "the network failed: connection refused"}),
			want:    notifyFailed,
			summary: "receiver slack could not be reached in 5 attempts: the network failed: connection refused; 1,200 messages are waiting since 2026-11-20 07:00 UTC",
		},
		{
			name: "all of them",
			change: undelivered(
				facts.Undelivered{Receiver: "slack", Messages: 3, Since: ago(2 * time.Hour), Tries: 2, Error: "no answer in time"},
				facts.Undelivered{Receiver: "pagerduty", Messages: 1, Since: ago(time.Hour), Tries: 1, Refused: true, Error: "it refused: 400"}),
			want:    outcomes{"audit-notify-failed": "fail error 2"},
			summary: "2 receivers do not get their messages (slack, pagerduty): 4 messages are waiting",
		},
		{
			name:    "one whose turn never came",
			change:  undelivered(facts.Undelivered{Receiver: "email", Messages: 1, Since: ago(3 * time.Hour)}),
			want:    notifyFailed,
			summary: "receiver email was not tried in 3 runs: they were ended before its turn, or the time for sending was used up by other messages, see the log; 1 message is waiting since 2026-11-20 09:00 UTC",
		},
	},
	mustNotFire: []damage{
		{name: "queued by the last run and not tried yet", change: undelivered(facts.Undelivered{Receiver: "slack", Messages: 1, Since: ago(time.Hour)})},
		{name: "first run", change: func(s *facts.Snapshot) { s.Past.Runs, s.Past.Undelivered = nil, nil }},
	},
	boundary: []damage{
		{name: "one run that did not reach it", change: undelivered(facts.Undelivered{Receiver: "slack", Messages: 1, Since: ago(time.Hour), Tries: 1, Error: "no answer in time"})},
		{
			name:    "two",
			change:  undelivered(facts.Undelivered{Receiver: "slack", Messages: 1, Since: ago(2 * time.Hour), Tries: 2, Error: "no answer in time"}),
			want:    notifyFailed,
			summary: "receiver slack could not be reached in 2 attempts: no answer in time; 1 message is waiting since 2026-11-20 10:00 UTC",
		},
		{name: "three runs at once, which may still be sending", change: overlapping(10*time.Minute - time.Second)},
		{name: "three runs at once, none of which got to it", change: overlapping(10 * time.Minute), want: notifyFailed,
			summary: "receiver slack was not tried in 3 runs: they were ended before its turn, or the time for sending was used up by other messages, see the log; 1 message is waiting since 2026-11-20 11:50 UTC"},
		{name: "two of five", change: undelivered(facts.Undelivered{Receiver: "slack", Messages: 1, Since: ago(2 * time.Hour), Tries: 2, Error: "no answer in time"}), values: map[string]any{"runs": 5}},
	},
	sourceFailed: []damage{{
		name: "history not readable", change: failed(facts.History), want: unknownWithout(facts.History, nil),
		summary: "source history could not be read: gave up after 30s",
	}},
}
