//go:build tools

// Package cluster pins what the tests' control plane is built from. The imports
// keep `go mod tidy` from dropping the modules; nothing compiles this file.
package cluster

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
