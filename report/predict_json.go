package report

import (
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"hubaudit/internal/prediction"
)

// PredictionSchema names the form of a prediction in JSON, as Schema does a run's.
const PredictionSchema = "hubaudit/predict/v1"

type jsonUnder struct {
	KubeSpawner     string   `json:"kubespawner"`
	Chart           string   `json:"chart,omitempty"`
	From            string   `json:"from,omitempty"`
	Changes         []string `json:"changes"`
	PVCNameTemplate string   `json:"pvcNameTemplate,omitempty"`
	SlugScheme      string   `json:"slugScheme,omitempty"`
	RememberPVCName bool     `json:"rememberPVCName"`
	LegacyNames     bool     `json:"handleLegacyNames"`
	HomesClaim      string   `json:"homesClaim,omitempty"`
	SubPath         string   `json:"subPath,omitempty"`
}

type jsonStart struct {
	Hub           string             `json:"hub"`
	User          string             `json:"user"`
	Server        string             `json:"server"`
	Claim         string             `json:"claim"`
	Outcome       prediction.Outcome `json:"outcome"`
	Data          string             `json:"data"`
	UserID        int64              `json:"userID,omitzero"`
	SpawnerID     int64              `json:"spawnerID,omitzero"`
	Namespace     string             `json:"namespace"`
	Directory     string             `json:"directory,omitempty"`
	New           bool               `json:"new,omitzero"`
	Cause         prediction.Cause   `json:"cause,omitempty"`
	Because       string             `json:"because"`
	Owner         *jsonOwner         `json:"owner,omitempty"`
	Today         prediction.Outcome `json:"today,omitempty"`
	DataNamespace string             `json:"dataNamespace,omitempty"`
	DataBytes     int64              `json:"dataBytes,omitzero"`
	DataInUse     bool               `json:"dataInUse,omitzero"`
	DataLastUsed  string             `json:"dataLastUsed,omitempty"`
	Claims        []string           `json:"claims,omitempty"`
}

type jsonOwner struct {
	Hub    string `json:"hub"`
	User   string `json:"user"`
	Server string `json:"server"`
}

func writePredictionJSON(w io.Writer, p *Prediction) error {
	j := newJSONWriter(w)
	j.token(jsontext.BeginObject)
	j.field("schema", PredictionSchema)
	j.field("cluster", p.Cluster)
	j.field("at", rfc3339(p.At))
	list(j, "hubs", p.Hubs, j.hubPrediction)
	j.value("starts")
	j.token(jsontext.BeginArray)
	for i := range p.Hubs {
		h := &p.Hubs[i]
		for n := range h.Starts {
			j.value(h.jsonStart(n))
		}
	}
	j.token(jsontext.EndArray)
	j.token(jsontext.EndObject)
	return j.flush()
}

func (j *jsonWriter) hubPrediction(h *HubPrediction) {
	j.token(jsontext.BeginObject)
	j.field("hub", h.Hub.Name)
	if h.Unknown != "" {
		j.field("unknown", h.Unknown)
		j.token(jsontext.EndObject)
		return
	}
	j.field("under", h.jsonUnder())
	for _, o := range []prediction.Outcome{prediction.Same, prediction.Empty, prediction.Other, prediction.Pending} {
		j.field(string(o), h.count(o))
	}
	j.token(jsontext.EndObject)
}

func (h *HubPrediction) jsonUnder() jsonUnder {
	k := &h.Under
	u := jsonUnder{KubeSpawner: prediction.VersionOf(*k).String(), Chart: k.Chart, From: k.VersionFrom, Changes: h.Changes,
		RememberPVCName: k.RememberPVCName, LegacyNames: k.LegacyNames}
	if k.Homes.Claim != "" {
		u.HomesClaim, u.SubPath = k.Homes.Claim, k.Homes.SubPath
	} else {
		u.PVCNameTemplate = k.PVCNameTemplate
	}
	if v := prediction.VersionOf(*k); v.AtLeast(7, 0, 0) {
		u.SlugScheme = k.SlugScheme
	} else {
		u.RememberPVCName, u.LegacyNames = false, false // it knows neither
	}
	return u
}

func (h *HubPrediction) jsonStart(n int) jsonStart {
	s := &h.Starts[n]
	out := jsonStart{Hub: s.Hub, User: s.User, Server: s.Server, Claim: s.Claim, Outcome: s.Outcome, Data: s.Data, UserID: max(s.UserID, 0),
		SpawnerID: max(s.SpawnerID, 0), Namespace: s.Namespace, Directory: s.Directory, New: s.New, Cause: s.Cause, Because: s.Because,
		DataNamespace: s.DataNamespace, DataBytes: max(s.Content.Bytes, 0), DataInUse: s.Content.InUse(), DataLastUsed: optional3339(s.Content.LastUsed)}
	if s.Owner.User != "" {
		out.Owner = &jsonOwner{s.Owner.Hub, s.Owner.User, s.Owner.Server}
	}
	if len(h.Today) == len(h.Starts) {
		out.Today = h.Today[n].Outcome
	}
	if len(s.Claims) > 1 {
		for _, c := range s.Claims {
			out.Claims = append(out.Claims, c.Name)
		}
	}
	return out
}
