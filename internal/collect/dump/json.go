package dump

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"hubaudit/internal/collect/kube/object"
)

// maxNesting is how deep lists may lie in lists.
const maxNesting = 4

// json reads one JSON document after another: objects, lists and arrays of
// them.
func (f *reading) json(input io.Reader) error {
	dec := object.NewDecoder(input)
	for {
		err := f.value(dec, 0)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &positionError{offset: dec.InputOffset(), err: err}
		}
		f.input.reset()
	}
}

// value reads an object or a list, or the objects and lists of an array. What
// is neither is none of Kubernetes' and passed over.
func (f *reading) value(dec *jsontext.Decoder, depth int) error {
	switch kind := dec.PeekKind(); {
	case kind == '{':
		return f.document(dec, depth)
	case kind == '[' && depth < maxNesting:
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		for dec.PeekKind() != ']' {
			if err := f.value(dec, depth+1); err != nil {
				return cutOff(err)
			}
			f.input.reset()
		}
		_, err := dec.ReadToken()
		return err
	}
	return dec.SkipValue()
}

// cutOff is the error of an input that ends inside a value.
func cutOff(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// document reads one JSON object, which may be a list of any length.
func (f *reading) document(dec *jsontext.Decoder, depth int) error {
	list := itemReader{reading: f, depth: depth}
	members, hasItems, err := object.Walk(dec, func(before object.Members, raw []byte) error {
		f.input.reset()
		return list.take(before, raw)
	})
	if err != nil {
		return err
	}
	return list.end(members, hasItems)
}

// itemReader reads the items of one document, which is a list if its kind says
// so; and that may come after the items.
type itemReader struct {
	*reading
	depth int
	// waiting are items that do not tell their kind: the list's kind will.
	waiting [][]byte
	// odd is true when there are items that are no objects.
	odd bool
	// taken is true when there are items that are objects of interest.
	taken bool
}

// take reads an item. before are the members of the list that came before it.
func (r *itemReader) take(before object.Members, raw []byte) error {
	if jsontext.Value(raw).Kind() != '{' {
		r.odd = true
		return nil
	}
	head := headOf(raw)
	if head.Kind == "" {
		listHead, isList := listOf(before)
		if !isList {
			r.waiting = append(r.waiting, bytes.Clone(raw))
			return nil
		}
		head.APIVersion, head.Kind = listHead.APIVersion, listHead.Kind
	}
	if !strings.HasSuffix(string(head.Kind), "List") {
		r.taken = r.put(raw, head, r.had) || r.taken
		return nil
	}
	if r.depth >= maxNesting {
		return errors.New("lists lie in lists too deep")
	}
	return r.document(object.NewDecoder(bytes.NewReader(raw)), r.depth+1)
}

// end reads the rest of a document: members are all but its items.
func (r *itemReader) end(members object.Members, hasItems bool) error {
	head, isList := listOf(members)
	if hasItems && !isList && r.taken {
		return errors.New("items without the kind of their list: it seems to break off")
	}
	if !hasItems || !isList {
		return r.single(members)
	}
	if r.odd {
		return fmt.Errorf("a %sList has items that are no objects", head.Kind)
	}
	var meta object.ListMeta
	if raw, ok := members["metadata"]; ok {
		if err := object.Decode(raw, &meta); err != nil {
			return fmt.Errorf("the metadata of a %sList: %w", head.Kind, err)
		}
	}
	if s, ok := r.byKind[kindOf(head)]; ok {
		s.occurs = true
		r.had[s] = true
		if meta.Continue != "" {
			s.mayMiss(errPage)
		}
	}
	for _, raw := range r.waiting {
		item := headOf(raw)
		item.APIVersion, item.Kind = head.APIVersion, head.Kind
		r.put(raw, item, r.had)
	}
	return nil
}

// single reads an object that is no list. One without a kind may be the
// answer of `kubectl version`.
func (r *itemReader) single(members object.Members) error {
	raw, err := members.Object()
	if err != nil {
		return err
	}
	var version struct {
		Server struct {
			GitVersion string `json:"gitVersion"`
		} `json:"serverVersion"`
	}
	if object.Decode(raw, &version) == nil && version.Server.GitVersion != "" {
		r.version = version.Server.GitVersion
		return nil
	}
	r.put(raw, headOf(raw), r.had)
	return nil
}

// listOf tells the kind of a list's items, "" for one of all kinds, and
// whether there is a list at all.
func listOf(members object.Members) (items object.Head, isList bool) {
	kind, isList := strings.CutSuffix(members.Text("kind"), "List")
	return object.Head{APIVersion: object.Text(members.Text("apiVersion")), Kind: object.Text(kind)}, isList
}

// headOf reads what an object tells of itself. Where its metadata cannot be
// read, the kind still is: the object's own table will refuse it.
func headOf(raw []byte) object.Head {
	var head object.Head
	if object.Decode(raw, &head) == nil {
		return head
	}
	var kind struct {
		APIVersion any `json:"apiVersion"`
		Kind       any `json:"kind"`
	}
	_ = object.Decode(raw, &kind) // syntax was checked before
	version, _ := kind.APIVersion.(string)
	name, _ := kind.Kind.(string)
	return object.Head{APIVersion: object.Text(version), Kind: object.Text(name)}
}
