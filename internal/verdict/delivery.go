package verdict

import "time"

// DeliveryKind is what a receiver is told about an incident.
type DeliveryKind string

const (
	DeliveryOpened   DeliveryKind = "opened"   // the first message of an incident
	DeliveryReopened DeliveryKind = "reopened" // it was resolved, and is open again within the window for that
	DeliveryWorse    DeliveryKind = "worse"    // its severity has risen since the last message, or it affects many more
	DeliveryRepeated DeliveryKind = "repeated" // still open after the repeat interval
	// DeliveryChanged calls nobody: what is shown of an open incident is brought up
	// to date. Only receivers that keep one message or alert per incident get it.
	DeliveryChanged  DeliveryKind = "changed"
	DeliveryResolved DeliveryKind = "resolved" // the last message of an incident
)

// Delivery is one message to one receiver about one incident. It is queued in the
// transaction that records the run which decided it, and stays queued until the
// receiver has accepted it, in whichever run that is. It is marked as sent after
// the receiver's answer, so that a crash in between repeats a message rather
// than losing it.
type Delivery struct {
	// ID is the history's; 0 where there is none to remember it, and before it is queued.
	ID          int64
	Incident    int64 // Incident.ID
	Fingerprint string
	Receiver    string
	Kind        DeliveryKind
	// Reason says in words why it is sent.
	Reason string
	// Run is the id of the run whose verdict the message tells.
	Run string
	// Severity and Count are the incident's in that run, Summary its words.
	Severity Severity
	Count    int
	Summary  string
	QueuedAt time.Time // UTC, whole seconds, as all times here
	// NotBefore is when it may be sent at the earliest: after quiet hours, or when a
	// receiver that was asked too often wants to be asked again. Zero: at once.
	NotBefore time.Time
	// At is when the receiver accepted it; zero while it is queued.
	At time.Time
	// Ref is the receiver's name of the message, such as where its thread is; empty
	// where it gives none.
	Ref string
	// Unsure are other severities under which it was handed to a sender who never said
	// how that went: the receiver may have it so. Empty once it was sent.
	Unsure []Severity
	// Tries is how many attempts were in vain, in runs and between them, Error why the last of them failed.
	// It shows no secret.
	Tries int
	Error string
}

// Sent tells whether the receiver has accepted it.
func (d *Delivery) Sent() bool { return !d.At.IsZero() }

// Outbox is what a run changes of the messages that are still to be sent.
type Outbox struct {
	// Put are messages to queue: new ones, and with an ID those that take the place
	// of a queued one.
	Put []Delivery
	// Drop are the IDs of queued messages that are not needed any more.
	Drop []int64
}
