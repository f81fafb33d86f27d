package longhorn

import (
	"cmp"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/facts"
)

type nodeObject struct {
	Metadata object.Meta `json:"metadata"`
	Spec     struct {
		AllowScheduling   object.Flag         `json:"allowScheduling"`
		EvictionRequested object.Flag         `json:"evictionRequested"`
		Tags              []object.Text       `json:"tags"`
		Disks             map[string]diskSpec `json:"disks"`
	} `json:"spec"`
	Status struct {
		Conditions   conditions            `json:"conditions"`
		AutoEvicting object.Flag           `json:"autoEvicting"`
		Zone         object.Text           `json:"zone"`
		Disks        map[string]diskStatus `json:"diskStatus"`
	} `json:"status"`
}

type diskSpec struct {
	Path              object.Text   `json:"path"`
	Type              object.Text   `json:"diskType"` // since 1.5
	AllowScheduling   object.Flag   `json:"allowScheduling"`
	EvictionRequested object.Flag   `json:"evictionRequested"`
	Reserved          object.Number `json:"storageReserved"`
	Tags              []object.Text `json:"tags"`
}

type diskStatus struct {
	UUID       object.Text   `json:"diskUUID"`
	Path       object.Text   `json:"diskPath"`
	Type       object.Text   `json:"diskType"`
	Conditions conditions    `json:"conditions"`
	Maximum    object.Number `json:"storageMaximum"`
	Available  object.Number `json:"storageAvailable"`
	Scheduled  object.Number `json:"storageScheduled"`
}

func node(o *nodeObject) facts.LHNode {
	ready := o.Status.Conditions.of("Ready")
	n := facts.LHNode{
		Name: intern(object.Text(o.Metadata.Name)), Created: o.Metadata.CreationTimestamp.Time,
		Ready: intern(ready.Status), ReadyReason: intern(ready.Reason), ReadySince: ready.Since.Time,
		AllowScheduling: bool(o.Spec.AllowScheduling), EvictionRequested: bool(o.Spec.EvictionRequested),
		AutoEvicting: bool(o.Status.AutoEvicting), Zone: intern(o.Status.Zone), Tags: tags(o.Spec.Tags),
	}
	// A disk may be configured and not yet seen, or removed and still in use.
	names := slices.AppendSeq(slices.Collect(maps.Keys(o.Spec.Disks)), maps.Keys(o.Status.Disks))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		spec, status := o.Spec.Disks[name], o.Status.Disks[name]
		n.Disks = append(n.Disks, disk(name, &spec, &status))
	}
	return n
}

func disk(name string, spec *diskSpec, status *diskStatus) facts.LHDisk {
	ready := status.Conditions.of("Ready")
	return facts.LHDisk{
		Name: name, UUID: intern(status.UUID), Path: string(cmp.Or(spec.Path, status.Path)), Type: intern(cmp.Or(spec.Type, status.Type)),
		Ready: intern(ready.Status), ReadyReason: intern(ready.Reason), ReadySince: ready.Since.Time,
		Schedulable:     intern(status.Conditions.of("Schedulable").Status),
		AllowScheduling: bool(spec.AllowScheduling), EvictionRequested: bool(spec.EvictionRequested), Tags: tags(spec.Tags),
		MaximumBytes: int64(status.Maximum), AvailableBytes: int64(status.Available), ScheduledBytes: int64(status.Scheduled),
		ReservedBytes: int64(spec.Reserved),
	}
}

// tags are a node's or disk's tags, sorted.
func tags(list []object.Text) []string {
	words := interned(list)
	slices.Sort(words)
	return words
}

// conditions are those of an object: a list in v1beta2, in v1beta1 a map by
// type.
type conditions []condition

type condition struct {
	Type    object.Text `json:"type"`
	Status  object.Text `json:"status"`
	Reason  object.Text `json:"reason"`
	Message object.Text `json:"message"`
	Since   object.Time `json:"lastTransitionTime"`
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (c *conditions) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '{' {
		return json.UnmarshalDecode(dec, (*[]condition)(c))
	}
	var byType map[string]condition
	if err := json.UnmarshalDecode(dec, &byType); err != nil {
		return err
	}
	*c = make(conditions, 0, len(byType))
	for kind, one := range byType {
		one.Type = object.Text(kind)
		*c = append(*c, one)
	}
	return nil
}

// of is the condition of a type, empty if there is none.
func (c conditions) of(kind object.Text) condition {
	i := slices.IndexFunc(c, func(one condition) bool { return one.Type == kind })
	if i < 0 {
		return condition{}
	}
	return c[i]
}
