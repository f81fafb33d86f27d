package kube

import (
	"cmp"
	"fmt"
	"runtime"
	"sort"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// Resource is one kind of object: where the API serves it, the source it is,
// and the rows of a snapshot that its objects become. It is filled by one
// goroutine.
type Resource struct {
	// Source is the name of the source, such as facts.KubeClaims; Item is
	// what one object is called in counts.
	Source, Item string
	// Group is the API group, "" for the core group.
	Group string
	// Versions are those that can be read, best first.
	Versions []string
	// Kind and Plural are the object's names in manifests and in paths.
	Kind, Plural string
	// Custom is true for kinds that are read as JSON: those that are not part of
	// Kubernetes itself, which may be absent, and any of which few are read.
	Custom bool
	// FieldSelector has the API list only objects with these fields, such as
	// reason=Killing; "" for all.
	FieldSelector string
	rows          rows
	// rejected counts objects that could not be understood, firstRejected
	// says why for the first of them.
	rejected      int
	firstRejected error
}

// rows is what a resource's objects become, object by object.
type rows interface {
	len() int
	reset()
	sort()
	putJSON(at int, object []byte) (kept bool, err error)
	putNextJSON(dec *jsontext.Decoder) (name string, rejected, err error)
	putProto(object []byte) error
}

// Len is the number of objects read so far.
func (r *Resource) Len() int { return r.rows.len() }

// Reset forgets all objects.
func (r *Resource) Reset() {
	r.rows.reset()
	r.rejected, r.firstRejected = 0, nil
}

// Put reads an object from JSON into row at; at Len() it adds a row. It reports
// whether the row holds the object: one that is not to be kept, or could not be
// understood, of which Err will tell, changes nothing.
func (r *Resource) Put(at int, raw []byte) bool {
	kept, err := r.rows.putJSON(at, raw)
	if err == nil {
		return kept
	}
	var head object.Head
	if r.rejected == 0 {
		_ = object.Decode(raw, &head) // without a name the reason has to do
	}
	r.reject(head.Metadata.Name, err)
	return false
}

// putNext reads the next object of a JSON list into a new row. An object that
// could not be understood is passed over; Err will tell.
func (r *Resource) putNext(dec *jsontext.Decoder) error {
	name, rejected, err := r.rows.putNextJSON(dec)
	if err == nil && rejected != nil {
		r.reject(name, rejected)
	}
	return err
}

func (r *Resource) reject(name string, why error) {
	if r.rejected++; r.rejected == 1 {
		r.firstRejected = fmt.Errorf("%s %q: %w", r.Name(), name, why)
	}
}

// Err tells of objects that were read but not understood. A list with such an
// object fails: a check must not judge by guessed or missing fields.
func (r *Resource) Err() error {
	if r.rejected == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d objects have fields of an unknown form, the first is %w", r.rejected, r.rejected+r.Len(), r.firstRejected)
}

// Name is the resource with its group, as in RBAC and CRDs.
func (r *Resource) Name() string {
	if r.Group == "" {
		return r.Plural
	}
	return r.Plural + "." + r.Group
}

// ListPath is where the API lists the resource, in all namespaces.
func (r *Resource) ListPath() string { return r.path(r.Versions[0], "") }

// Sort sorts the rows by namespace and name.
func (r *Resource) Sort() { r.rows.sort() }

// table turns objects of type O into facts of type F. Its rows lie in chunks
// until they are sorted: one list that grows would be there twice each time.
type table[O, F any] struct {
	into      *[]F
	chunks    [][]F         // all but the last have tableChunk rows
	keep      func(*O) bool // nil to keep all
	convert   func(*O) F
	key       func(*F) (namespace, name string)
	unmarshal func(*O, []byte) error // protobuf; nil for custom resources
}

const (
	tableChunk = 1024
	manyChunks = 64 // of rows of 250 to 500 bytes: 16 MiB and more
)

func (t *table[O, F]) len() int {
	if last := len(t.chunks) - 1; last >= 0 {
		return last*tableChunk + len(t.chunks[last])
	}
	return len(*t.into)
}

func (t *table[O, F]) reset() { *t.into, t.chunks = nil, nil }

func (t *table[O, F]) append(f F) {
	last := len(t.chunks) - 1
	switch {
	case last < 0: // most kinds have few
		t.chunks, last = append(t.chunks, nil), 0
	case len(t.chunks[last]) == tableChunk:
		t.chunks, last = append(t.chunks, make([]F, 0, tableChunk)), last+1
	}
	t.chunks[last] = append(t.chunks[last], f)
}

// sort is called once all objects are read.
func (t *table[O, F]) sort() {
	if len(t.chunks) > 0 {
		*t.into = make([]F, 0, t.len())
		for i, chunk := range t.chunks {
			*t.into = append(*t.into, chunk...)
			t.chunks[i] = nil
		}
		if len(t.chunks) > manyChunks {
			// The rows were there twice, and the next table's are about to be. Left to
			// itself the collector comes when several are.
			runtime.GC()
		}
		t.chunks = nil
	}
	rows := *t.into
	// By index: key takes a pointer, and passed by value each row of each
	// comparison would be copied to the heap.
	sort.Slice(rows, func(i, j int) bool {
		ins, in := t.key(&rows[i])
		jns, jn := t.key(&rows[j])
		return cmp.Or(strings.Compare(ins, jns), strings.Compare(in, jn)) < 0
	})
}

func (t *table[O, F]) putJSON(at int, raw []byte) (kept bool, err error) {
	var o O
	if err := object.Decode(raw, &o); err != nil {
		return false, err
	}
	if t.keep != nil && !t.keep(&o) {
		return false, nil
	}
	if at < t.len() {
		t.chunks[at/tableChunk][at%tableChunk] = t.convert(&o)
	} else {
		t.append(t.convert(&o))
	}
	return true, nil
}

func (t *table[O, F]) putNextJSON(dec *jsontext.Decoder) (name string, rejected, err error) {
	var o O
	if rejected, err = object.DecodeFrom(dec, &o); err != nil {
		return "", nil, err
	}
	f := t.convert(&o)
	if rejected != nil {
		_, name = t.key(&f) // as far as it was read
		return name, rejected, nil
	}
	if t.keep == nil || t.keep(&o) {
		t.append(f)
	}
	return "", nil, nil
}

func (t *table[O, F]) putProto(raw []byte) error {
	var o O
	if err := t.unmarshal(&o, raw); err != nil {
		return err
	}
	t.append(t.convert(&o))
	return nil
}

// message is a type with generated protobuf code.
type message[O any] interface {
	*O
	Unmarshal([]byte) error
}

// builtin completes r, a kind of Kubernetes itself: into is where its facts go.
func builtin[O, F any, M message[O]](r Resource, into *[]F, convert func(*O) F, key func(*F) (namespace, name string)) *Resource {
	r.rows = &table[O, F]{into: into, convert: convert, key: key,
		unmarshal: func(o *O, raw []byte) error { return M(o).Unmarshal(raw) }}
	return &r
}

// Custom completes r, a kind that is read as JSON: its objects are decoded from JSON to O, and convert makes them the facts
// that are kept in into. key gives what they are sorted by.
func Custom[O, F any](r Resource, into *[]F, convert func(*O) F, key func(*F) (namespace, name string)) *Resource {
	r.Custom = true
	r.rows = &table[O, F]{into: into, convert: convert, key: key}
	return &r
}

// CustomOnly is Custom of which only the objects are kept that keep accepts.
func CustomOnly[O, F any](r Resource, keep func(*O) bool, into *[]F, convert func(*O) F, key func(*F) (namespace, name string)) *Resource {
	r.Custom = true
	r.rows = &table[O, F]{into: into, keep: keep, convert: convert, key: key}
	return &r
}

// AllFailed is the sources of all resources when nothing could be read at all.
func AllFailed(resources []*Resource, err error) []facts.Source {
	sources := make([]facts.Source, len(resources))
	for i, r := range resources {
		sources[i] = source.Record(r.Source, nil, 0, err)
	}
	return sources
}
