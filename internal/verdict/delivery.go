package verdict

import "time"

// DeliveryKind is what a receiver was told about an incident.
type DeliveryKind string

const (
	DeliveryOpened   DeliveryKind = "opened"   // the first message of an incident
	DeliveryWorse    DeliveryKind = "worse"    // its severity has risen since the last one
	DeliveryRepeated DeliveryKind = "repeated" // still open after the repeat interval
	DeliveryResolved DeliveryKind = "resolved" // the last message of an incident
)

// Delivery records that a receiver accepted a message about an incident. It is
// written after the receiver's answer, so that a crash in between repeats a
// message rather than losing it.
type Delivery struct {
	Incident    int64 // Incident.ID
	Fingerprint string
	Receiver    string
	Kind        DeliveryKind
	Severity    Severity  // of the incident when the message was sent
	At          time.Time // UTC, whole seconds
	// Ref is the receiver's name of the message, such as a Slack thread's
	// timestamp; empty where it gives none.
	Ref   string
	Count int // the incident's findings when the message was sent
}
