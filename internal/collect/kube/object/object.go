// Package object reads Kubernetes objects that come as JSON: list by list
// without holding a list in memory, and field by field with tolerance for the
// spellings that custom resources have had over the years.
//
// Tolerated is whatever still means the same: a number or boolean in quotes, an
// absent or null field. A field of another shape, such as an object where a
// number belongs, makes its object unreadable: an error, never a guess.
package object

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// lenient accepts what Go's own writers and older JSON libraries may produce.
// It also spares the decoder the bookkeeping of names.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// NewDecoder returns a decoder for Walk.
func NewDecoder(r io.Reader) *jsontext.Decoder { return jsontext.NewDecoder(r, lenient) }

// Decode reads one object into into, which needs only the fields of interest.
func Decode(raw []byte, into any) error { return json.Unmarshal(raw, into, lenient) }

// Head is what every object tells of itself.
type Head struct {
	APIVersion Text `json:"apiVersion"`
	Kind       Text `json:"kind"`
	Metadata   Meta `json:"metadata"`
}

// Meta is the part of an object's metadata that facts are made of.
type Meta struct {
	Name              string `json:"name"`
	Namespace         string `json:"namespace"`
	ResourceVersion   string `json:"resourceVersion"`
	CreationTimestamp Time   `json:"creationTimestamp"`
	DeletionTimestamp Time   `json:"deletionTimestamp"`
}

// ListMeta is a list's own metadata.
type ListMeta struct {
	// Continue is not empty when the list is one page of a longer one.
	Continue string `json:"continue"`
}

// Members are the members of a JSON object, as written.
type Members map[string]jsontext.Value

// Text returns a member that is a string, "" if it is none.
func (m Members) Text(name string) string {
	var s string
	if m[name].Kind() != '"' || Decode(m[name], &s) != nil {
		return ""
	}
	return s
}

// Object writes the members back as one JSON object.
func (m Members) Object() ([]byte, error) { return json.Marshal(m, lenient, json.Deterministic(true)) }

// Walk reads one JSON object from dec. The elements of its member "items" are
// handed to item one by one, each valid only during the call, with the members
// that came before; the other members are returned. hasItems tells that there
// was such a member.
func Walk(dec *jsontext.Decoder, item func(before Members, element []byte) error) (members Members, hasItems bool, err error) {
	return Each(dec, func(before Members) error {
		element, err := dec.ReadValue()
		if err != nil {
			return err
		}
		return item(before, element)
	})
}

// Each is Walk for an item that reads its element from dec by itself, exactly
// that; with DecodeFrom an element is gone over only once.
func Each(dec *jsontext.Decoder, item func(before Members) error) (members Members, hasItems bool, err error) {
	if kind := dec.PeekKind(); kind != '{' {
		if _, err := dec.ReadValue(); err != nil { // the end of the input or a syntax error
			return nil, false, err
		}
		return nil, false, fmt.Errorf("found a JSON %s instead of an object", kind)
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, false, err
	}
	members = Members{}
	for dec.PeekKind() != '}' {
		token, err := dec.ReadToken()
		if err != nil {
			return nil, false, truncated(err)
		}
		name := token.String()
		if name == "items" && dec.PeekKind() == '[' {
			hasItems = true
			if err := elements(dec, func() error { return item(members) }); err != nil {
				return nil, false, truncated(err)
			}
			continue
		}
		value, err := dec.ReadValue()
		if err != nil {
			return nil, false, truncated(err)
		}
		hasItems = hasItems || name == "items"
		members[name] = bytes.Clone(value)
	}
	_, err = dec.ReadToken()
	return members, hasItems, truncated(err)
}

func elements(dec *jsontext.Decoder, item func() error) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		if err := item(); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// DecodeFrom reads one value from dec into into. Where the value is well-formed
// but does not fit, it is rejected and dec stands behind it all the same; err is
// for input that is not JSON or breaks off.
func DecodeFrom(dec *jsontext.Decoder, into any) (rejected, err error) {
	start, depth := dec.InputOffset(), dec.StackDepth()
	err = json.UnmarshalDecode(dec, into, lenient)
	if _, misfit := errors.AsType[*json.SemanticError](err); !misfit {
		return nil, err
	}
	for dec.StackDepth() > depth { // in the middle of it
		if _, err := dec.ReadToken(); err != nil {
			return nil, err
		}
	}
	if dec.InputOffset() == start { // still before it
		return err, dec.SkipValue()
	}
	return err, nil
}

// truncated turns an end of input inside an object into the error it is.
func truncated(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Text is a string; a number or boolean is taken as it is written.
type Text string

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (t *Text) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	s, err := scalar(dec)
	*t = Text(s)
	return err
}

// Number is a whole number, in quotes or not. Absent is 0.
type Number int64

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (n *Number) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	s, err := scalar(dec)
	if err != nil || s == "" {
		return err
	}
	i, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(s, 64)
		if ferr != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
			return fmt.Errorf("%.40q is not a whole number", s)
		}
		i = int64(f)
	}
	*n = Number(i)
	return nil
}

// Flag is a boolean, in quotes or not. Absent is false.
type Flag bool

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (f *Flag) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	s, err := scalar(dec)
	if err != nil || s == "" {
		return err
	}
	b, err := strconv.ParseBool(s)
	if err != nil {
		return fmt.Errorf("%.40q is neither true nor false", s)
	}
	*f = Flag(b)
	return nil
}

// Time is a point in time as Kubernetes and Longhorn write it. Text that is
// not a time in RFC 3339 counts as absent.
type Time struct{ time.Time }

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (t *Time) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	s, err := scalar(dec)
	t.Time = ParseTime(s)
	return err
}

// ParseTime reads a time in RFC 3339 as UTC and whole seconds; the zero time
// stands for anything else.
func ParseTime(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Second)
}

// scalar reads a string, number, boolean or null, as text.
func scalar(dec *jsontext.Decoder) (string, error) {
	switch kind := dec.PeekKind(); kind {
	case '{', '[':
		return "", fmt.Errorf("found a JSON %s instead of one value", kind)
	case 'n':
		_, err := dec.ReadToken()
		return "", err
	}
	token, err := dec.ReadToken()
	if err != nil {
		return "", err
	}
	return token.String(), nil
}
