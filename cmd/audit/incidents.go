package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"hubaudit/internal/config"
	"hubaudit/internal/history"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// told has the receivers that accepted a message about each of some incidents, in
// the order of the alphabet.
func told(ctx context.Context, store *history.Store, cluster string, incidents []verdict.Incident) (map[int64][]string, error) {
	ids := make([]int64, len(incidents))
	for i := range incidents {
		ids[i] = incidents[i].ID
	}
	list, err := store.Deliveries(ctx, cluster, ids)
	receivers := map[int64][]string{}
	for _, d := range list {
		if d.Sent() && !slices.Contains(receivers[d.Incident], d.Receiver) {
			receivers[d.Incident] = append(receivers[d.Incident], d.Receiver)
		}
	}
	for _, names := range receivers {
		slices.Sort(names)
	}
	return receivers, err
}

func writeIncidents(w io.Writer, incidents []verdict.Incident, told map[int64][]string) {
	if len(incidents) == 0 {
		fmt.Fprintln(w, "No incident is open.")
		return
	}
	fmt.Fprintln(w, "INCIDENT\tOPENED\tRESOLVED\tSTATE\tSEVERITY\tCHECK\tHUB\tTOLD\tSUMMARY")
	for _, i := range incidents {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", i.ID, i.OpenedAt.Format(minute), orDash(i.ResolvedAt), state(&i), i.Severity, i.Check,
			dash(i.Hub), dash(strings.Join(told[i.ID], ",")), text.Clean(i.Summary))
	}
}

func writePending(w io.Writer, pending []verdict.Incident) {
	if len(pending) == 0 {
		return
	}
	fmt.Fprintln(w, "\nFAILS SINCE\tRUNS\tSEVERITY\tCHECK\tHUB\tNOT YET AN INCIDENT")
	for _, i := range pending {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", i.FailingSince.Format(minute), i.FailingRuns, i.Severity, i.Check, dash(i.Hub), text.Clean(i.Summary))
	}
}

// showIncident writes what is known of one incident, and who was told what of it.
func showIncident(ctx context.Context, w io.Writer, store *history.Store, cfg *config.Config, id int64) error {
	cluster := cfg.Cluster.Name
	found, err := store.IncidentsByID(ctx, cluster, []int64{id})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return misusef("no incident %d of cluster %s is remembered: audit history --resolved lists those that are", id, text.Name(cluster))
	}
	messages, err := store.Deliveries(ctx, cluster, []int64{id})
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, fact := range known(&found[0]) {
		fmt.Fprintf(t, "%s\t%s\n", fact[0], text.Clean(fact[1]))
	}
	fmt.Fprintln(t)
	if len(messages) == 0 {
		fmt.Fprintln(t, "Nobody was told, and nothing waits to be sent.")
	} else {
		fmt.Fprintln(t, "TOLD\tRECEIVER\tMESSAGE\tSEVERITY\tAFFECTED\tWHY")
	}
	for _, d := range messages {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", when(&d), d.Receiver, d.Kind, d.Severity, text.Number(d.Count), dash(text.Clean(d.Reason)))
	}
	return t.Flush()
}

// known names what is known of an incident, and leaves out what does not apply.
func known(i *verdict.Incident) (lines [][2]string) {
	add := func(name, value string) {
		if value != "" {
			lines = append(lines, [2]string{name, value})
		}
	}
	add("Incident", fmt.Sprintf("%d: %s, %s", i.ID, i.Check, hubName(i.Hub)))
	add("State", fmt.Sprintf("%s, %s, %s affected", state(i), i.Severity, text.Number(i.Count)))
	add("Summary", i.Summary)
	add("Fails since", text.Time(i.FailingSince))
	if i.State != verdict.Pending {
		add("Opened", text.Time(i.OpenedAt))
	}
	if i.Reopened > 0 {
		add("Opened again", text.Count(i.Reopened, "time"))
	}
	if !i.ResolvedAt.IsZero() {
		add("Resolved", text.Time(i.ResolvedAt)+": "+i.Reason)
	}
	add("Silenced", i.Silence)
	add("Explained", i.Because)
	return lines
}

// when says when a message was accepted, or why it was not yet.
func when(d *verdict.Delivery) string {
	switch {
	case d.Sent():
		return d.At.Format(minute)
	case d.Error != "":
		return fmt.Sprintf("not yet, tried %s: %s", text.Count(d.Tries, "time"), text.Sentence(d.Error, errorColumns))
	case !d.NotBefore.IsZero():
		return "not before " + d.NotBefore.Format(minute)
	default:
		return "not yet"
	}
}

// state says in a word or two why somebody hears of an incident, or why not.
func state(i *verdict.Incident) string {
	switch {
	case i.State == verdict.Resolved:
		return "resolved"
	case i.Silence != "":
		return "silenced"
	case i.ExplainedBy != "":
		return "explained"
	case i.Outcome == verdict.Pass:
		return "holds again"
	case i.Outcome != verdict.Fail:
		return string(i.Outcome)
	default:
		return "open"
	}
}
