package world

import (
	"reflect"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// MoveTo moves a whole world in time, so that it is at what it was at s.Now.
// Dates in names of backups stay.
func MoveTo(s *facts.Snapshot, at time.Time) {
	by := at.Sub(s.Now)
	rewrite(reflect.ValueOf(s), func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return t.Add(by)
	}, nil)
}

// NameUsers gives the users of a healthy world other names, everywhere: also
// literally in the names of their claims and pods.
func NameUsers(s *facts.Snapshot, hub string, name func(i int) string) {
	var pairs []string
	for i, u := range Hub(s, hub).Users {
		pairs = append(pairs, u.Name, name(i))
	}
	Rename(s, pairs...)
}

// Rename replaces texts in every text of a world: old and new in turns, as
// strings.NewReplacer takes them.
func Rename(s *facts.Snapshot, oldnew ...string) {
	rewrite(reflect.ValueOf(s), nil, strings.NewReplacer(oldnew...).Replace)
	Settle(s)
}

var (
	timeType   = reflect.TypeFor[time.Time]()
	momentType = reflect.TypeFor[facts.Moment]()
)

// rewrite replaces every time and every text below a value in place; nil
// leaves its kind alone. Keys and values of maps stay as they are.
func rewrite(v reflect.Value, times func(time.Time) time.Time, text func(string) string) {
	switch {
	case v.Type() == timeType:
		if times != nil {
			v.Set(reflect.ValueOf(times(v.Interface().(time.Time))))
		}
	case v.Type() == momentType:
		if times != nil {
			v.Set(reflect.ValueOf(facts.At(times(v.Interface().(facts.Moment).Time()))))
		}
	case v.Kind() == reflect.Pointer:
		if !v.IsNil() {
			rewrite(v.Elem(), times, text)
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			rewrite(v.Index(i), times, text)
		}
	case v.Kind() == reflect.Struct:
		for _, field := range v.Fields() {
			rewrite(field, times, text)
		}
	case v.Kind() == reflect.String:
		if text != nil {
			v.SetString(text(v.String()))
		}
	}
}

// givenNames and familyNames make up people.
var (
	givenNames = strings.Fields(`ada alan amara ana anders anya aroha bela bo carla chen chidi clara dana deepa diego
		elena emil esra farid femi grace hana hugo ines ivan jamal jin kai karim lena leo lin lucia malik mara mei
		mira nadia niko noor omar oona paula quinn rania sota tomas vera yusuf`)
	familyNames = strings.Fields(`abara bauer costa dubois eriksen fofana garcia haddad ito jensen kim lopez
		mbeki nakamura okafor patel quiroz rossi silva tanaka`)
)

// person is the i-th made-up person: a given and a family name, both lower
// case; the first 1,000 are all different.
func person(i int) (given, family string) {
	n := len(givenNames)
	return givenNames[i%n], familyNames[i/n%len(familyNames)]
}
