package rescue

import (
	"strconv"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// templateID reads users.id out of claim names whose template has it.
type templateID struct{ before, whole *kubespawner.Namer }

const fieldID = "{userid}"

// newTemplateID is nil where the hub's template has no id.
func newTemplateID(k facts.KubeSpawner) *templateID {
	before, _, found := strings.Cut(k.PVCNameTemplate, fieldID)
	if !found {
		return nil
	}
	t := &templateID{before: compiled(k, before), whole: compiled(k, k.PVCNameTemplate)}
	if t.before == nil || t.whole == nil {
		return nil
	}
	return t
}

// compiled is a template of the hub, nil where the hub has none or it cannot be
// understood: then nothing can be told from it.
func compiled(k facts.KubeSpawner, template string) *kubespawner.Namer {
	version, err := kubespawner.ParseVersion(k.Version)
	if err != nil {
		version = kubespawner.Version{Major: 7}
	}
	namer, err := kubespawner.Scheme{Version: version, Template: template, Slugs: k.SlugScheme}.Compile()
	if template == "" || err != nil {
		return nil
	}
	return namer
}

// id is the one with which a server has a claim's name, 0 if there is none.
func (t *templateID) id(claim string, s *kubespawner.Server) int64 {
	if t == nil {
		return 0
	}
	rest, begins := strings.CutPrefix(claim, strings.TrimRight(t.before.Name(s), "-"))
	if !begins {
		return 0
	}
	digits := strings.TrimLeft(rest, "-")
	end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(digits)
	}
	id, err := strconv.ParseInt(digits[:end], 10, 32)
	if err != nil || id < 1 {
		return 0
	}
	if s.ID = id; t.whole.Name(s) != claim {
		return 0
	}
	return id
}
