package kubespawner

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// part is a piece of a template: a text, or a field if that is set.
type part struct {
	text  string
	field string
	// most is how many characters of the field's value are taken, -1 for all.
	most int
}

// cut is as much of a field's value as the template takes.
func (p part) cut(value string) string {
	if p.most < 0 || utf8.RuneCountInString(value) <= p.most {
		return value
	}
	end := 0
	for range p.most {
		_, size := utf8.DecodeRuneInString(value[end:])
		end += size
	}
	return value[:end]
}

// TemplateError says why names cannot be told from a template, and what to do.
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
	return fmt.Sprintf("template %q: field %q %s", e.Template, e.Field, e.Why)
}

// parseTemplate takes a template of Python's str.format apart.
func parseTemplate(template string) ([]part, error) {
	var parts []part
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			parts = append(parts, part{text: text.String()})
			text.Reset()
		}
	}
	for rest := template; rest != ""; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			text.WriteString(rest)
			break
		}
		text.WriteString(rest[:i])
		if strings.HasPrefix(rest[i+1:], rest[i:i+1]) { // {{ and }} stand for braces
			text.WriteByte(rest[i])
			rest = rest[i+2:]
			continue
		}
		if rest[i] == '}' {
			return nil, &TemplateError{Template: template, Why: "there is a } without a {: write }} for the character itself"}
		}
		end := strings.IndexByte(rest[i:], '}')
		if end < 0 {
			return nil, &TemplateError{Template: template, Why: "there is a { without a }: write {{ for the character itself"}
		}
		flush()
		p, why := parseField(rest[i+1 : i+end])
		if why != "" {
			return nil, &TemplateError{Template: template, Field: rest[i : i+end+1], Why: why}
		}
		parts = append(parts, p)
		rest = rest[i+end+1:]
	}
	flush()
	return parts, nil
}

// fieldForm is a field's name and, of all that Python lets follow it, the
// conversion to text and the number of characters to take.
var fieldForm = regexp.MustCompile(`^([A-Za-z_][0-9A-Za-z_]*)(!s)?(?::(?:\.([0-9]{1,4}))?)?$`)

// parseField reads what is between the braces, or says why it is not understood.
func parseField(field string) (p part, why string) {
	m := fieldForm.FindStringSubmatch(field)
	if m == nil {
		return p, "is not understood, so that no names can be told: only a name as in {username}, and a length to cut it to as in {username:.20}, are"
	}
	p = part{field: m[1], most: -1}
	if m[3] != "" {
		p.most, _ = strconv.Atoi(m[3]) // four digits at most
		if p.field == "userid" && m[2] == "" {
			return p, "cannot be rendered by KubeSpawner: a number cannot be cut to a length"
		}
	}
	return p, ""
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

// Renamed is a template with some of its fields replaced by others; a template
// that is not of Python's form stays as it is.
func Renamed(template string, names map[string]string) string {
	parts, err := parseTemplate(template)
	if err != nil {
		return template
	}
	var b strings.Builder
	for _, p := range parts {
		switch {
		case p.field == "":
			b.WriteString(strings.NewReplacer("{", "{{", "}", "}}").Replace(p.text))
		case p.most < 0:
			b.WriteString("{" + cmp.Or(names[p.field], p.field) + "}")
		default:
			fmt.Fprintf(&b, "{%s!s:.%d}", cmp.Or(names[p.field], p.field), p.most)
		}
	}
	return b.String()
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
	"hubnamespace":           {Version{Minor: 16}, Version{}},
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

// Since is the first version that knows every field of a template; the zero
// Version if all do, or the template cannot be told.
func Since(template string) Version {
	var since Version
	names, _ := Fields(template)
	for _, name := range names {
		if f := fields[name]; f.since.Compare(since) > 0 {
			since = f.since
		}
	}
	return since
}

// KnownField tells whether any version of KubeSpawner has a field.
func KnownField(name string) bool {
	_, ok := fields[name]
	return ok
}

func (v Version) has(field string) bool {
	f, ok := fields[field]
	return ok && v.AtLeast(f.since.Major, f.since.Minor, f.since.Patch) &&
		(f.until.IsZero() || !v.AtLeast(f.until.Major, f.until.Minor, f.until.Patch))
}

// unknownField says why a field cannot be rendered in this version.
func (v Version) unknownField(field string) string {
	const check = "check the template, and the version or chart that the audit was told or found"
	switch f, ok := fields[field]; {
	case !ok:
		return "is not one of KubeSpawner's: names that come from the hub's own code cannot be told"
	case v.AtLeast(f.since.Major, f.since.Minor, f.since.Patch):
		return fmt.Sprintf("is gone since KubeSpawner %s, and this is %s: %s", f.until, v, check)
	default:
		return fmt.Sprintf("came with KubeSpawner %s, and this is %s: %s", f.since, v, check)
	}
}
