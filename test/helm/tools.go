//go:build tools

// Package helm pins the helm that the chart's tests run. The import keeps
// `go mod tidy` from dropping the module; nothing compiles this file. It is a
// module of its own since helm follows newer Kubernetes libraries than the API
// server that the tests build.
package helm

import _ "helm.sh/helm/v4/cmd/helm"
