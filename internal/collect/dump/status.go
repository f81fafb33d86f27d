package dump

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"hubaudit/internal/collect/kube"
	"hubaudit/internal/collect/longhorn"
	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// always are the kinds that every cluster has objects of, or that no audit can
// do without.
var always = map[string]bool{facts.KubeClaims: true, facts.KubeVolumes: true, facts.KubeNodes: true, facts.KubePods: true}

// sources are the statuses of all sources; err is a failure of the whole dump.
// What could not be read completely is taken out of the tables.
func (r *reader) sources(path string, err error, took time.Duration) []facts.Source {
	elsewhere := r.elsewhere != "" && r.longhorn.Len() == 0
	sources := make([]facts.Source, len(r.order))
	for i, s := range r.order {
		reason := err
		if reason == nil {
			reason = r.trouble(s, path, elsewhere)
		}
		if reason != nil {
			s.Reset()
		}
		sources[i] = source.Record(s.Source, map[string]int{s.Item: s.Len()}, took, reason)
	}
	return sources
}

// trouble tells why a source cannot be relied on; nil if it can.
func (r *reader) trouble(s *seen, path string, elsewhere bool) error {
	switch {
	case s.incomplete != nil:
		return source.Failed(facts.CauseUnreadable, kube.Brief(s.incomplete), "the dump may not have all %s: make it again", s.Name())
	case s.occurs && s.Err() != nil:
		return source.Failed(facts.CauseUnreadable, kube.Brief(s.Err()), "cannot read the %s of the dump", s.Name())
	case s.ofLonghorn && elsewhere:
		return longhorn.Elsewhere(r.namespace, r.elsewhere)
	case s.occurs && (!s.ofLonghorn || r.firstOfLonghorn() != nil): // not events without a Longhorn
		return nil
	case len(r.broken) > 0:
		return source.Failed(facts.CauseUnreadable, kube.Brief(r.brokenFiles()), "the dump has no %s, and a broken file that may have had them: mend or remove it", s.Name())
	case s.ofLonghorn:
		return r.longhornTrouble(s)
	case always[s.Source]:
		return source.Failed(facts.CauseMissing, nil, "the dump %s has no %s: add %s", path, s.Kind+"s", command(s))
	}
	return source.Absent("the dump has no %s; if the cluster has any, add %s", s.Name(), command(s))
}

// longhornTrouble is about a kind of Longhorn that the dump does not have.
func (r *reader) longhornTrouble(s *seen) error {
	other := r.firstOfLonghorn()
	switch {
	case other == nil:
		return source.Absent("the dump has no Longhorn; if the cluster has, add %s", command(s))
	case longhorn.Optional(s.Source):
		return source.Absent("the dump has no %s; if the cluster has any, add %s", s.Name(), command(s))
	}
	return source.Failed(facts.CauseMissing, nil, "the dump has %s and no %s: add %s", other.Name(), s.Name(), command(s))
}

// firstOfLonghorn is a kind of Longhorn's own that the dump has, nil if there
// is none.
func (r *reader) firstOfLonghorn() *seen {
	i := slices.IndexFunc(r.order, func(s *seen) bool { return s.Group == longhorn.Group && s.occurs })
	if i < 0 {
		return nil
	}
	return r.order[i]
}

// command makes a dump of a kind. `-o yaml` calls every list just "List", so
// that one without objects does not tell of what; a raw list does.
func command(s *seen) string {
	selector, raw := "", s.ListPath()
	if s.FieldSelector != "" {
		selector = " --field-selector " + s.FieldSelector
		raw = "'" + raw + "?fieldSelector=" + url.QueryEscape(s.FieldSelector) + "'"
	}
	return fmt.Sprintf("`kubectl get %s -A%s -o yaml` (or, if there are none, `kubectl get --raw %s`)", s.Name(), selector, raw)
}

// brokenFiles is the first broken file, and how many more there are.
func (r *reader) brokenFiles() error {
	if len(r.broken) == 1 {
		return r.broken[0]
	}
	return fmt.Errorf("%w (and %d more files)", r.broken[0], len(r.broken)-1)
}

var errPage = errors.New("one of its lists is a page of a longer one (it has a continue token)")
