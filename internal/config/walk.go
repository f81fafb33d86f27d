package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"hubaudit/internal/text"
)

// walker goes through the YAML beside the Go type that it will fill, records
// where each key stands, and reports unknown keys with the nearest known one.
type walker struct {
	config *Config
	known  map[string][]string
	errs   []error
}

// maxDepth is deeper than any configuration; it bounds aliases that contain
// themselves.
const maxDepth = 20

func (w *walker) walk(n *yaml.Node, t reflect.Type, path string, depth int) {
	n = target(n)
	if depth > maxDepth || n == nil {
		w.errorf(path, "nested too deeply")
		return
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		w.walkStruct(n, t, path, depth)
	case n.Kind == yaml.MappingNode && t == reflect.TypeFor[Checks]():
		w.walkChecks(n, path)
	case n.Kind == yaml.MappingNode && t == reflect.TypeFor[Windows]():
		w.walkStruct(n, t.Elem(), path, depth)
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Map:
		w.eachKey(n, path, func(_ string, value *yaml.Node, full string) { w.walk(value, t.Elem(), full, depth+1) })
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for i, item := range n.Content {
			key := fmt.Sprintf("%s[%d]", path, i)
			w.config.lines[key] = item.Line
			w.walk(item, t.Elem(), key, depth+1)
		}
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null": // a key without a value means its default
		w.config.empty[path] = true
	case n.Kind == yaml.ScalarNode && t.Kind() != reflect.Struct && t.Kind() != reflect.Slice && t.Kind() != reflect.Map:
	default:
		w.errorf(path, "must be %s", shape(t))
	}
}

// target follows an alias.
func target(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func shape(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "a mapping (key: value)"
	case reflect.Slice:
		return "a list (- item)"
	default:
		return "a single value"
	}
}

func (w *walker) walkStruct(n *yaml.Node, t reflect.Type, path string, depth int) {
	fields := map[string]reflect.Type{}
	for f := range t.Fields() {
		if name := f.Tag.Get("yaml"); name != "" {
			fields[name] = f.Type
		}
	}
	w.eachKey(n, path, func(key string, value *yaml.Node, full string) {
		field, ok := fields[key]
		if !ok {
			w.unknown(full, key, "key", keys(fields))
			return
		}
		w.walk(value, field, full, depth+1)
	})
}

// walkChecks holds ids and parameters against the registry's.
func (w *walker) walkChecks(n *yaml.Node, path string) {
	w.eachKey(n, path, func(id string, value *yaml.Node, full string) {
		allowed, ok := w.known[id]
		switch value = target(value); {
		case !ok:
			w.unknown(full, id, "check", keys(w.known))
		case value == nil || value.Kind != yaml.MappingNode:
			w.errorf(full, "must be a mapping such as {severity: info}")
		default:
			w.eachKey(value, full, func(key string, value *yaml.Node, full string) {
				w.setting(allowed, key, target(value), full)
			})
		}
	})
}

// keyExpect is the key of a check's windows. Only some checks have it.
const keyExpect = "expect"

// setting looks at one key of a check.
func (w *walker) setting(allowed []string, key string, value *yaml.Node, full string) {
	switch {
	case !contains(allowed, key) && key == keyExpect:
		w.errorf(full, "this check knows no expected change; these do: %s", strings.Join(w.expecting(), ", "))
	case !contains(allowed, key):
		w.unknown(full, key, "key", allowed)
	case key == keyExpect:
		w.walk(value, reflect.TypeFor[Windows](), full, 0)
	case value == nil || value.Kind != yaml.ScalarNode:
		w.errorf(full, "must be a single value")
	case key == "enabled" && value.Tag != "!!bool" && value.Tag != "!!null":
		w.errorf(full, "must be true or false")
	}
}

// expecting are the ids of the checks that take windows.
func (w *walker) expecting() []string {
	var ids []string
	for _, id := range keys(w.known) {
		if contains(w.known[id], keyExpect) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (w *walker) eachKey(n *yaml.Node, path string, do func(key string, value *yaml.Node, full string)) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		full := strings.TrimPrefix(path+"."+key.Value, ".")
		if w.config.lines[full] > 0 {
			w.errs = append(w.errs, fmt.Errorf("%s:%d: %s is set twice, first in line %d", w.config.file, key.Line, shown(full, key.Value), w.config.lines[full]))
			continue
		}
		w.config.lines[full] = key.Line
		do(key.Value, n.Content[i+1], full)
	}
}

func (w *walker) unknown(full, key, what string, known []string) {
	hint := "known are " + strings.Join(known, ", ")
	if near := text.Nearest(key, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	path := shown(full, key)
	if path != full {
		hint = "write a blank after the colon of a key; " + hint
	}
	w.errs = append(w.errs, fmt.Errorf("%s: %s: unknown %s; %s", w.config.Where(full), path, what, hint))
}

// keyName is what keys look like, in which no secret hides.
var keyName = regexp.MustCompile(`^([A-Za-z_-]{1,40}|[A-Za-z0-9_-]{1,11})$`)

// shown is the path to a key for an error. Where a colon is mistyped the key has
// the value in it, which may be a secret.
func shown(full, key string) string {
	if keyName.MatchString(key) {
		return full
	}
	return fmt.Sprintf("%s(%s of text)", strings.TrimSuffix(full, key), text.Count(utf8.RuneCountInString(key), "character"))
}

func (w *walker) errorf(path, format string, args ...any) {
	if path == "" {
		path = "the file"
	}
	w.errs = append(w.errs, fmt.Errorf("%s: %s: %s", w.config.Where(path), path, fmt.Sprintf(format, args...)))
}
