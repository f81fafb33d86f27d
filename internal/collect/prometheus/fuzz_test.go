package prometheus

import (
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

// Whatever a server answers, it is samples or an error with words.
func FuzzDecode(f *testing.F) {
	f.Add(vector("hub/db=1", "hub/x=NaN"))
	f.Add(`{"status":"error","errorType":"bad_data","error":"x","data":null}`)
	f.Add(`{"data":{"result":[],"resultType":"vector"},"infos":[1],"warnings":["w"],"status":"success"}`)
	f.Add(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"namespace":"\ud800"},"value":[1,"1e999"]}]}}`)
	f.Add(`[`)
	f.Fuzz(func(t *testing.T, text string) {
		samples := 0
		a, err := decode(strings.NewReader(text), func(s sample) {
			samples++
			if strings.ContainsRune(s.namespace+s.claim, 0) {
				t.Errorf("a label with NUL: %q", s.key)
			}
			if usable(s.value) && (whole(s.value) < 0 || moment(s.value).Year() < 1970) {
				t.Errorf("%v is %d, or %v", s.value, whole(s.value), moment(s.value))
			}
		})
		if err == nil && a.status != "success" && a.status != "error" {
			t.Errorf("accepted %q", a.status)
		}
		if samples > strings.Count(text, "{") {
			t.Errorf("%d samples in %q", samples, text)
		}
		// What ends too early never is an answer.
		if err == nil && len(strings.TrimSpace(text)) > 1 {
			if _, err := decode(strings.NewReader(strings.TrimSpace(text)[:len(strings.TrimSpace(text))-1]), func(sample) {}); err == nil || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("cut short it gives %v", err)
			}
		}
	})
}

func TestNumbersAreBounded(t *testing.T) {
	if whole(math.MaxFloat64) != math.MaxInt64 || usable(math.Inf(1)) || usable(math.NaN()) || usable(-1) || !usable(0) {
		t.Error("a number is not what it should be")
	}
}
