// Command etcd is etcd's own server. Its released main is in another module, which
// would bring all of etcd's tools along.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
