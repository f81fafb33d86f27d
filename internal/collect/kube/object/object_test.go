package object

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

type fields struct {
	Text   Text   `json:"text"`
	Number Number `json:"number"`
	Flag   Flag   `json:"flag"`
	Time   Time   `json:"time"`
}

func TestLenientFields(t *testing.T) {
	at := Time{time.Date(2026, 11, 20, 3, 0, 12, 0, time.UTC)}
	for raw, want := range map[string]fields{
		`{}`: {},
		`{"text":null,"number":null,"flag":null,"time":null}`:                                {},
		`{"text":"","number":"","flag":"","time":""}`:                                        {},
		`{"text":"a\"b","number":"10737418240","flag":"true","time":"2026-11-20T03:00:12Z"}`: {"a\"b", 10737418240, true, at},
		`{"text":3,"number":3e2,"flag":true,"time":"2026-11-20T04:00:12.999+01:00"}`:         {"3", 300, true, at},
		`{"text":true,"number":-1,"flag":false,"time":"yesterday"}`:                          {"true", -1, false, Time{}},
		`{"text":"x","text":"y","unknown":{"deep":[1,{"a":null}]},"TEXT":"z","time":17}`:     {Text: "y"},
		"{\"text\":\"\xff\"}": {Text: "\uFFFD"},
	} {
		var got fields
		if err := Decode([]byte(raw), &got); err != nil || got != want {
			t.Errorf("%s gives %+v and %v, want %+v", raw, got, err, want)
		}
	}
}

func TestFieldsOfAnotherShape(t *testing.T) {
	for _, raw := range []string{
		`{"text":{}}`, `{"text":[]}`, `{"number":{}}`, `{"number":"many"}`, `{"number":1.5}`, `{"number":1e30}`, `{"number":true}`,
		`{"flag":"maybe"}`, `{"flag":[]}`, `{"flag":2}`, `{"time":{}}`, `{"text":"a"`, `{"text"}`, ``,
	} {
		var got fields
		if err := Decode([]byte(raw), &got); err == nil {
			t.Errorf("%s was taken as %+v", raw, got)
		}
	}
}

func TestWalk(t *testing.T) {
	for _, tt := range []struct {
		input    string
		items    []string
		kind     string
		hasItems bool
	}{
		{`{"kind":"List","items":[{"a":1}, 2 ,"x"],"metadata":{"continue":"c"}}`, []string{`{"a":1}`, `2`, `"x"`}, "List", true},
		{`{"items":[],"kind":"List"}`, nil, "List", true},
		{`{"items":null,"kind":"List"}`, nil, "List", true},
		{`{"items":{},"kind":"Odd"}`, nil, "Odd", true},
		{`{"kind":7}`, nil, "", false},
		{`{}`, nil, "", false},
	} {
		var items []string
		members, hasItems, err := Walk(NewDecoder(strings.NewReader(tt.input)), func(_ Members, e []byte) error {
			items = append(items, string(e))
			return nil
		})
		if err != nil || !slices.Equal(items, tt.items) || members.Text("kind") != tt.kind || hasItems != tt.hasItems {
			t.Errorf("%s gives %q, %v, %v, %v", tt.input, items, members, hasItems, err)
		}
	}
}

func TestWalkErrors(t *testing.T) {
	stop := errors.New("stop")
	for input, want := range map[string]error{
		``:                        io.EOF,
		`{`:                       io.ErrUnexpectedEOF,
		`{"a"`:                    io.ErrUnexpectedEOF,
		`{"a":`:                   io.ErrUnexpectedEOF,
		`{"items":[`:              io.ErrUnexpectedEOF,
		`{"items":[{"a":1},`:      io.ErrUnexpectedEOF,
		`{"items":[]`:             io.ErrUnexpectedEOF,
		`{"items":["stop"],"a":1`: stop,
	} {
		_, _, err := Walk(NewDecoder(strings.NewReader(input)), func(_ Members, e []byte) error {
			if string(e) == `"stop"` {
				return stop
			}
			return nil
		})
		if !errors.Is(err, want) {
			t.Errorf("%q gives %v, want %v", input, err, want)
		}
	}
	for _, input := range []string{`[]`, `7`, `{"a" 1}`, `{"items":[}`, `nonsense`} {
		if _, _, err := Walk(NewDecoder(strings.NewReader(input)), func(Members, []byte) error { return nil }); err == nil {
			t.Errorf("%q was read", input)
		}
	}
}

func FuzzWalk(f *testing.F) {
	f.Add([]byte(`{"kind":"List","items":[{"text":"a","number":"3","flag":true,"time":"2026-11-20T03:00:12Z"}],"metadata":{"continue":""}}`))
	f.Add([]byte(`{"items":[{"text":{}}]}`))
	f.Fuzz(func(t *testing.T, input []byte) {
		members, _, err := Walk(NewDecoder(strings.NewReader(string(input))), func(_ Members, e []byte) error {
			var got fields
			if Decode(e, &got) == nil && !got.Time.IsZero() && got.Time.Location() != time.UTC {
				t.Errorf("a time is not UTC: %v", got.Time)
			}
			return nil
		})
		if err != nil {
			return
		}
		if _, err := members.Object(); err != nil {
			t.Errorf("the members of %q cannot be written back: %v", input, err)
		}
	})
}
