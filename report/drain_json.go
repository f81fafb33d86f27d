package report

import (
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"hubaudit/internal/drain"
)

// DrainSchema names the form of a drain in JSON, as Schema does a run's.
const DrainSchema = "hubaudit/drain/v1"

type jsonDrainItem struct {
	Volume    string     `json:"volume"`
	Namespace string     `json:"namespace"`
	Claim     string     `json:"claim"`
	User      string     `json:"user"`
	Hub       string     `json:"hub,omitempty"`
	Server    string     `json:"server,omitempty"`
	Role      drain.Role `json:"role"`
	Copies    int        `json:"copies"`
	Why       string     `json:"why"`
}

type jsonDrainPod struct {
	Namespace string   `json:"namespace"`
	Pod       string   `json:"pod"`
	Hub       string   `json:"hub,omitempty"`
	User      string   `json:"user,omitempty"`
	Server    string   `json:"server,omitempty"`
	Claims    []string `json:"claims"`
	Moves     bool     `json:"moves"`
}

type jsonDrainHold struct {
	Replica string `json:"replica"`
	Volume  string `json:"volume"`
	Why     string `json:"why"`
}

type jsonDrainLonghorn struct {
	Blocks      bool            `json:"blocks"`
	Holds       []jsonDrainHold `json:"holds"`
	Unprotected []string        `json:"unprotected"`
	Trouble     string          `json:"trouble,omitempty"`
}

type jsonDrainOrder struct {
	Nodes     []string `json:"nodes"`
	SafeSteps int      `json:"safeSteps"`
	GivenSafe int      `json:"givenSafeSteps"`
	Lost      int      `json:"lost"`
	BelowKeep int      `json:"belowKeep"`
	Better    bool     `json:"better"`
	Exact     bool     `json:"exact"`
}

type jsonDrainRemedy struct {
	Do      string   `json:"do"`
	Nodes   []string `json:"nodes"`
	Volumes int      `json:"volumes"`
}

func writeDrainJSON(w io.Writer, d *Drain) error {
	j := newJSONWriter(w)
	j.token(jsontext.BeginObject)
	j.field("schema", DrainSchema)
	j.field("safe", d.Safe)
	j.field("answer", d.answer())
	j.field("cluster", d.Cluster)
	j.field("at", rfc3339(d.At))
	j.field("longhornVersion", d.Longhorn)
	j.field("rolling", d.Rolling)
	j.field("waitRebuild", d.WaitRebuild)
	j.field("keep", d.Keep)
	j.field("volumes", d.Judged)
	j.field("outside", d.Outside)
	j.field("blank", d.Blank)
	j.field("unclearOther", d.Other)
	list(j, "unknown", d.Unknown, func(s *string) { j.value(*s) })
	list(j, "unclear", d.Unclear, j.drainItem)
	list(j, "steps", d.Steps, j.drainStep)
	list(j, "gone", d.Gone, j.drainItem)
	if o := d.Order; o != nil {
		j.field("order", jsonDrainOrder{o.Nodes, o.SafeSteps, o.GivenSafe, o.Lost, o.BelowKeep, o.Better, o.Exact})
	}
	list(j, "remedies", d.Remedies, func(r *drain.Remedy) { j.value(jsonDrainRemedy{r.Do, r.Nodes, r.Volumes}) })
	j.token(jsontext.EndObject)
	return j.flush()
}

func (j *jsonWriter) drainItem(it *drain.Item) {
	j.value(jsonDrainItem{it.Volume, it.Namespace, it.Claim, it.User, it.Hub, it.Server, it.Role, it.Copies, it.Why})
}

func (j *jsonWriter) drainStep(s *drain.Step) {
	j.token(jsontext.BeginObject)
	j.field("node", s.Node)
	if s.Note != "" {
		j.field("note", s.Note)
	}
	list(j, "lost", s.Lost, j.drainItem)
	list(j, "belowKeep", s.BelowKeep, j.drainItem)
	list(j, "apart", s.Apart, j.drainItem)
	list(j, "interrupted", s.Interrupted, func(p *drain.Pod) {
		j.value(jsonDrainPod{p.Namespace, p.Name, p.Hub, p.User, p.Server, p.Claims, p.Moves})
	})
	if l := s.Longhorn; l != nil {
		out := jsonDrainLonghorn{Blocks: l.Blocks(), Unprotected: l.Unprotected, Trouble: l.Trouble}
		for _, h := range l.Holds {
			out.Holds = append(out.Holds, jsonDrainHold{h.Replica, h.Volume, h.Why})
		}
		j.field("longhorn", out)
	}
	list(j, "budgets", s.Budgets, func(b *string) { j.value(*b) })
	j.token(jsontext.EndObject)
}
