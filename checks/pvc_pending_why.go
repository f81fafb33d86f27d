package checks

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
)

// noProvisioner is the provisioner of classes whose volumes are made by hand.
const noProvisioner = "kubernetes.io/no-provisioner"

// binding is what decides whether a claim gets a volume.
type binding struct {
	in      *Input
	pods    map[claimKey][]*facts.Pod
	volumes map[string]*facts.Volume
	classes map[string]*facts.StorageClass
	// classesKnown, volumesKnown: the cluster's were read.
	classesKnown, volumesKnown bool
}

func (in *Input) binding() *binding {
	b := &binding{in: in, pods: podsByClaim(in.Kube.Pods), volumes: volumesByName(in.Kube.Volumes), classes: map[string]*facts.StorageClass{},
		classesKnown: in.Source(facts.KubeStorageClasses).Status == facts.OK, volumesKnown: in.Source(facts.KubeVolumes).Status == facts.OK}
	for i := range in.Kube.StorageClasses {
		b.classes[in.Kube.StorageClasses[i].Name] = &in.Kube.StorageClasses[i]
	}
	return b
}

// waitingPods are the pods that need a claim and are not on their way out.
func (b *binding) waitingPods(c *facts.Claim) []*facts.Pod {
	return slices.DeleteFunc(slices.Clone(b.pods[claimKey{c.Namespace, c.Name}]), func(p *facts.Pod) bool {
		return !p.Deleting.IsZero() || p.Phase == "Succeeded" || p.Phase == "Failed"
	})
}

// waitingSince is since when a claim has been waiting for more than its first
// pod; zero if it is not.
func (b *binding) waitingSince(c *facts.Claim, pods []*facts.Pod) (since time.Time, unsure string) {
	class := b.classes[c.StorageClass]
	switch {
	case class != nil && class.BindingMode != "WaitForFirstConsumer", c.StorageClass == "" || c.VolumeName != "":
		return c.Created, ""
	case class == nil && b.classesKnown:
		return c.Created, ""
	case class == nil && len(pods) == 0:
		return time.Time{}, fmt.Sprintf("claim %s is Pending, and whether StorageClass %q makes volumes before a pod asks for them is not known", c.Name, c.StorageClass)
	}
	for _, p := range pods {
		if since.IsZero() || p.Created.Before(since) {
			since = p.Created
		}
	}
	if !since.IsZero() {
		since = later(since, c.Created)
	}
	return since, ""
}

// why says what a claim waits for, as far as facts tell.
func (b *binding) why(c *facts.Claim, pods []*facts.Pod) string {
	if c.VolumeName != "" {
		return b.whyNotBound(c)
	}
	if fault := b.sourceFault(c); fault != "" {
		return fault
	}
	class := b.classes[c.StorageClass]
	switch {
	case c.StorageClass == "" && b.classesKnown && !b.hasDefault():
		return "it names no StorageClass and the cluster has no default one"
	case c.StorageClass == "":
		return "it names no StorageClass, so that only a volume made by hand can be bound to it"
	case class == nil && b.classesKnown:
		return fmt.Sprintf("StorageClass %q does not exist", c.StorageClass)
	case class == nil:
		return fmt.Sprintf("StorageClass %q has given it none", c.StorageClass)
	case class.Provisioner == noProvisioner:
		return fmt.Sprintf("volumes of StorageClass %q are made by hand, and none is free that fits", c.StorageClass)
	}
	if class.BindingMode == "WaitForFirstConsumer" && !slices.ContainsFunc(pods, func(p *facts.Pod) bool { return p.Node != "" }) {
		return fmt.Sprintf("it waits for pod %s, which has no node itself", list(podNames(pods), 3))
	}
	return fmt.Sprintf("provisioner %s of StorageClass %q has not made it", class.Provisioner, c.StorageClass)
}

// whyNotBound says why a claim is not bound to the volume that it names.
func (b *binding) whyNotBound(c *facts.Claim) string {
	v := b.volumes[c.VolumeName]
	switch {
	case v == nil && b.volumesKnown:
		return fmt.Sprintf("it names volume %s, which does not exist", c.VolumeName)
	case v == nil:
		return fmt.Sprintf("it names volume %s, of which nothing is known", c.VolumeName)
	case v.ClaimName != "" && (v.ClaimNamespace != c.Namespace || v.ClaimName != c.Name):
		return fmt.Sprintf("it names volume %s, which is claim %s/%s's", c.VolumeName, v.ClaimNamespace, v.ClaimName)
	case v.ClaimUID != "" && v.ClaimUID != c.UID:
		return fmt.Sprintf("it names volume %s, which is still tied to an earlier claim of this name (claimRef.uid %s)", c.VolumeName, v.ClaimUID)
	case v.StorageClass != c.StorageClass:
		return fmt.Sprintf("it names volume %s, which is of %s, and asks for %s", c.VolumeName, classText(v.StorageClass), classText(c.StorageClass))
	case v.CapacityBytes < c.RequestBytes:
		return fmt.Sprintf("it names volume %s, which has %s, and asks for %s", c.VolumeName, bytesText(v.CapacityBytes), bytesText(c.RequestBytes))
	}
	return fmt.Sprintf("its volume %s is %s", c.VolumeName, v.Phase)
}

// sourceFault says what is wrong with what a claim is to be made a copy of, ""
// if nothing is or that is not known.
func (b *binding) sourceFault(c *facts.Claim) string {
	switch c.SourceKind {
	case "PersistentVolumeClaim":
		if !slices.ContainsFunc(b.in.Kube.Claims, func(s facts.Claim) bool { return s.Namespace == c.Namespace && s.Name == c.SourceName }) {
			return fmt.Sprintf("it is to be a copy of claim %s, which does not exist", c.SourceName)
		}
	case "VolumeSnapshot":
		if b.in.Source(facts.KubeSnapshots).Status != facts.OK {
			return ""
		}
		i := slices.IndexFunc(b.in.Kube.Snapshots, func(s facts.VolumeSnapshot) bool { return s.Namespace == c.Namespace && s.Name == c.SourceName })
		switch {
		case i < 0:
			return fmt.Sprintf("it is to be made from VolumeSnapshot %s, which does not exist", c.SourceName)
		case !b.in.Kube.Snapshots[i].Ready:
			return fmt.Sprintf("it is to be made from VolumeSnapshot %s, which is not ready", c.SourceName)
		}
	}
	return ""
}

func (b *binding) hasDefault() bool {
	for _, class := range b.classes {
		if class.Default {
			return true
		}
	}
	return false
}

// classText names a StorageClass in a sentence; "" is none.
func classText(name string) string {
	if name == "" {
		return "no StorageClass"
	}
	return fmt.Sprintf("StorageClass %q", name)
}

// countsText names things with their numbers, in order.
func countsText(counts map[string]int) string {
	words := make([]string, 0, len(counts))
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, text.Number(counts[what])+" of "+what)
	}
	return list(words, 3)
}
