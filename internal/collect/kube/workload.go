package kube

import (
	"cmp"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"

	"hubaudit/internal/facts"
)

func node(n *corev1.Node) facts.Node {
	f := facts.Node{
		Name: Intern(n.Name), UID: string(n.UID), Created: at(&n.CreationTimestamp), Deleting: at(n.DeletionTimestamp),
		Ready: string(corev1.ConditionUnknown), Unschedulable: n.Spec.Unschedulable,
		Zone: Intern(cmp.Or(n.Labels[corev1.LabelTopologyZone], n.Labels[corev1.LabelFailureDomainBetaZone])),
	}
	for i := range n.Status.Conditions {
		if c := &n.Status.Conditions[i]; c.Type == corev1.NodeReady {
			f.Ready, f.ReadySince = Intern(string(c.Status)), at(&c.LastTransitionTime)
		}
	}
	for i := range n.Spec.Taints {
		f.Taints = append(f.Taints, Intern(n.Spec.Taints[i].Key))
	}
	slices.Sort(f.Taints)
	f.Taints = slices.Compact(f.Taints)
	return f
}

func pod(p *corev1.Pod) facts.Pod {
	user, hasUser := p.Annotations[keyUser]
	f := facts.Pod{
		Namespace: Intern(p.Namespace), Name: p.Name, Created: at(&p.CreationTimestamp), Deleting: at(p.DeletionTimestamp),
		Phase: Intern(string(p.Status.Phase)), Node: Intern(p.Spec.NodeName), Component: component(p.Labels),
		User: user, HasUser: hasUser, Server: Intern(p.Annotations[keyServer]),
		KubeSpawnerVersion: Intern(p.Annotations[keyKubeSpawner]),
	}
	for i := range p.Spec.Volumes {
		switch v := &p.Spec.Volumes[i]; {
		case v.PersistentVolumeClaim != nil:
			f.Claims = append(f.Claims, v.PersistentVolumeClaim.ClaimName)
		case v.Ephemeral != nil:
			f.Claims = append(f.Claims, ephemeralClaim(p, v))
		}
	}
	slices.Sort(f.Claims)
	f.Claims = slices.Compact(f.Claims)
	if f.Component == facts.HubComponent {
		f.Mounts, f.Release = mounts(p), cmp.Or(p.Labels[keyRelease], p.Labels[keyInstance])
		if c := mainContainer(p); c != nil {
			f.Image = c.Image
		}
	}
	return f
}

func disruptionBudget(b *policyv1.PodDisruptionBudget) facts.DisruptionBudget {
	return facts.DisruptionBudget{Namespace: Intern(b.Namespace), Name: b.Name, Allowed: int(b.Status.DisruptionsAllowed)}
}

func cronJob(c *batchv1.CronJob) facts.CronJob {
	return facts.CronJob{
		Namespace: Intern(c.Namespace), Name: c.Name, Schedule: c.Spec.Schedule, TimeZone: deref(c.Spec.TimeZone),
		Suspended:    c.Spec.Suspend != nil && *c.Spec.Suspend,
		LastSchedule: at(c.Status.LastScheduleTime), LastSuccess: at(c.Status.LastSuccessfulTime),
	}
}

func job(j *batchv1.Job) facts.Job {
	f := facts.Job{
		Namespace: Intern(j.Namespace), Name: j.Name, Created: at(&j.CreationTimestamp), Completed: at(j.Status.CompletionTime),
		Succeeded: int(j.Status.Succeeded), Failed: int(j.Status.Failed),
	}
	for _, owner := range j.OwnerReferences {
		if owner.Kind == "CronJob" {
			f.Owner = Intern(owner.Name)
		}
	}
	for i := range j.Status.Conditions {
		if c := &j.Status.Conditions[i]; c.Type == batchv1.JobFailed && c.Status == corev1.ConditionTrue {
			f.FailedAt = at(&c.LastTransitionTime)
		}
	}
	return f
}
