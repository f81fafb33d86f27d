package notify

import (
	"context"
	"fmt"

	"hubaudit/internal/text"
)

const (
	// flood is how many messages at once people read one by one at most; of more
	// than that the alone most urgent come by themselves and the others together.
	flood = 20
	alone = 15
	// batch is how many messages a request has at most, for those who take many. A
	// proxy may refuse what is larger than 1 MiB, and an alert has about 10 KiB.
	batch = 50
)

// portion is what is sent in one go: one message, many in one request, or many as a
// digest.
type portion struct {
	due      []Delivery
	messages []Message
	digest   bool
}

// portions cuts up what is due, which is in the order of urgency. What disturbs
// nobody does not count, and comes by itself after the others.
func portions(r Receiver, due []Delivery, messages []Message) []portion {
	if _, batches := r.(Batcher); batches {
		return (&portion{due: due, messages: messages}).divided(batch)
	}
	_, digests := r.(Digester)
	updater, updates := r.(Updater)
	var all, quiet []portion
	for n := range due {
		p := portion{due[n : n+1], messages[n : n+1], false}
		if due[n].Kind == Changed || updates && updater.Updates(&messages[n]) {
			quiet = append(quiet, p)
		} else {
			all = append(all, p)
		}
	}
	if digests && len(all) > flood {
		rest := portion{digest: true}
		for _, p := range all[alone:] {
			rest.due, rest.messages = append(rest.due, p.due...), append(rest.messages, p.messages...)
		}
		all = append(all[:alone:alone], rest)
	}
	return append(all, quiet...)
}

// divided cuts a portion into those of so many messages.
func (p *portion) divided(size int) (parts []portion) {
	for from := 0; from < len(p.due); from += size {
		to := min(from+size, len(p.due))
		parts = append(parts, portion{due: p.due[from:to], messages: p.messages[from:to]})
	}
	return parts
}

// sendTo returns a ref for each message, or one for all. It keeps a crash while
// composing one message from costing the others.
func (p *portion) sendTo(ctx context.Context, r Receiver) (refs []string, err error) {
	defer func() {
		if crash := recover(); crash != nil {
			err = &SendError{Err: fmt.Errorf("the receiver crashed, please report it: %v", crash), Refused: true}
		}
	}()
	if !p.digest && len(p.messages) > 1 {
		return r.(Batcher).SendBatch(ctx, p.messages)
	}
	ref := ""
	if p.digest {
		ref, err = r.(Digester).SendDigest(ctx, p.messages)
	} else {
		ref, err = r.Send(ctx, p.messages[0])
	}
	return []string{ref}, err
}

// label names the incidents of a portion in an error.
func (p *portion) label() string {
	if len(p.messages) == 1 {
		return label(&p.messages[0])
	}
	return fmt.Sprintf("%s together, %s the first of them", text.Count(len(p.messages), "incident"), label(&p.messages[0]))
}

// label names an incident in an error.
func label(m *Message) string {
	s := text.Name(m.Incident.Check)
	if m.Incident.Hub != "" {
		s += " of " + text.Name(m.Incident.Hub)
	}
	if m.Incident.ID != 0 {
		s += fmt.Sprintf(" (incident %d)", m.Incident.ID)
	}
	return s
}
