package report

import (
	"io"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// DiffSchema names the form of a comparison in JSON, as Schema does a run's.
const DiffSchema = "hubaudit/diff/v1"

type jsonRunRef struct {
	ID        string `json:"id"`
	StartedAt string `json:"startedAt"`
}

type jsonMember struct {
	Name    string `json:"name"`
	ID      int64  `json:"id,omitzero"`
	Created string `json:"created,omitempty"`
}

type jsonRenamed struct {
	Was jsonMember `json:"was"`
	Now jsonMember `json:"now"`
}

type jsonRenumbered struct {
	Name       string `json:"name"`
	Was        int64  `json:"was"`
	Now        int64  `json:"now"`
	Created    string `json:"created,omitempty"`
	CreatedNow string `json:"createdNow,omitempty"`
}

func writeDiffJSON(w io.Writer, d *verdict.Diff) error {
	j := newJSONWriter(w)
	j.token(jsontext.BeginObject)
	j.field("schema", DiffSchema)
	j.field("cluster", d.Cluster)
	j.field("from", jsonRunRef{d.From.ID, rfc3339(d.From.StartedAt)})
	j.field("to", jsonRunRef{d.To.ID, rfc3339(d.To.StartedAt)})
	list(j, "hubs", d.Hubs, j.hubDiff)
	j.token(jsontext.EndObject)
	return j.flush()
}

func (j *jsonWriter) hubDiff(h *verdict.HubDiff) {
	j.token(jsontext.BeginObject)
	j.field("hub", h.Hub)
	if h.Unknown != "" {
		j.field("unknown", h.Unknown)
		j.token(jsontext.EndObject)
		return
	}
	j.field("hashed", h.Hashed)
	j.field("before", h.Before)
	j.field("after", h.After)
	list(j, "vanished", h.Vanished, func(m *facts.Member) { j.value(member(*m)) })
	list(j, "appeared", h.Appeared, func(m *facts.Member) { j.value(member(*m)) })
	list(j, "renamed", h.Renamed, func(r *facts.Renamed) { j.value(jsonRenamed{member(r.Was), member(r.Now)}) })
	list(j, "renumbered", h.Renumbered, func(r *facts.Renumbered) {
		j.value(jsonRenumbered{r.Name, r.Was, r.Now, optional3339(r.Created), optional3339(r.CreatedNow)})
	})
	j.token(jsontext.EndObject)
}

func member(m facts.Member) jsonMember { return jsonMember{m.Name, m.ID, optional3339(m.Created)} }

func optional3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return rfc3339(t)
}
