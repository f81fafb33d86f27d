// Package notify tells people about incidents: Decide says what is to be queued for
// whom, a Receiver sends messages, a Courier sends what is queued and has what was
// accepted noted.
//
// It sees verdicts and incidents, never the insides of checks. Whatever a
// message quotes (names of users, volumes, nodes) is text that strangers chose.
package notify

import (
	"context"
	"time"

	"hubaudit/internal/verdict"
)

// Delivery is one message that a receiver accepted, as the history remembers it.
type Delivery = verdict.Delivery

// Kind is why a message is sent.
type Kind = verdict.DeliveryKind

const (
	Opened   = verdict.DeliveryOpened
	Reopened = verdict.DeliveryReopened
	Worse    = verdict.DeliveryWorse
	Repeated = verdict.DeliveryRepeated
	Changed  = verdict.DeliveryChanged
	Resolved = verdict.DeliveryResolved
)

// Route sends incidents of this severity and above to receivers, by name.
type Route struct {
	Severity verdict.Severity
	// Hubs and Checks are globs over the incident's; empty is all.
	Hubs, Checks []string
	To           []string
}

// Keeps is how much a receiver keeps of an incident.
type Keeps int

const (
	// KeepsNothing: each message stands for itself (e-mail, webhooks, files).
	KeepsNothing Keeps = iota
	// KeepsMessage: there is one message or alert per incident, which is brought up
	// to date when the incident changes (a Slack bot).
	KeepsMessage
	// KeepsState: it must hear of every open incident in every run, or it takes it
	// for over, and reminds people itself (Alertmanager).
	KeepsState
)

// Decision is what one message tells, and to whom.
type Decision struct {
	Incident verdict.Incident
	Receiver string
	Kind     Kind
	// Reason says in words why it is sent, for the log and the message.
	Reason string
	// Ref is what the receiver answered to the incident's earlier messages,
	// such as where its thread is; empty for the first one.
	Ref string
	// Unsure are other severities under which the receiver may have this already.
	Unsure []verdict.Severity
}

// Message is a decision with what a receiver needs to say.
type Message struct {
	Decision
	// Verdict is this run's, nil where it has none for the incident.
	Verdict *verdict.Verdict
	Guide   verdict.Guide
	Run     *verdict.Run
	// Explains are the incidents of which this one is the cause, a line each; nobody
	// is told of them otherwise.
	Explains []string
	// Link is where the report can be read; empty where the configuration names no place.
	Link string
	// Report is the whole report as Markdown, for receivers that take files.
	Report []byte
	// FirstOfRun is true for the message that carries the report: the first one
	// of the run that this receiver accepts. Deliver sets it.
	FirstOfRun bool
}

// Receiver is where messages go. Its methods may be called from one goroutine
// at a time. Their errors say what to do and never show a secret.
type Receiver interface {
	// Name is what routes call it.
	Name() string
	Keeps() Keeps
	// Send returns what Decision.Ref is to be for the incident's next message.
	// With a *PostedError the message was accepted all the same.
	Send(ctx context.Context, m Message) (ref string, err error)
	// Test sends a message that says that it is a test.
	Test(ctx context.Context) error
}

// SendError is why a receiver did not accept a message.
type SendError struct {
	Err error
	// Refused: it understood and refused, so that trying again is of no use until
	// the configuration changes.
	Refused bool
	// After is how long it asked not to be asked again; 0 if it did not.
	After time.Duration
}

func (e *SendError) Error() string { return e.Err.Error() }
func (e *SendError) Unwrap() error { return e.Err }

// PostedError says that a message was accepted and only something that goes
// with it failed, such as the upload of the report.
type PostedError struct{ Err error }

func (e *PostedError) Error() string { return "the message was sent, but " + e.Err.Error() }
func (e *PostedError) Unwrap() error { return e.Err }

// runTime is the only clock of this package: the time of the run.
func (m *Message) runTime() time.Time { return m.Run.StartedAt.UTC() }
