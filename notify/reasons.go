package notify

import "hubaudit/internal/verdict"

// Reason names why something is told, or is not.
type Reason string

// Reasons to tell.
const (
	NotTold       Reason = "not-told"       // the receiver has not been told of it yet
	FailsAgain    Reason = "fails-again"    // the receiver was told that it is over
	SeverityRose  Reason = "severity-rose"  // since the receiver was last called
	CountGrew     Reason = "count-grew"     // at least half as many again are affected
	ExplainsMore  Reason = "explains-more"  // it is the cause of what the receiver has not heard of
	ReminderDue   Reason = "reminder-due"   // it is open for long since
	WordsChanged  Reason = "words-changed"  // what the receiver shows of it has others
	StateRepeated Reason = "state-repeated" // the receiver must hear of it in every run
	ItIsOver      Reason = "it-is-over"     // the receiver was told that it is open
	Overtaken     Reason = "overtaken"      // a queued message is not true any more, or not needed
	StillQueued   Reason = "still-queued"   // what is to be told waits already
	NothingNew    Reason = "nothing-new"    // the receiver knows it as it is
	NotRouted     Reason = "not-routed"     // no route brings it to the receiver any more
	Silenced      Reason = "silenced"       // somebody silenced all of it
	Explained     Reason = "explained"      // the messages of its cause name it
	HeldOnce      Reason = "held-once"      // it held in this run, and may be over soon
	NobodyKnows   Reason = "nobody-knows"   // it is over, and the receiver was never told of it
	KnowsTheEnd   Reason = "knows-the-end"  // it is over, and the receiver was told so
	NoReceiver    Reason = "no-receiver"    // the receiver is not configured here
	NoRoute       Reason = "no-route"       // no route takes it: nobody is told
)

// Ruling is what was decided for one incident and receiver.
type Ruling struct {
	Incident *verdict.Incident
	Receiver string // "" where it is about all
	Reason   Reason
	// Kind is of the message that is to be sent; "" where none is.
	Kind Kind
	// Words say why, in a sentence for people.
	Words string
}

// Routine tells whether the ruling says that nothing has changed.
func (r *Ruling) Routine() bool {
	switch r.Reason {
	case NothingNew, StillQueued, StateRepeated, KnowsTheEnd, NoReceiver, NotRouted, NoRoute:
		return true
	}
	return false
}
