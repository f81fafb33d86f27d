package object

import (
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

type probe struct {
	Metadata Meta   `json:"metadata"`
	Count    Number `json:"count"`
	Flag     Flag   `json:"flag"`
	Inner    struct {
		Text Text              `json:"text"`
		List []Number          `json:"list"`
		Map  map[string]Number `json:"map"`
	} `json:"inner"`
}

// decoded is a list read in one of two ways: what fitted, how many did not,
// and whether the input broke off.
type decoded struct {
	objects  []probe
	rejected int
	broken   bool
}

// twice reads each element as a whole first and then decodes it.
func twice(input string) (d decoded) {
	_, _, err := Walk(NewDecoder(strings.NewReader(input)), func(_ Members, element []byte) error {
		var p probe
		if Decode(element, &p) != nil {
			d.rejected++
		} else {
			d.objects = append(d.objects, p)
		}
		return nil
	})
	d.broken = err != nil
	return d
}

// once decodes from the stream, which comes byte by byte.
func once(input string) (d decoded) {
	dec := NewDecoder(iotest.OneByteReader(strings.NewReader(input)))
	_, _, err := Each(dec, func(Members) error {
		var p probe
		rejected, err := DecodeFrom(dec, &p)
		switch {
		case err != nil:
		case rejected != nil:
			d.rejected++
		default:
			d.objects = append(d.objects, p)
		}
		return err
	})
	d.broken = err != nil
	return d
}

var lists = []string{
	`{"items":[]}`,
	`{"items":[{"count":1},{"count":"2"},{"flag":"true","inner":{"text":3,"list":[1,"2"],"map":{"a":1}}}]}`,
	`{"items":[{"count":{}},{"count":1}]}`,
	`{"items":[{"inner":{"list":[[1],2]}},{"inner":{"map":{"a":[{}]}}},{"count":3}],"kind":"List"}`,
	`{"items":[1,"x",null,[],[[{}]],{"count":4}]}`,
	`{"items":[{"inner":[{"text":"x"}]},{"metadata":"y"},{"metadata":{"name":{}}},{"count":5}]}`,
	`{"items":[{"count":1},{"count":`,
	`{"items":[{"count":{"a":1},{"count":1}]}`,
	`{"items":[{"count":1.5,"flag":"maybe"},{"count":99999999999999999999}]}`,
}

func TestDecodeFrom(t *testing.T) {
	want := []decoded{{}, {objects: make([]probe, 3)}, {objects: make([]probe, 1), rejected: 1}, {objects: make([]probe, 1), rejected: 2}}
	for i, input := range lists {
		a, b := twice(input), once(input)
		if !reflect.DeepEqual(a, b) && !(a.broken && b.broken) {
			t.Errorf("%s: at once %+v, in two steps %+v", input, b, a)
		}
		if i < len(want) && (len(b.objects) != len(want[i].objects) || b.rejected != want[i].rejected || b.broken) {
			t.Errorf("%s: %d objects, %d rejected, broken %t", input, len(b.objects), b.rejected, b.broken)
		}
	}
}

// FuzzDecodeFrom: decoding from the stream finds what decoding whole elements
// finds, and stays in step after an element that does not fit.
func FuzzDecodeFrom(f *testing.F) {
	for _, input := range lists {
		f.Add(input)
	}
	f.Fuzz(func(t *testing.T, input string) {
		a, b := twice(input), once(input)
		if a.broken != b.broken || !a.broken && !reflect.DeepEqual(a, b) {
			t.Errorf("%s: at once %+v, in two steps %+v", input, b, a)
		}
	})
}
