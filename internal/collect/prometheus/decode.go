package prometheus

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"hubaudit/internal/collect/web"
)

// key names what a sample is of; claim is empty for one of a namespace.
type key struct{ namespace, claim string }

// sample is one element of an instant vector.
type sample struct {
	key
	value float64
}

// answer is what stands around the samples.
type answer struct {
	status           string // success or error
	errorType, words string
	// warnings say what may be missing.
	warnings []string
}

// refusal is what a server says that does not answer.
type refusal struct {
	Type  string `json:"errorType"`
	Words string `json:"error"`
}

// formError says that an answer has not the form of Prometheus's HTTP API. A
// connection that broke is none.
type formError struct{ err error }

func (e *formError) Error() string { return e.err.Error() }
func (e *formError) Unwrap() error { return e.err }

func malformed(format string, args ...any) error { return &formError{fmt.Errorf(format, args...)} }

// lenient accepts what label values of other people's making may hold.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// maxSamples bounds what one answer may make the audit remember.
const maxSamples = 1_000_000

func decodeRefusal(r io.Reader) refusal {
	var said refusal
	if json.UnmarshalRead(r, &said, lenient) != nil {
		return refusal{} // the status says enough
	}
	said.Words = web.Brief(said.Words)
	return said
}

// decode reads an answer of the endpoint query as it comes.
func decode(r io.Reader, each func(sample)) (answer, error) {
	d := decoder{Decoder: jsontext.NewDecoder(r, lenient), each: each}
	err := d.object("the answer", d.field)
	if err == nil {
		if _, end := d.ReadToken(); end == nil {
			err = malformed("something follows it")
		} else if end != io.EOF {
			err = end
		}
	}
	switch {
	case err != nil:
		return answer{}, asForm(err)
	case d.status == "success" && !d.vector:
		return answer{}, malformed("it holds no vector")
	case d.status != "success" && d.status != "error":
		return answer{}, malformed("its status is %q", web.Brief(d.status))
	}
	return d.answer, nil
}

// asForm makes a formError of what is wrong with the text, and leaves alone what
// is wrong with the connection.
func asForm(err error) error {
	_, syntax := errors.AsType[*jsontext.SyntacticError](err)
	_, semantic := errors.AsType[*json.SemanticError](err)
	_, form := errors.AsType[*formError](err)
	if !form && (syntax || semantic) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return &formError{err}
	}
	return err
}

type decoder struct {
	*jsontext.Decoder
	answer
	each    func(sample)
	vector  bool
	samples int
}

// object reads an object, whose values field reads or skips.
func (d *decoder) object(what string, field func(name string) error) error {
	if kind := d.PeekKind(); kind != '{' {
		if _, err := d.ReadValue(); err != nil {
			return err
		}
		return malformed("%s is a JSON %s instead of an object", what, kind)
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		if err := field(name.String()); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

func (d *decoder) field(name string) error {
	switch name {
	case "status":
		return json.UnmarshalDecode(d.Decoder, &d.status)
	case "errorType":
		return json.UnmarshalDecode(d.Decoder, &d.errorType)
	case "error":
		err := json.UnmarshalDecode(d.Decoder, &d.words)
		d.words = web.Brief(d.words)
		return err
	case "warnings":
		return json.UnmarshalDecode(d.Decoder, &d.warnings)
	case "data":
		if d.PeekKind() == 'n' {
			return d.SkipValue()
		}
		return d.object("its data", d.data)
	}
	return d.SkipValue()
}

func (d *decoder) data(name string) error {
	switch name {
	case "resultType":
		var kind string
		if err := json.UnmarshalDecode(d.Decoder, &kind); err != nil {
			return err
		}
		if kind != "vector" {
			return malformed("it is a %s instead of a vector", web.Brief(kind))
		}
		d.vector = true
		return nil
	case "result":
		return d.result()
	}
	return d.SkipValue()
}

// element is one of a vector, with the labels that are asked for.
type element struct {
	Metric struct {
		Namespace string `json:"namespace"`
		Claim     string `json:"persistentvolumeclaim"`
	} `json:"metric"`
	Value []jsontext.Value `json:"value"`
}

func (d *decoder) result() error {
	if kind := d.PeekKind(); kind != '[' {
		if _, err := d.ReadValue(); err != nil {
			return err
		}
		return malformed("its result is a JSON %s instead of a list", kind)
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	var e element
	for d.PeekKind() != ']' {
		e.Metric.Namespace, e.Metric.Claim, e.Value = "", "", e.Value[:0]
		if err := json.UnmarshalDecode(d.Decoder, &e); err != nil {
			return err
		}
		if d.samples++; d.samples > maxSamples {
			return malformed("it has more than %d samples", maxSamples)
		}
		value, err := e.number()
		if err != nil {
			return err
		}
		d.each(sample{key{web.Clean(e.Metric.Namespace), web.Clean(e.Metric.Claim)}, value})
	}
	_, err := d.ReadToken()
	return err
}

// number is a sample's value, which stands as text behind its time.
func (e *element) number() (float64, error) {
	if len(e.Value) != 2 || e.Value[1].Kind() != '"' {
		return 0, malformed("a sample has not the form [time, \"value\"]")
	}
	text := e.Value[1][1 : len(e.Value[1])-1]
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, malformed("the value of a sample is no number: %s", web.Brief(string(text)))
	}
	return v, nil
}
