package world

import (
	"slices"
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
	block, files := poolObjects(pools)
	return []kind{{"cephblockpools.ceph.rook.io", "ceph.rook.io/v1", "CephBlockPool", slices.Values(block)},
		{"cephfilesystems.ceph.rook.io", "ceph.rook.io/v1", "CephFilesystem", slices.Values(files)}}
}

// poolObjects are the block pools, and the file systems with their pools.
func poolObjects(pools []facts.CephPool) (block, files []object) {
	dataPools := map[string][]any{}
	for i := range pools {
		p := &pools[i]
		name, rest := filesystemOf(p.Name)
		if p.Kind == "CephBlockPool" {
			block = append(block, object{"metadata": metadata(p.Namespace, p.Name, noTime, noTime), "spec": poolSpec(p), "status": object{"phase": p.Phase}})
			continue
		}
		id, spec := p.Namespace+"/"+name, poolSpec(p)
		spec["name"] = rest
		if dataPools[id] == nil {
			files = append(files, object{"metadata": metadata(p.Namespace, name, noTime, noTime), "status": object{"phase": p.Phase}})
		}
		dataPools[id] = append(dataPools[id], spec)
	}
	for _, o := range files {
		m := o["metadata"].(object)
		three := object{"size": int64(3)}
		o["spec"] = object{"metadataPool": object{"replicated": three}, "metadataServer": object{"activeCount": int64(1)},
			"dataPools": dataPools[m["namespace"].(string)+"/"+m["name"].(string)]}
	}
	return block, files
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
