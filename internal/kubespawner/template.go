package kubespawner

import (
	"fmt"
	"slices"
	"strings"
)

// part is a piece of a template: a text, or a field if that is set.
type part struct {
	text  string
	field string
}

// TemplateError says why names cannot be told from a template.
type TemplateError struct {
	Template string
	// Field is the replacement field that is not understood, as it is written;
	// empty if the template is not of Python's form.
	Field string
	Why   string
}

func (e *TemplateError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("template %q: %s", e.Template, e.Why)
	}
	return fmt.Sprintf("template %q: field %s %s", e.Template, e.Field, e.Why)
}

// parseTemplate takes a template of Python's str.format apart.
func parseTemplate(template string) ([]part, error) {
	var parts []part
	var text strings.Builder
	for rest := template; rest != ""; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			text.WriteString(rest)
			break
		}
		text.WriteString(rest[:i])
		switch {
		case strings.HasPrefix(rest[i+1:], rest[i:i+1]): // {{ and }} stand for braces
			text.WriteByte(rest[i])
			rest = rest[i+2:]
			continue
		case rest[i] == '}':
			return nil, &TemplateError{Template: template, Why: "a } without a {"}
		}
		end := strings.IndexByte(rest[i:], '}')
		if end < 0 {
			return nil, &TemplateError{Template: template, Why: "a { without a }"}
		}
		name := rest[i+1 : i+end]
		rest = rest[i+end+1:]
		if name == "" || strings.ContainsAny(name, "{!:.[ ") {
			return nil, &TemplateError{Template: template, Field: "{" + name + "}", Why: "is not a plain field such as {username}"}
		}
		if text.Len() > 0 {
			parts = append(parts, part{text: text.String()})
			text.Reset()
		}
		parts = append(parts, part{field: name})
	}
	if text.Len() > 0 {
		parts = append(parts, part{text: text.String()})
	}
	return parts, nil
}

// Fields are the replacement fields of a template in their order; an error if
// it is not of Python's form.
func Fields(template string) ([]string, error) {
	parts, err := parseTemplate(template)
	var fields []string
	for _, p := range parts {
		if p.field != "" {
			fields = append(fields, p.field)
		}
	}
	return fields, err
}

// fields tell, for each replacement field that some version has, its first
// version and the first one without it.
var fields = map[string]struct{ since, until Version }{
	"userid":                 {},
	"username":               {},
	"legacy_escape_username": {Version{Minor: 6}, Version{Major: 7}},
	"servername":             {Version{Minor: 7}, Version{}},
	"unescaped_username":     {Version{Minor: 9}, Version{}},
	"unescaped_servername":   {Version{Minor: 9}, Version{}},
	"hubnamespace":           {Version{Minor: 15}, Version{}},
	"user_server":            {Version{Major: 7}, Version{}},
	"safe_username":          {Version{Major: 7}, Version{}},
	"safe_servername":        {Version{Major: 7}, Version{}},
	"safe_user_server":       {Version{Major: 7}, Version{}},
	"escaped_username":       {Version{Major: 7}, Version{}},
	"escaped_servername":     {Version{Major: 7}, Version{}},
	"escaped_user_server":    {Version{Major: 7}, Version{}},
	"pod_name":               {Version{Major: 7}, Version{}},
	"pvc_name":               {Version{Major: 7}, Version{}},
	"namespace":              {Version{Major: 7}, Version{}},
}

// userFields are the fields that differ from user to user.
var userFields = []string{"username", "userid", "unescaped_username", "legacy_escape_username", "escaped_username", "safe_username",
	"user_server", "escaped_user_server", "safe_user_server", "pod_name", "pvc_name"}

// HasUser tells whether a template gives each user a name of their own.
func HasUser(template string) bool {
	fields, _ := Fields(template)
	return slices.ContainsFunc(fields, func(f string) bool { return slices.Contains(userFields, f) })
}

// KnownField tells whether any version of KubeSpawner has a field.
func KnownField(name string) bool {
	_, ok := fields[name]
	return ok
}

func (v Version) has(field string) bool {
	f, ok := fields[field]
	return ok && v.Compare(f.since) >= 0 && (f.until.IsZero() || v.Compare(f.until) < 0)
}
