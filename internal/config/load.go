package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxBytes bounds the file: a configuration is kilobytes, anything larger is
// some other file.
const maxBytes = 1 << 20

// Load reads and validates a configuration. known has the keys that each check
// understands, by check id.
func Load(file string, known map[string][]string) (*Config, error) {
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read configuration %s: there is no such file: write one (README, Configure) or name it with --config", file)
	case err != nil:
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(file, data, known, os.LookupEnv)
}

// Parse is Load for bytes already read; lookup finds environment variables.
func Parse(file string, data []byte, known map[string][]string, lookup func(string) (string, bool)) (*Config, error) {
	if len(data) > maxBytes {
		return nil, fmt.Errorf("%s: larger than %d bytes: this is not a configuration", file, maxBytes)
	}
	c := &Config{file: file, lines: map[string]int{}}
	root, err := document(data)
	if err != nil {
		return nil, fmt.Errorf("%s: not valid YAML: %w", file, err)
	}
	if len(root.Content) > 0 {
		w := walker{config: c, known: known}
		w.walk(root.Content[0], reflect.TypeFor[Config](), "", 0)
		if len(w.errs) > 0 {
			return nil, errors.Join(w.errs...)
		}
		if err := root.Load(c); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if err := c.expandVariables(lookup); err != nil {
		return nil, err
	}
	c.setDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// document returns the only document of a YAML stream, an empty node if there
// is none.
func document(data []byte) (yaml.Node, error) {
	var root, second yaml.Node
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return root, err
	}
	if err := loader.Load(&root); err != nil && !errors.Is(err, io.EOF) {
		return root, err
	}
	if err := loader.Load(&second); !errors.Is(err, io.EOF) {
		return root, errors.New("there is more than one YAML document in it")
	}
	return root, nil
}

// Where names the place of a key, such as "checks.pvc-lost.enabled", for an
// error message: hubaudit.yaml:12.
func (c *Config) Where(key string) string {
	if line := c.lines[key]; line > 0 {
		return fmt.Sprintf("%s:%d", c.file, line)
	}
	return c.file
}

func (c *Config) isSet(key string) bool { return c.lines[key] > 0 }

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
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
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
	case n.Kind == yaml.MappingNode && path == "checks":
		w.walkChecks(n, path)
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for i, item := range n.Content {
			key := fmt.Sprintf("%s[%d]", path, i)
			w.config.lines[key] = item.Line
			w.walk(item, t.Elem(), key, depth+1)
		}
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null": // a key without a value means its default
	case n.Kind == yaml.ScalarNode && t.Kind() != reflect.Struct && t.Kind() != reflect.Slice && t.Kind() != reflect.Map:
	default:
		w.errorf(path, "must be %s", shape(t))
	}
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
		params, ok := w.known[id]
		if !ok {
			w.unknown(full, id, "check", keys(w.known))
			return
		}
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		if value.Kind != yaml.MappingNode {
			w.errorf(full, "must be a mapping such as {severity: info}")
			return
		}
		w.eachKey(value, full, func(param string, v *yaml.Node, full string) {
			if !contains(params, param) {
				w.unknown(full, param, "key", params)
			} else if v.Kind != yaml.ScalarNode {
				w.errorf(full, "must be a single value")
			}
		})
	})
}

func (w *walker) eachKey(n *yaml.Node, path string, do func(key string, value *yaml.Node, full string)) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		full := strings.TrimPrefix(path+"."+key.Value, ".")
		if w.config.isSet(full) {
			w.errs = append(w.errs, fmt.Errorf("%s:%d: %s is set twice, first in line %d", w.config.file, key.Line, full, w.config.lines[full]))
			continue
		}
		w.config.lines[full] = key.Line
		do(key.Value, n.Content[i+1], full)
	}
}

func (w *walker) unknown(full, key, what string, known []string) {
	hint := "known are " + strings.Join(known, ", ")
	if near := nearest(key, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	w.errorf(full, "unknown %s; %s", what, hint)
}

func (w *walker) errorf(path, format string, args ...any) {
	if path == "" {
		path = "the file"
	}
	w.errs = append(w.errs, fmt.Errorf("%s: %s: %s", w.config.Where(path), path, fmt.Sprintf(format, args...)))
}

// variable is ${NAME}; $${ stands for a literal ${.
var variable = regexp.MustCompile(`\$?\$\{[^}]*\}`)

// expandVariables replaces ${NAME} in every text value. It runs after
// decoding, so that no error of the YAML library can show a secret.
func (c *Config) expandVariables(lookup func(string) (string, bool)) error {
	var missing []error
	expand := func(path, s string) string {
		return variable.ReplaceAllStringFunc(s, func(match string) string {
			if strings.HasPrefix(match, "$$") {
				return match[1:]
			}
			name := match[2 : len(match)-1]
			value, ok := lookup(name)
			if !ok {
				missing = append(missing, fmt.Errorf("%s: %s: the environment variable %s is not set", c.Where(path), path, name))
			}
			return value
		})
	}
	// Inline secrets are refused here, while the ${NAME} can still be seen.
	for path, value := range c.secrets() {
		if value != "" && variable.FindString(value) != value {
			missing = append(missing, fmt.Errorf("%s: %s: a secret does not belong into the configuration: write ${NAME} and set that environment variable, or use %sFile", c.Where(path), path, path))
		}
	}
	expandStrings(reflect.ValueOf(c).Elem(), "", expand)
	return errors.Join(missing...)
}

func (c *Config) secrets() map[string]string {
	secrets := map[string]string{}
	if s := c.Notify.Slack; s != nil {
		secrets["notify.slack.token"], secrets["notify.slack.webhookURL"] = s.Token, s.WebhookURL
	}
	if p := c.Notify.PagerDuty; p != nil {
		secrets["notify.pagerduty.routingKey"] = p.RoutingKey
	}
	if c.Members.Key != "" {
		secrets["members.key"] = c.Members.Key
	}
	for i, h := range c.Hubs {
		secrets[fmt.Sprintf("hubs[%d].databasePassword", i)] = h.DatabasePassword
		if h.API != nil {
			secrets[fmt.Sprintf("hubs[%d].api.token", i)] = h.API.Token
		}
	}
	return secrets
}

func expandStrings(v reflect.Value, path string, expand func(path, s string) string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			expandStrings(v.Elem(), path, expand)
		}
	case reflect.Struct:
		for f, field := range v.Fields() {
			if name := f.Tag.Get("yaml"); name != "" {
				expandStrings(field, strings.TrimPrefix(path+"."+name, "."), expand)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			expandStrings(v.Index(i), fmt.Sprintf("%s[%d]", path, i), expand)
		}
	case reflect.String:
		v.SetString(expand(path, v.String()))
	}
}
