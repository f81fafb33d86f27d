package checks

import (
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
)

// onFile tells whether the hub's database is a file, as far as is known:
// where the database could not be read it may be.
func onFile(d *facts.Database) bool { return (d.Engine == "sqlite" || d.Engine == "") && !d.InMemory }

// hubPod returns the hub's own pod, nil where its namespace has none. unsure
// says why it cannot be told which pod that is.
func (in *Input) hubPod() (pod *facts.Pod, unsure string) {
	found := 0
	for i := range in.Kube.Pods {
		p := &in.Kube.Pods[i]
		ended := p.Phase == "Succeeded" || p.Phase == "Failed" || !p.Deleting.IsZero()
		if p.Component == facts.HubComponent && p.Namespace == in.Hub.Namespace && !ended {
			pod = p
			found++
		}
	}
	if found > 1 {
		return nil, fmt.Sprintf("namespace %s has %s with the label component=hub, and nothing tells which one is this hub's",
			in.Hub.Namespace, text.Count(found, "pod"))
	}
	return pod, ""
}

// databaseMounts are the volumes of the hub's pod that an sqlite database may
// lie on. The configured path is the audit's and may differ from the hub's: a
// mount above it is the one, or else a claim with the name that z2jh gives it,
// or else each volume that outlives the pod. None: it lies on no volume.
func (in *Input) databaseMounts(pod *facts.Pod) []*facts.Mount {
	if above := pod.MountOf(in.Hub.Database.Location); above != nil {
		return []*facts.Mount{above}
	}
	var named *facts.Mount
	var lasting []*facts.Mount
	for i := range pod.Mounts {
		m := &pod.Mounts[i]
		switch m.Kind {
		case facts.MountEmptyDir, facts.MountEphemeral, facts.MountCSI:
			continue
		case facts.MountClaim:
			if facts.IsHubClaim(m.Claim) {
				named = m
			}
		}
		lasting = append(lasting, m)
	}
	if named != nil {
		return []*facts.Mount{named}
	}
	return lasting
}

// claimByName returns a claim of the hub's namespace, nil if there is none.
func (in *Input) claimByName(name string) *facts.Claim {
	return in.hubNamespaceClaim(func(c *facts.Claim) bool { return c.Name == name })
}

// hubNamespaceClaim returns the first claim of the hub's namespace that is.
func (in *Input) hubNamespaceClaim(is func(*facts.Claim) bool) *facts.Claim {
	for i := range in.Kube.Claims {
		if c := &in.Kube.Claims[i]; c.Namespace == in.Hub.Namespace && is(c) {
			return c
		}
	}
	return nil
}

// volumeOfClaim returns a claim's PersistentVolume, nil while it has none.
func (in *Input) volumeOfClaim(c *facts.Claim) *facts.Volume {
	for i := range in.Kube.Volumes {
		if v := &in.Kube.Volumes[i]; v.Name == c.VolumeName {
			return v
		}
	}
	return nil
}
