package world

import (
	"strings"

	"hubaudit/internal/facts"
)

// cephAttributes are what Ceph's CSI drivers take from a class and write on a
// volume; empty for other drivers.
func cephAttributes(driver, pool, of string) object {
	attributes := object{}
	if !strings.HasSuffix(driver, ".csi.ceph.com") {
		return attributes
	}
	setText(attributes, "clusterID", of)
	setText(attributes, "pool", pool)
	if strings.HasSuffix(driver, "cephfs.csi.ceph.com") {
		attributes["fsName"], _ = filesystemOf(pool)
	}
	return attributes
}

// filesystemOf takes the name of a file system's pool apart. No file system of
// a world has a hyphen in its name.
func filesystemOf(pool string) (name, rest string) {
	name, rest, _ = strings.Cut(pool, "-")
	return name, rest
}

func cephKinds(pools []facts.CephPool) []kind {
	block := kind{resource: "cephblockpools.ceph.rook.io", apiVersion: "ceph.rook.io/v1", kind: "CephBlockPool"}
	files := kind{resource: "cephfilesystems.ceph.rook.io", apiVersion: "ceph.rook.io/v1", kind: "CephFilesystem"}
	dataPools := map[string][]any{}
	for i := range pools {
		p := &pools[i]
		name, rest := filesystemOf(p.Name)
		if p.Kind == block.kind {
			block.objects = append(block.objects, object{"metadata": metadata(p.Namespace, p.Name, noTime, noTime), "spec": poolSpec(p), "status": object{"phase": p.Phase}})
			continue
		}
		id, spec := p.Namespace+"/"+name, poolSpec(p)
		spec["name"] = rest
		if dataPools[id] == nil {
			files.objects = append(files.objects, object{"metadata": metadata(p.Namespace, name, noTime, noTime), "status": object{"phase": p.Phase}})
		}
		dataPools[id] = append(dataPools[id], spec)
	}
	for _, o := range files.objects {
		m := o["metadata"].(object)
		three := object{"size": int64(3)}
		o["spec"] = object{"metadataPool": object{"replicated": three}, "metadataServer": object{"activeCount": int64(1)},
			"dataPools": dataPools[m["namespace"].(string)+"/"+m["name"].(string)]}
	}
	return []kind{block, files}
}

func poolSpec(p *facts.CephPool) object {
	spec := object{"failureDomain": p.FailureDomain}
	if p.Size > 0 {
		spec["replicated"] = object{"size": int64(p.Size)}
	} else {
		spec["erasureCoded"] = object{"dataChunks": int64(p.DataChunks), "codingChunks": int64(p.CodingChunks)}
	}
	return spec
}
