// Command generate writes the recorded incidents and the healthy world into
// testdata, or into the folder that is its argument.
package main

import (
	"fmt"
	"os"

	"hubaudit/internal/world"
)

func main() {
	dir := "testdata"
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	for _, incident := range world.Incidents() {
		if err := incident.Write(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
