package kube

import (
	"slices"
	"strings"
	"testing"

	"hubaudit/internal/collect/kube/object"
)

type folded struct {
	Metadata object.Meta   `json:"metadata"`
	Count    object.Number `json:"count"`
}

func (o *folded) ObjectName() string { return o.Metadata.Name }

// TestFolded reads the same objects one by one and as a list: of one that lacks a
// field nothing of the one before is left, and one that does not fit is counted,
// named and not handed on.
func TestFolded(t *testing.T) {
	objects := []string{`{"metadata":{"name":"a"},"count":1}`, `{"metadata":{"name":"b"}}`, `{"metadata":{"name":"odd"},"count":{}}`, `{"metadata":{"name":"a"},"count":3}`}
	want := []folded{{Metadata: object.Meta{Name: "a"}, Count: 1}, {Metadata: object.Meta{Name: "b"}}, {Metadata: object.Meta{Name: "a"}, Count: 3}}
	for _, how := range []string{"one by one", "as a list", "again"} {
		got := []folded{{}}
		r := Folded(Resource{Plural: "things"}, func(o *folded) { got = append(got, *o) }, func() { got = nil })
		r.Reset()
		dec := object.NewDecoder(strings.NewReader(strings.Join(objects, "\n")))
		for _, raw := range objects {
			if how == "as a list" {
				if err := r.putNext(dec); err != nil {
					t.Fatal(err)
				}
				continue
			}
			r.Put(r.Len(), []byte(raw))
		}
		if how == "again" {
			r.Reset()
			if len(got) != 0 || r.Len() != 0 || r.Err() != nil {
				t.Errorf("after a reset: %d objects, %v, %v", r.Len(), r.Err(), got)
			}
			continue
		}
		if !slices.Equal(got, want) || r.Len() != len(want) || !r.Custom || !r.Folds() {
			t.Errorf("%s: %d objects, %+v, want %+v", how, r.Len(), got, want)
		}
		if err := r.Err(); err == nil || !strings.Contains(err.Error(), `1 of 4 objects`) || !strings.Contains(err.Error(), `things "odd"`) {
			t.Errorf("%s: %v", how, err)
		}
	}
}
