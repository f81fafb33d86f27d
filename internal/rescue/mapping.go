package rescue

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v4"

	"hubaudit/internal/text"
)

// Mapping is the operator's decisions on what the evidence leaves open.
type Mapping struct {
	File      string // for messages
	Decisions []Decision
	Rules     []HyphenRule
}

// Decision says whose a claim is, or what a user's row holds.
type Decision struct {
	// Claim is the claim decided on, "" for a decision on a user alone. Namespace
	// need only be set where claims of several namespaces have that name.
	Namespace, Claim string
	// User is whose the claim is, and Server which of their servers', "" for the
	// default one.
	User, Server string
	ID           int64 // users.id, 0 where the evidence decides
	Admin        *bool // nil where the evidence decides
	// LeaveOut is a decision against the claim, or the user.
	LeaveOut bool

	line int
}

// MappingError is everything that is wrong with a mapping file, one error each.
type MappingError struct{ Errs []error }

func (e *MappingError) Error() string   { return errors.Join(e.Errs...).Error() }
func (e *MappingError) Unwrap() []error { return e.Errs }

// maxMapping bounds the file: a hundred thousand decisions take 20 MiB.
const maxMapping = 64 << 20

// ParseMapping reads a mapping file: a YAML list of decisions. It is strict: an
// unknown key, a value of another kind and decisions that contradict each other
// are errors that name file and line. The error is a *MappingError.
func ParseMapping(file string, data []byte) (*Mapping, error) {
	p := mappingParser{Mapping: Mapping{File: file}}
	if len(data) > maxMapping {
		p.wrong(0, "larger than %d bytes: this is not a mapping file", maxMapping)
	} else if root, err := onlyDocument(data); err != nil {
		p.errs = append(p.errs, fmt.Errorf("%s: not valid YAML: %w", file, err))
	} else if root != nil {
		p.list(root)
	}
	if len(p.errs) == 0 {
		p.errs = append(p.errs, p.contradictions()...)
	}
	if len(p.errs) > 0 {
		return nil, &MappingError{p.errs}
	}
	return &p.Mapping, nil
}

// onlyDocument is the content of a YAML stream of one document, nil if it is empty.
func onlyDocument(data []byte) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	var root, second yaml.Node
	switch err := loader.Load(&root); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if err := loader.Load(&second); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one YAML document in it")
	}
	if len(root.Content) == 0 {
		return nil, nil
	}
	return root.Content[0], nil
}

type mappingParser struct {
	Mapping
	errs []error
}

func (p *mappingParser) wrong(line int, format string, args ...any) {
	p.errs = append(p.errs, p.at(line, format, args...))
}

// at is an error about a line of the file.
func (m *Mapping) at(line int, format string, args ...any) error {
	where := m.File
	if line > 0 {
		where += ":" + strconv.Itoa(line)
	}
	return fmt.Errorf("%s: %s", where, fmt.Sprintf(format, args...))
}

func (p *mappingParser) list(root *yaml.Node) {
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return
	}
	if root.Kind != yaml.SequenceNode {
		p.wrong(root.Line, "must be a list of decisions, each such as `- {claim: claim-ann-7, user: ann}`")
		return
	}
	for _, item := range root.Content {
		d := Decision{line: item.Line}
		if item.Kind != yaml.MappingNode {
			p.wrong(item.Line, "a decision must be a mapping such as {claim: claim-ann-7, user: ann}")
			continue
		}
		if isRule(item) {
			p.rule(item)
			continue
		}
		before := len(p.errs)
		p.decision(&d, item)
		if len(p.errs) == before {
			p.errs = append(p.errs, p.faults(&d)...)
		}
		p.Decisions = append(p.Decisions, d)
	}
}

// decisionKeys are the keys of a decision.
var decisionKeys = []string{"claim", "namespace", "user", "server", "id", "admin", "leaveOut"}

func (p *mappingParser) decision(d *Decision, item *yaml.Node) {
	p.fields(item, decisionKeys, func(key, value *yaml.Node) {
		switch key.Value {
		case "claim":
			d.Claim = p.word(key, value)
		case "namespace":
			d.Namespace = p.word(key, value)
		case "user":
			d.User = p.word(key, value)
		case "server":
			d.Server = value.Value
		case "id":
			d.ID = p.id(value)
		case "admin":
			d.Admin = new(p.boolean(key, value))
		case "leaveOut":
			d.LeaveOut = p.boolean(key, value)
		}
	})
}

// fields gives the keys of a decision that may be there, with single values.
func (p *mappingParser) fields(item *yaml.Node, known []string, set func(key, value *yaml.Node)) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(item.Content); i += 2 {
		key, value := item.Content[i], item.Content[i+1]
		switch {
		case !slices.Contains(known, key.Value):
			p.unknownKey(key, known)
		case seen[key.Value]:
			p.wrong(key.Line, "%s is set twice in this decision", key.Value)
		case value.Kind != yaml.ScalarNode || value.Tag == "!!null":
			p.wrong(value.Line, "%s must have a single value", key.Value)
		default:
			seen[key.Value] = true
			set(key, value)
		}
	}
}

func (p *mappingParser) unknownKey(key *yaml.Node, known []string) {
	hint := "known are " + joined(known)
	if near := text.Nearest(key.Value, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	p.wrong(key.Line, "unknown key %q; %s", key.Value, hint)
}

// word is a value that cannot be empty.
func (p *mappingParser) word(key, value *yaml.Node) string {
	if value.Value == "" {
		p.wrong(value.Line, "%s is empty: fill it in, or remove the decision", key.Value)
	}
	return value.Value
}

func (p *mappingParser) id(value *yaml.Node) int64 {
	n, err := strconv.ParseInt(value.Value, 10, 64)
	if err != nil || n < 1 || n > maxID {
		p.wrong(value.Line, "id must be a number from 1 to %d", maxID)
	}
	return n
}

// maxID is the highest that the column users.id holds in every engine.
const maxID = math.MaxInt32

func (p *mappingParser) boolean(key, value *yaml.Node) bool {
	b, err := strconv.ParseBool(value.Value)
	if err != nil || value.Tag != "!!bool" {
		p.wrong(value.Line, "%s must be true or false", key.Value)
	}
	return b
}

// faults are what is wrong with a decision by itself.
func (m *Mapping) faults(d *Decision) (errs []error) {
	fault := func(format string, args ...any) { errs = append(errs, m.at(d.line, format, args...)) }
	if d.Claim == "" && d.User == "" {
		fault("this decision is about nothing: name a claim or a user")
	}
	if d.Claim == "" && d.Server+d.Namespace != "" {
		fault("server and namespace belong to a claim: name it")
	}
	switch named := d.User != "" && d.Claim != ""; {
	case d.LeaveOut && (named || d.Server != "" || d.ID != 0 || d.Admin != nil):
		fault("what is left out has no user, server, id or admin: keep leaveOut and the claim, or leaveOut and the user")
	case !d.LeaveOut && d.User == "" && d.Claim != "":
		fault("claim %q: say whose it is (user), or leaveOut: true", d.Claim)
	}
	if why := refusedName(d.User); d.User != "" && why != "" {
		fault("user %q %s: no JupyterHub accepts that", d.User, why)
	}
	if d.Server != "" && !isText(d.Server) {
		fault("server %q is no name that a hub's database can hold", d.Server)
	}
	return errs
}
