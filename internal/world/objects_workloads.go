package world

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/facts"
)

var noTime time.Time

func nodeObject(n *facts.Node) object {
	m := metadata("", n.Name, n.Created, n.Deleting)
	setText(m, "uid", n.UID)
	labels := object{"kubernetes.io/hostname": n.Name}
	setText(labels, "topology.kubernetes.io/zone", n.Zone)
	m["labels"] = labels
	spec := object{}
	if n.Unschedulable {
		spec["unschedulable"] = true
	}
	if len(n.Taints) > 0 {
		spec["taints"] = anys(slices.Collect(each(n.Taints, func(key *string) object { return object{"effect": "NoSchedule", "key": *key} }))...)
	}
	status := object{}
	if n.Ready != "" {
		reason := map[string]string{"True": "KubeletReady", "False": "KubeletNotReady", "Unknown": "NodeStatusUnknown"}[n.Ready]
		ready := object{"type": "Ready", "status": n.Ready, "reason": reason}
		setTime(ready, "lastTransitionTime", n.ReadySince)
		status["conditions"] = anys(ready)
	}
	return object{"metadata": m, "spec": spec, "status": status}
}

func podObject(p *facts.Pod) object {
	m := metadata(p.Namespace, p.Name, p.Created, p.Deleting)
	labels := object{}
	setText(labels, "component", p.Component)
	setText(labels, "release", p.Release)
	setObject(m, "labels", labels)
	annotations := userAnnotations(p.HasUser, p.User, p.Server)
	setText(annotations, "hub.jupyter.org/kubespawner-version", p.KubeSpawnerVersion)
	setObject(m, "annotations", annotations)
	container := object{"name": "main", "image": cmp.Or(p.Image, "example")}
	spec := object{"containers": anys(container)}
	setText(spec, "nodeName", p.Node)
	volumes, mounts := podVolumes(p)
	if len(volumes) > 0 {
		spec["volumes"] = volumes
	}
	if len(mounts) > 0 {
		container["volumeMounts"] = mounts
	}
	return object{"metadata": m, "spec": spec, "status": object{"phase": p.Phase}}
}

// podVolumes are a pod's volumes and where its container mounts them. A user's
// pod mounts its claims where facts do not say; what a hub's pod mounts is
// known, and its other claims are mounted nowhere.
func podVolumes(p *facts.Pod) (volumes, mounts []any) {
	add := func(kind string, source object, path string) {
		name := fmt.Sprintf("volume-%d", len(volumes))
		volumes = append(volumes, object{"name": name, kind: source})
		if path != "" {
			mounts = append(mounts, object{"name": name, "mountPath": path})
		}
	}
	mounted := map[string]bool{}
	for _, m := range p.Mounts {
		mounted[m.Claim] = true
		add(m.Kind, mountSource(&m), m.Path)
	}
	for i, claim := range p.Claims {
		path := ""
		if p.Component != facts.HubComponent {
			path = fmt.Sprintf("/mnt/%d", i)
		}
		if !mounted[claim] {
			add(facts.MountClaim, object{"claimName": claim}, path)
		}
	}
	return volumes, mounts
}

func mountSource(m *facts.Mount) object {
	switch m.Kind {
	case facts.MountClaim:
		return object{"claimName": m.Claim}
	case facts.MountEmptyDir:
		return object{}
	case facts.MountHostPath:
		return object{"path": m.Path}
	case facts.MountCSI:
		return object{"driver": "csi.example.org"}
	case "nfs":
		return object{"server": "nfs.example.org", "path": m.Path}
	}
	panic("world: a pod's volume is of the unknown kind " + m.Kind)
}

func budgetObject(b *facts.DisruptionBudget) object {
	return object{"metadata": metadata(b.Namespace, b.Name, noTime, noTime), "spec": object{"minAvailable": int64(1),
		"selector": object{"matchLabels": object{"app": b.Name}}}, "status": object{"disruptionsAllowed": int64(b.Allowed),
		"currentHealthy": int64(1), "desiredHealthy": int64(1), "expectedPods": int64(1)}}
}

func cronJobObject(c *facts.CronJob) object {
	m := metadata(c.Namespace, c.Name, noTime, noTime)
	m["uid"] = madeUpUID("cronjob", c.Namespace, c.Name)
	spec := object{"schedule": c.Schedule, "suspend": c.Suspended,
		"jobTemplate": object{"spec": object{"template": podTemplate()}}}
	setText(spec, "timeZone", c.TimeZone)
	status := object{}
	setTime(status, "lastScheduleTime", c.LastSchedule)
	setTime(status, "lastSuccessfulTime", c.LastSuccess)
	return object{"metadata": m, "spec": spec, "status": status}
}

func jobObject(j *facts.Job) object {
	m := metadata(j.Namespace, j.Name, j.Created, noTime)
	if j.Owner != "" {
		m["ownerReferences"] = anys(object{"apiVersion": "batch/v1", "kind": "CronJob", "name": j.Owner,
			"uid": madeUpUID("cronjob", j.Namespace, j.Owner), "controller": true, "blockOwnerDeletion": true})
	}
	status := object{}
	setTime(status, "startTime", j.Created)
	setTime(status, "completionTime", j.Completed)
	if j.Succeeded > 0 {
		status["succeeded"] = int64(j.Succeeded)
	}
	if j.Failed > 0 {
		status["failed"] = int64(j.Failed)
	}
	switch {
	case !j.Completed.IsZero():
		status["conditions"] = jobConditions(j.Completed, "SuccessCriteriaMet", "Complete")
	case !j.FailedAt.IsZero():
		status["conditions"] = jobConditions(j.FailedAt, "FailureTarget", "Failed")
	}
	return object{"metadata": m,
		"spec": object{"template": podTemplate()}, "status": status}
}

// jobConditions are true conditions; a real API server takes the second only
// together with the first.
func jobConditions(since time.Time, types ...string) []any {
	var list []any
	for _, t := range types {
		condition := object{"type": t, "status": "True"}
		setTime(condition, "lastTransitionTime", since)
		list = append(list, condition)
	}
	return list
}

func podTemplate() object {
	return object{"spec": object{"restartPolicy": "Never", "containers": anys(object{"name": "main", "image": "example"})}}
}
