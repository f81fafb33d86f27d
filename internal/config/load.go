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
	c := &Config{file: file, lines: map[string]int{}, empty: map[string]bool{}}
	root, err := document(data)
	if err != nil {
		return nil, fmt.Errorf("%s: not valid YAML: %s", file, anchor.ReplaceAllString(err.Error(), "unknown anchor: put a value that begins with * in quotes"))
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
	if err := c.validate(known); err != nil {
		return nil, err
	}
	return c, nil
}

// anchor is how the library quotes a value that begins with *, such as a password
// that lacks its quotes.
var anchor = regexp.MustCompile(`unknown anchor '.*' referenced`)

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

// isSet tells whether a key has a value in the file.
func (c *Config) isSet(key string) bool { return c.lines[key] > 0 && !c.empty[key] }

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
	// Secrets are looked at here, while the ${NAME} can still be seen.
	missing = append(missing, c.writtenSecrets()...)
	expandStrings(reflect.ValueOf(c).Elem(), "", expand)
	return errors.Join(missing...)
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
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if value := v.MapIndex(key); value.Kind() == reflect.String {
				v.SetMapIndex(key, reflect.ValueOf(expand(path+"."+key.String(), value.String())))
			}
		}
	case reflect.String:
		v.SetString(expand(path, v.String()))
	}
}
