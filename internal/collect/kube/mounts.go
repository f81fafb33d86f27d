package kube

import (
	"cmp"
	"path"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"hubaudit/internal/facts"
)

// readOnly are the kinds of volumes that Kubernetes fills and no pod writes to.
var readOnly = []string{"configMap", "secret", "projected", "downwardAPI", "image"}

// mainContainer is a hub's own container, nil in a pod without any. In z2jh's
// pods it is called hub and comes after any extra ones.
func mainContainer(p *corev1.Pod) *corev1.Container {
	containers := p.Spec.Containers
	if len(containers) == 0 {
		return nil
	}
	return &containers[max(0, slices.IndexFunc(containers, func(c corev1.Container) bool { return c.Name == facts.HubComponent }))]
}

// mounts are the volumes that a hub's own container can write to.
func mounts(p *corev1.Pod) []facts.Mount {
	main := mainContainer(p)
	if main == nil {
		return nil
	}
	volumes := make(map[string]*corev1.Volume, len(p.Spec.Volumes))
	for i := range p.Spec.Volumes {
		volumes[p.Spec.Volumes[i].Name] = &p.Spec.Volumes[i]
	}
	var list []facts.Mount
	for _, m := range main.VolumeMounts {
		v := volumes[m.Name]
		if v == nil || m.ReadOnly {
			continue
		}
		f := facts.Mount{Path: path.Clean(m.MountPath), Kind: volumeKind(&v.VolumeSource)}
		switch {
		case slices.Contains(readOnly, f.Kind):
			continue
		case v.PersistentVolumeClaim != nil:
			f.Claim = v.PersistentVolumeClaim.ClaimName
		case v.Ephemeral != nil:
			f.Claim = ephemeralClaim(p, v)
		}
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b facts.Mount) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Claim, b.Claim))
	})
	return list
}

// volumeKind is the name of the one member of a volume that is set. The API
// server makes a volume without any an emptyDir.
func volumeKind(s *corev1.VolumeSource) string {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			return name
		}
	}
	return facts.MountEmptyDir
}

// ephemeralClaim is the claim that Kubernetes makes for a pod's own volume,
// named after both.
func ephemeralClaim(p *corev1.Pod, v *corev1.Volume) string { return p.Name + "-" + v.Name }
