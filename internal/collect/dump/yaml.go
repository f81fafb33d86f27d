package dump

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/yaml"

	"hubaudit/internal/collect/kube/object"
)

// yaml reads YAML documents. A parser needs many times the memory of its text,
// and kubectl writes all objects into one document; so the items of a list are
// cut apart by their indentation and parsed one by one. What is not laid out
// as kubectl does it goes to the parser whole.
func (f *reading) yaml(input io.Reader) error {
	lines := bufio.NewScanner(input)
	lines.Buffer(make([]byte, 64<<10), maxObject)
	doc := newDocument(f)
	for number := 1; lines.Scan(); number++ {
		if err := doc.line(lines.Bytes(), number); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("after line %d: %w", doc.number, err)
	}
	return doc.end()
}

// document is one YAML document while its lines are read.
type document struct {
	*reading
	number int // of the line read last
	list   itemReader
	// rest is the document without its items, item the item that is being
	// read; each with the number of its first line.
	rest, item section
	// indent is the column of the items' dashes; noItems outside of items,
	// noDash before the first.
	indent   int
	hasItems bool
}

const (
	noItems = -2
	noDash  = -1
)

type section struct {
	bytes.Buffer
	start int
	json  []byte // what toJSON returned last, to be overwritten by the next
}

func newDocument(f *reading) *document {
	return &document{reading: f, list: itemReader{reading: f}, indent: noItems}
}

func (d *document) line(line []byte, number int) error {
	d.number = number
	line = bytes.TrimSuffix(line, []byte("\r"))
	indent := len(line) - len(bytes.TrimLeft(line, " "))
	text := line[indent:]
	switch {
	case indent == 0 && (separates(line, "---") || separates(line, "...")):
		if err := d.end(); err != nil {
			return err
		}
		return d.add(&d.rest, line[3:])
	case d.indent == noItems && d.rest.Len() == 0 && bytes.HasPrefix(line, []byte("%")):
		return nil // a directive
	case d.indent == noItems:
		return d.outside(line)
	case len(text) == 0 || text[0] == '#' && (d.indent == noDash || indent <= d.indent):
		return d.add(&d.item, line)
	case isDash(text) && (d.indent == noDash || d.indent == indent):
		if err := d.endItem(); err != nil {
			return err
		}
		d.indent = indent
		line[indent] = ' ' // so that the item's first line lies as the others
		return d.add(&d.item, line)
	case d.indent == noDash && indent > 0: // not a block sequence
		d.indent = noItems
		d.hasItems = false
		if err := d.add(&d.rest, []byte("items:")); err != nil {
			return err
		}
		return d.add(&d.rest, line)
	case indent == 0:
		if err := d.endItem(); err != nil {
			return err
		}
		d.indent = noItems
		return d.outside(line)
	}
	return d.add(&d.item, line)
}

// outside reads a line that belongs to no item.
func (d *document) outside(line []byte) error {
	after, isItems := bytes.CutPrefix(line, []byte("items:"))
	after = bytes.TrimLeft(after, " \t")
	if isItems && !d.hasItems && (len(after) == 0 || after[0] == '#') {
		d.hasItems, d.indent = true, noDash
		return nil
	}
	return d.add(&d.rest, line)
}

func separates(line []byte, marker string) bool {
	after, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(after) == 0 || after[0] == ' ' || after[0] == '\t')
}

func isDash(text []byte) bool { return separates(text, "-") }

func (d *document) add(to *section, line []byte) error {
	if to.Len() == 0 {
		if len(bytes.TrimSpace(line)) == 0 {
			return nil
		}
		to.start = d.number
	}
	to.Write(line)
	to.WriteByte('\n')
	if to.Len() > maxObject {
		return fmt.Errorf("line %d: an object is larger than %d MiB, which no Kubernetes object is", to.start, maxObject>>20)
	}
	return nil
}

// endItem reads the item that is complete now.
func (d *document) endItem() error {
	defer d.item.Reset()
	d.input.reset()
	if d.item.Len() == 0 || d.boring(d.item.Bytes()) {
		return nil
	}
	raw, err := toJSON(&d.item)
	if err != nil || string(raw) == "null" { // nothing but a comment
		return err
	}
	return d.list.take(nil, raw)
}

// end reads the rest of the document that is complete now, and begins the next.
func (d *document) end() error {
	if err := d.endItem(); err != nil {
		return err
	}
	raw, err := toJSON(&d.rest)
	if err != nil {
		return err
	}
	if err := d.finish(raw); err != nil {
		return fmt.Errorf("the document at line %d: %w", d.rest.start, err)
	}
	*d = document{reading: d.reading, number: d.number, list: itemReader{reading: d.reading}, indent: noItems, rest: d.rest, item: d.item}
	d.rest.Reset()
	return nil
}

// finish reads a document, raw, whose items were read or are still in it.
func (d *document) finish(raw []byte) error {
	dec := object.NewDecoder(bytes.NewReader(raw))
	if !d.hasItems {
		return d.value(dec, 0)
	}
	if dec.PeekKind() != '{' {
		return d.list.end(nil, true)
	}
	members, _, err := object.Walk(dec, d.list.take)
	if err != nil {
		return err
	}
	return d.list.end(members, true)
}

// boring tells whether an item is certainly of a kind that is of no interest,
// so that it need not be parsed: most of a support bundle is.
func (d *document) boring(item []byte) bool {
	base := -1
	for line := range bytes.Lines(item) {
		text := bytes.TrimLeft(line, " ")
		if base < 0 && len(bytes.TrimSpace(text)) > 0 {
			base = len(line) - len(text)
		}
		value, ok := bytes.CutPrefix(text, []byte("kind:"))
		if ok && len(line)-len(text) == base {
			kind := strings.Trim(string(bytes.TrimSpace(value)), `"'`)
			return !strings.HasSuffix(kind, "List") && !d.knows(kind)
		}
	}
	return false
}

func (r *reader) knows(kind string) bool {
	for _, s := range r.order {
		if s.Kind == kind {
			return true
		}
	}
	return false
}

// toJSON parses a section. What it returns is good until it is called again. Its
// errors name the line in the file.
func toJSON(s *section) ([]byte, error) {
	if raw, ok := plainJSON(s.json[:0], s.Bytes()); ok {
		s.json = raw
		return raw, nil
	}
	raw, err := yaml.YAMLToJSON(s.Bytes())
	if err == nil {
		return raw, nil
	}
	// The parser counts lines from the section's start; parse again from where
	// the file starts to have them right.
	padded := append(bytes.Repeat([]byte("\n"), s.start-1), s.Bytes()...)
	if _, again := yaml.YAMLToJSON(padded); again != nil {
		err = again
	}
	return nil, fmt.Errorf("the object at line %d: %w", s.start, err)
}
