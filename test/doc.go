// Package test holds what needs a real Kubernetes API server, database server
// or hub.
//
//	cd test && go test ./...
//
// The first run builds the API server and its tools from Go modules, which takes
// minutes and 2 GB of memory; test/cluster/build does only that, and is
// instant from then on. The folders:
//
//	cluster/  pins and builds Kubernetes and etcd (a module of its own)
//	helm/     pins helm (a module of its own)
//	harness/  starts clusters for tests
//	servers/  starts databases and hubs from Debian's packages for tests
//	reaper/   ends what tests started, however they end
//	hubdb/    reads hubs' databases from real servers
//	history/  keeps the history in a real PostgreSQL
//	hubapi/   reads a real JupyterHub's REST API, also under load
//	prometheus/ asks a real Prometheus how full volumes are
//	page/     looks at reports in a real browser
//	backup/   looks for copies of a database in real object storage
//	rescue/   fills new databases of three engines and starts a real JupyterHub on them
//	accidents/ damages a hub's database and sees what a real JupyterHub makes of it
//	command/  runs the real command on hubs in three engines and lets them fail
//	outputs/  looks for secrets, floods and hostile names in all that leaves the real command
//	e2e/      runs the real command on a real API server, as operators would
//	bench/    measures an audit of a big hub: go run ./bench, or make bench
//
// No test waits for time to pass, downloads anything after the build, or reaches
// further than this machine's loopback.
package test
