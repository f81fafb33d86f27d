package kube

import (
	"cmp"
	"fmt"
	"strings"

	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/facts"
)

// cephPool tells where a volume or class of Ceph's CSI drivers has its data.
// Rook names the drivers after its operator's namespace, and the cluster by
// its own. An image whose data lies in an erasure-coded pool has only a header
// in the other one. A file system's volume names no pool where it takes the
// first; it is then the file system's name.
func cephPool(driver string, attributes map[string]string) (pool, of string) {
	prefix, isBlock := strings.CutSuffix(driver, "rbd.csi.ceph.com")
	prefix, isFile := strings.CutSuffix(prefix, "cephfs.csi.ceph.com")
	switch {
	case isBlock:
		pool = cmp.Or(attributes["dataPool"], attributes["pool"])
	case isFile:
		pool = cmp.Or(attributes["pool"], attributes["fsName"])
	default:
		return "", ""
	}
	return Intern(pool), Intern(cmp.Or(attributes["clusterID"], strings.TrimSuffix(prefix, ".")))
}

// poolSpec is the part that block pools and file systems' data pools have in
// common.
type poolSpec struct {
	FailureDomain object.Text `json:"failureDomain"`
	Replicated    struct {
		Size object.Number `json:"size"`
	} `json:"replicated"`
	ErasureCoded struct {
		DataChunks   object.Number `json:"dataChunks"`
		CodingChunks object.Number `json:"codingChunks"`
	} `json:"erasureCoded"`
}

func (s *poolSpec) pool(kind string, m *object.Meta, name, phase string) facts.CephPool {
	return facts.CephPool{Namespace: Intern(m.Namespace), Name: name, Kind: kind, Size: int(s.Replicated.Size),
		DataChunks: int(s.ErasureCoded.DataChunks), CodingChunks: int(s.ErasureCoded.CodingChunks),
		FailureDomain: Intern(cmp.Or(string(s.FailureDomain), "host")), Phase: Intern(phase)}
}

type blockPoolObject struct {
	Metadata object.Meta `json:"metadata"`
	Spec     struct {
		poolSpec
		Name object.Text `json:"name"` // in Ceph, where that is another, such as .mgr
	} `json:"spec"`
	Status struct {
		Phase object.Text `json:"phase"`
	} `json:"status"`
}

func blockPool(o *blockPoolObject) facts.CephPool {
	return o.Spec.pool("CephBlockPool", &o.Metadata, cmp.Or(string(o.Spec.Name), o.Metadata.Name), string(o.Status.Phase))
}

type filesystemObject struct {
	Metadata object.Meta `json:"metadata"`
	Spec     struct {
		DataPools []struct {
			poolSpec
			Name object.Text `json:"name"`
		} `json:"dataPools"`
		// PreservePoolNames: the pools are not named after the file system.
		PreservePoolNames object.Flag `json:"preservePoolNames"`
	} `json:"spec"`
	Status struct {
		Phase object.Text `json:"phase"`
	} `json:"status"`
}

// filesystem is a CephFilesystem with its data pools.
type filesystem struct {
	namespace, name string
	pools           []facts.CephPool
}

func toFilesystem(o *filesystemObject) filesystem {
	f := filesystem{namespace: o.Metadata.Namespace, name: o.Metadata.Name}
	for i := range o.Spec.DataPools {
		p := &o.Spec.DataPools[i]
		name := cmp.Or(string(p.Name), fmt.Sprintf("data%d", i)) // as Rook calls one without a name
		if !o.Spec.PreservePoolNames {
			name = f.name + "-" + name
		}
		f.pools = append(f.pools, p.pool("CephFilesystem", &o.Metadata, name, string(o.Status.Phase)))
	}
	return f
}
