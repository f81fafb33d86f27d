package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

const (
	region = "eu-test-1"
	secret = "s3cr3t-key"
)

// gateway is the address of the S3 server that all tests share, and objects
// the folder in which it keeps them.
var gateway, objects string

func TestMain(m *testing.M) {
	code, err := serve(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start the S3 server:", err)
		code = 1
	}
	os.Exit(code)
}

// serve runs the tests beside the server.
func serve(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "hubaudit-s3-*")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	objects = filepath.Join(dir, "objects")
	for _, d := range []string{objects, filepath.Join(dir, "sidecar")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return 1, err
		}
	}
	store, err := meta.NewSideCar(filepath.Join(dir, "sidecar"))
	if err != nil {
		return 1, err
	}
	backend, err := posix.New(objects, store, posix.PosixOpts{SideCarDir: filepath.Join(dir, "sidecar")})
	if err != nil {
		return 1, err
	}
	port, err := freePort()
	if err != nil {
		return 1, err
	}
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Minute)
	ended := make(chan error, 1)
	go func() {
		ended <- embedgw.RunVersityGW(ctx, backend, &embedgw.Config{RootUserAccess: "root", RootUserSecret: secret, Region: region,
			Ports: []string{port}, MaxConnections: 512, MaxRequests: 64, MultipartMaxParts: 100, Quiet: true, IAMService: accounts{}})
	}()
	defer func() { stop(); err = errors.Join(err, <-ended) }()
	gateway = "http://" + port
	if err := reachable(ctx, port, ended); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// freePort is an address on the loopback that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// reachable waits until the server listens, or ended with an error.
func reachable(ctx context.Context, address string, ended chan error) error {
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case err := <-ended:
			ended <- nil
			return fmt.Errorf("it ended: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-poll.C:
		}
	}
}

// accounts knows users by their names, who all have the same secret. What they
// may do is for the buckets' policies to say.
type accounts struct{ auth.IAMService }

func (accounts) GetUserAccount(access string) (auth.Account, error) {
	switch access {
	case "reader", "lister", "stranger":
		return auth.Account{Access: access, Secret: secret, Role: auth.RoleUser}, nil
	}
	return auth.Account{}, auth.ErrNoSuchUser
}

func (accounts) ResolveAccounts(ids []string) ([]string, error) { return nil, nil }
func (accounts) Shutdown() error                                { return nil }

// admin is a client that may do everything.
var admin = sync.OnceValue(func() *s3.Client {
	return s3.New(s3.Options{Region: region, BaseEndpoint: &gateway, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("root", secret, "")})
})

// newBucket makes a bucket that reader may list and read, and lister only list.
func newBucket(t *testing.T, name string) {
	t.Helper()
	if _, err := admin().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	policy := fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Principal": {"AWS": ["reader", "lister"]}, "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::%[1]s"},
		{"Effect": "Allow", "Principal": {"AWS": ["reader"]}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::%[1]s/*"}]}`, name)
	if _, err := admin().PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &name, Policy: &policy}); err != nil {
		t.Fatal(err)
	}
}

// put writes an object of that time.
func put(ctx context.Context, bucket, key, content string, modified time.Time) error {
	_, err := admin().PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: aws.String(key), Body: bytes.NewReader([]byte(content))})
	if err != nil {
		return err
	}
	return os.Chtimes(filepath.Join(objects, bucket, key), modified, modified)
}

// login writes a credentials file of a user.
func login(t *testing.T, user, key string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credentials")
	text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", user, key)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func readAll(r io.ReadCloser) (string, error) {
	data, err := io.ReadAll(r)
	return string(data), errors.Join(err, r.Close())
}
