package longhorn

import (
	"slices"
	"time"

	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/facts"
)

type orphanObject struct {
	Metadata object.Meta `json:"metadata"`
	Spec     struct {
		NodeID     object.Text `json:"nodeID"`
		Type       object.Text `json:"orphanType"`
		Parameters struct {
			DataName object.Text `json:"DataName"`
			DiskName object.Text `json:"DiskName"`
			DiskUUID object.Text `json:"DiskUUID"`
			DiskPath object.Text `json:"DiskPath"`
		} `json:"parameters"`
	} `json:"spec"`
}

func orphan(o *orphanObject) facts.LHOrphan {
	p := &o.Spec.Parameters
	return facts.LHOrphan{
		Name: o.Metadata.Name, Created: o.Metadata.CreationTimestamp.Time, Deleting: o.Metadata.DeletionTimestamp.Time,
		Type: intern(o.Spec.Type), NodeID: intern(o.Spec.NodeID), DataName: string(p.DataName),
		DiskName: intern(p.DiskName), DiskUUID: intern(p.DiskUUID), DiskPath: intern(p.DiskPath),
	}
}

// salvageReason is the reason of the events in which Longhorn takes failed
// replicas into use again.
const salvageReason = "AutoSalvaged"

// eventObject is an Event of Kubernetes, in which three generations of
// recorders have kept the time of the newest occurrence.
type eventObject struct {
	Metadata object.Meta `json:"metadata"`
	Reason   object.Text `json:"reason"`
	Involved struct {
		Kind object.Text `json:"kind"`
		Name object.Text `json:"name"`
	} `json:"involvedObject"`
	LastTimestamp object.Time `json:"lastTimestamp"`
	EventTime     object.Time `json:"eventTime"`
	Series        struct {
		LastObservedTime object.Time `json:"lastObservedTime"`
	} `json:"series"`
}

// isSalvage tells the events of interest from the others, which a dump has
// too.
func isSalvage(o *eventObject) bool { return o.Reason == salvageReason && o.Involved.Kind == "Volume" }

func salvage(o *eventObject) facts.LHSalvage {
	at := newest(o.LastTimestamp.Time, o.EventTime.Time, o.Series.LastObservedTime.Time)
	if at.IsZero() {
		at = o.Metadata.CreationTimestamp.Time
	}
	return facts.LHSalvage{Volume: string(o.Involved.Name), At: at}
}

func newest(times ...time.Time) time.Time {
	return slices.MaxFunc(times, time.Time.Compare)
}
