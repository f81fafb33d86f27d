package backup

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"hubaudit/test/objectstore"
)

const (
	region = objectstore.Region
	secret = objectstore.Secret
)

// store is the S3 server that all tests share, gateway its address.
var (
	store   *objectstore.S3
	gateway string
)

func TestMain(m *testing.M) {
	code, err := serve(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "the S3 server:", err)
		code = 1
	}
	os.Exit(code)
}

// serve runs the tests beside the server.
func serve(m *testing.M) (code int, err error) {
	if store, err = objectstore.Start(); err != nil {
		return 1, err
	}
	gateway = store.URL
	code = m.Run()
	return code, store.Close()
}

func readAll(r io.ReadCloser) (string, error) {
	data, err := io.ReadAll(r)
	return string(data), errors.Join(err, r.Close())
}
