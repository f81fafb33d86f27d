package longhorn

import (
	"cmp"
	"slices"

	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/facts"
)

type instanceManagerObject struct {
	Metadata object.Meta `json:"metadata"`
	Spec     struct {
		NodeID     object.Text `json:"nodeID"`
		Type       object.Text `json:"type"`
		DataEngine object.Text `json:"dataEngine"` // since 1.6
	} `json:"spec"`
	Status struct {
		CurrentState     object.Text         `json:"currentState"`
		InstanceEngines  map[string]struct{} `json:"instanceEngines"`  // since 1.5
		InstanceReplicas map[string]struct{} `json:"instanceReplicas"` // since 1.5
		Instances        map[string]instance `json:"instances"`        // both kinds, before
	} `json:"status"`
}

type instance struct {
	Status struct {
		Type object.Text `json:"type"`
	} `json:"status"`
}

func instanceManager(o *instanceManagerObject) facts.LHInstanceManager {
	m := facts.LHInstanceManager{
		Name: o.Metadata.Name, NodeID: intern(o.Spec.NodeID), Type: intern(o.Spec.Type),
		DataEngine: intern(cmp.Or(o.Spec.DataEngine, "v1")), State: intern(o.Status.CurrentState),
		Engines: len(o.Status.InstanceEngines), Instances: len(o.Status.InstanceEngines) + len(o.Status.InstanceReplicas),
	}
	for name, i := range o.Status.Instances {
		_, isEngine := o.Status.InstanceEngines[name]
		_, isReplica := o.Status.InstanceReplicas[name]
		if isEngine || isReplica {
			continue
		}
		m.Instances++
		if cmp.Or(i.Status.Type, o.Spec.Type) == "engine" {
			m.Engines++
		}
	}
	return m
}

type engineImageObject struct {
	Metadata object.Meta `json:"metadata"`
	Spec     struct {
		Image object.Text `json:"image"`
	} `json:"spec"`
	Status struct {
		State        object.Text            `json:"state"`
		RefCount     object.Number          `json:"refCount"`
		Incompatible object.Flag            `json:"incompatible"` // since 1.6; before, a state
		Conditions   conditions             `json:"conditions"`
		Deployed     map[string]object.Flag `json:"nodeDeploymentMap"`
	} `json:"status"`
}

func engineImage(o *engineImageObject) facts.LHEngineImage {
	e := facts.LHEngineImage{
		Name: o.Metadata.Name, Image: intern(o.Spec.Image), State: intern(o.Status.State),
		Incompatible: bool(o.Status.Incompatible) || o.Status.State == "incompatible",
		Refs:         int(o.Status.RefCount), Since: o.Status.Conditions.of("ready").Since.Time,
	}
	for node, deployed := range o.Status.Deployed {
		if !deployed {
			e.Missing = append(e.Missing, intern(object.Text(node)))
		}
	}
	slices.Sort(e.Missing)
	return e
}
