package e2e

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
	"hubaudit/test/harness"
)

type object = map[string]any

// healthyWorld is a healthy world whose backup target is looked into once a day:
// here nobody does so between two runs.
func healthyWorld(size world.Size) *facts.Snapshot {
	s := world.Healthy(size)
	for i := range s.Longhorn.BackupTargets {
		s.Longhorn.BackupTargets[i].PollInterval = 24 * time.Hour
	}
	return s
}

// stage is a cluster on which one world after another is put. An audit sees a
// cluster as a whole, so worlds cannot stand beside each other.
type stage struct {
	*harness.Cluster
	admin   string // the administrator's kubeconfig
	objects map[string]object
}

// mainStage is the stage of most tests: Longhorn, VolumeSnapshots, Velero, K8up, Rook and the Prometheus operator,
// and no controllers, so that everything stays as the world has it.
func mainStage(t *testing.T) *stage {
	t.Helper()
	return sharedStage(t, "longhorn", "snapshot", "velero", "k8up", "ceph", "monitoring")
}

// oldStage has Longhorn 1.2's v1beta1 instead, whose conditions are a map.
func oldStage(t *testing.T) *stage {
	t.Helper()
	return sharedStage(t, "longhorn-1.2", "snapshot", "velero", "k8up", "ceph")
}

// sharedStage is the stage of all tests that ask for the same CRDs.
func sharedStage(t *testing.T, crds ...string) *stage {
	t.Helper()
	c := harness.Shared(t, harness.Options{CRDs: crds})
	if stages[c] == nil {
		stages[c] = &stage{Cluster: c}
	}
	stages[c].admin = c.Kubeconfig(t, "root", "system:masters")
	return stages[c]
}

var stages = map[*harness.Cluster]*stage{} // no test runs beside another

// ownStage is a stage on a cluster that ends with the test.
func ownStage(t *testing.T, options harness.Options) *stage {
	t.Helper()
	c := harness.Start(t, options)
	return &stage{Cluster: c, admin: c.Kubeconfig(t, "root", "system:masters")}
}

// become makes the cluster that of a world: what is missing is created, what
// differs is changed, what the world does not have is removed.
func (st *stage) become(t *testing.T, s *facts.Snapshot) {
	t.Helper()
	target := map[string]object{}
	for _, name := range []string{world.Namespace, s.Longhorn.Namespace} {
		if name != "" {
			o := object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": name}}
			target[key(o)] = o
		}
	}
	for _, o := range world.Objects(s) {
		target[key(o)] = asSent(o)
	}
	var gone, changed []object
	for k, have := range st.objects {
		want, stays := target[k]
		if !stays || !sameForGood(have, want) {
			gone = append(gone, have)
		}
	}
	st.remove(t, gone...)
	for k, want := range target {
		have, exists := st.objects[k]
		switch {
		case !exists || slices.ContainsFunc(gone, func(o object) bool { return key(o) == k }):
			changed = append(changed, want)
		case !reflect.DeepEqual(have, want):
			changed = append(changed, patchFor(have, want))
		}
	}
	st.Apply(t, changed...)
	st.objects = target
}

// deleteByHand asks for an object of the world to go, as kubectl does, and
// leaves to the cluster what comes of it. It does not come back by itself: the
// next world makes it anew.
func (st *stage) deleteByHand(t *testing.T, apiVersion, kind, name string) {
	t.Helper()
	o := object{"apiVersion": apiVersion, "kind": kind, "metadata": object{"namespace": world.Namespace, "name": name}}
	st.Delete(t, o)
	st.objects[key(o)] = o // without its spec, which is sure to differ
}

// sameForGood tells whether what an API server lets nobody change is the same.
func sameForGood(have, want object) bool {
	switch have["kind"] {
	case "Pod", "PersistentVolume", "PersistentVolumeClaim":
		return reflect.DeepEqual(have["spec"], want["spec"])
	case "StorageClass":
		return reflect.DeepEqual(have["parameters"], want["parameters"]) && have["provisioner"] == want["provisioner"] &&
			have["reclaimPolicy"] == want["reclaimPolicy"] && have["volumeBindingMode"] == want["volumeBindingMode"]
	}
	return true
}

func key(o object) string {
	m := o["metadata"].(object)
	return fmt.Sprintf("%s %s %v/%s", o["apiVersion"], o["kind"], m["namespace"], m["name"])
}

// asSent is an object without what an API server sets itself, and without
// Longhorn's finalizers: nobody here would take them off again.
func asSent(o object) object {
	m := o["metadata"].(object)
	for _, name := range []string{"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "finalizers"} {
		delete(m, name)
	}
	return o
}

// patchFor is what makes one object the other when it is merged: the other one,
// with null for each field that it does not have.
func patchFor(have, want object) object {
	patch := object{}
	for name, value := range want {
		patch[name] = value
		h, isObject := have[name].(object)
		if w, ok := value.(object); ok && isObject {
			patch[name] = patchFor(h, w)
		}
	}
	for name := range have {
		if _, stays := want[name]; !stays {
			patch[name] = nil
		}
	}
	return patch
}

// remove deletes objects at once, although no kubelet lets go of pods and no
// controller of volumes.
func (st *stage) remove(t *testing.T, objects ...object) {
	t.Helper()
	var group errgroup.Group
	for _, o := range objects {
		group.Go(func() error { return st.removeOne(t.Context(), &unstructured.Unstructured{Object: o}) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func (st *stage) removeOne(ctx context.Context, o *unstructured.Unstructured) error {
	plural, _ := meta.UnsafeGuessKindToResource(o.GroupVersionKind())
	var client dynamic.ResourceInterface = st.Client().Resource(plural)
	if o.GetNamespace() != "" {
		client = st.Client().Resource(plural).Namespace(o.GetNamespace())
	}
	_, patched := client.Patch(ctx, o.GetName(), types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	now, background := int64(0), metav1.DeletePropagationBackground // a Job would wait for its pods to be orphaned
	deleted := client.Delete(ctx, o.GetName(), metav1.DeleteOptions{GracePeriodSeconds: &now, PropagationPolicy: &background})
	// It may have gone by itself, or with its finalizers.
	if err := errors.Join(unlessGone(patched), unlessGone(deleted)); err != nil {
		return fmt.Errorf("remove %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	if _, err := client.Get(ctx, o.GetName(), metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		return fmt.Errorf("remove %s %s: it is still there: %v", o.GetKind(), o.GetName(), err)
	}
	return nil
}

func unlessGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
