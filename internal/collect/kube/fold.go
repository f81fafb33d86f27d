package kube

import (
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"hubaudit/internal/collect/kube/object"
)

// Folds tells whether the resource keeps no row for an object, so that one that
// is read again cannot take the place of its older self: see Folded.
func (r *Resource) Folds() bool {
	f, ok := r.rows.(interface{ folds() bool })
	return ok && f.folds()
}

// Named is an object that tells its name, for the error of one that could not
// be understood.
type Named interface{ ObjectName() string }

// Folded completes r, a kind that is read as JSON and of which there are too
// many to keep a row for each: every object is handed to add, which takes from
// it what it wants and must not keep the pointer. add must not mind the same
// object twice, in any order of its versions. reset forgets what add has taken.
// Len counts the objects. An *O that is Named is named in errors.
func Folded[O any](r Resource, add func(*O), reset func()) *Resource {
	r.Custom = true
	r.rows = &fold[O]{add: add, forget: reset}
	return &r
}

// fold hands objects of type O to add, one at a time in the same memory.
type fold[O any] struct {
	count  int
	object O
	add    func(*O)
	forget func()
}

func (f *fold[O]) len() int    { return f.count }
func (f *fold[O]) sort()       {}
func (f *fold[O]) folds() bool { return true }

func (f *fold[O]) reset() {
	f.count = 0
	f.forget()
}

func (f *fold[O]) clear() {
	var none O
	f.object = none
}

func (f *fold[O]) take() {
	f.add(&f.object)
	f.count++
}

func (f *fold[O]) putJSON(_ int, raw []byte) (kept bool, err error) {
	f.clear()
	if err := object.Decode(raw, &f.object); err != nil {
		return false, err
	}
	f.take()
	return true, nil
}

func (f *fold[O]) putNextJSON(dec *jsontext.Decoder) (name string, rejected, err error) {
	f.clear()
	if rejected, err = object.DecodeFrom(dec, &f.object); err != nil {
		return "", nil, err
	}
	if rejected != nil {
		if o, ok := any(&f.object).(Named); ok {
			name = o.ObjectName() // as far as it was read
		}
		return name, rejected, nil
	}
	f.take()
	return "", nil, nil
}

// putProto is never called: a folded kind is read as JSON.
func (f *fold[O]) putProto([]byte) error { return errors.New("is not read as protobuf") }
