// Package objectstore runs a real server of S3's protocol, versitygw, in the
// test's process and on the loopback.
package objectstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

const (
	// Region is the server's.
	Region = "eu-test-1"
	// Secret is the key of every user.
	Secret = "s3cr3t-key"
)

// S3 is a running server. It knows the users root, who may do everything, reader
// and lister, whom NewBucket gives rights, and stranger, who has none.
type S3 struct {
	URL   string
	Admin *s3.Client // root's
	dir   string
	stop  func()
	ended chan error
}

// Start starts a server. Close ends it, and so does the end of an hour. Its storage
// makes its own folder the working folder of the process, and leaves it so.
func Start() (*S3, error) {
	dir, err := os.MkdirTemp("", "hubaudit-s3-*")
	if err != nil {
		return nil, err
	}
	s := &S3{dir: dir, stop: func() {}, ended: make(chan error, 1)}
	if err := s.start(); err != nil {
		s.stop()
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (s *S3) start() error {
	sidecar := filepath.Join(s.dir, "sidecar")
	for _, d := range []string{s.objects(), sidecar} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return err
		}
	}
	store, err := meta.NewSideCar(sidecar)
	if err != nil {
		return err
	}
	backend, err := posix.New(s.objects(), store, posix.PosixOpts{SideCarDir: sidecar})
	if err != nil {
		return err
	}
	address, err := FreeAddress()
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Hour)
	s.stop, s.URL = stop, "http://"+address
	s.Admin = s3.New(s3.Options{Region: Region, BaseEndpoint: &s.URL, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("root", Secret, "")})
	go func() {
		s.ended <- embedgw.RunVersityGW(ctx, backend, &embedgw.Config{RootUserAccess: "root", RootUserSecret: Secret, Region: Region,
			Ports: []string{address}, MaxConnections: 512, MaxRequests: 64, MultipartMaxParts: 100, Quiet: true, IAMService: accounts{}})
	}()
	return s.reachable(ctx, address)
}

// Close stops the server and removes what it keeps.
func (s *S3) Close() error {
	s.stop()
	return errors.Join(<-s.ended, os.RemoveAll(s.dir))
}

func (s *S3) objects() string { return filepath.Join(s.dir, "objects") }

// FreeAddress is an address on the loopback that nobody listens on.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// reachable waits until the server listens, or ended.
func (s *S3) reachable(ctx context.Context, address string) error {
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case err := <-s.ended:
			return fmt.Errorf("the S3 server ended: %w", err)
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
		return auth.Account{Access: access, Secret: Secret, Role: auth.RoleUser}, nil
	}
	return auth.Account{}, auth.ErrNoSuchUser
}

func (accounts) ResolveAccounts([]string) ([]string, error) { return nil, nil }
func (accounts) Shutdown() error                            { return nil }

// NewBucket makes a bucket that reader may list and read, and lister only list.
func (s *S3) NewBucket(t testing.TB, name string) {
	t.Helper()
	if _, err := s.Admin.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	policy := fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Principal": {"AWS": ["reader", "lister"]}, "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::%[1]s"},
		{"Effect": "Allow", "Principal": {"AWS": ["reader"]}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::%[1]s/*"}]}`, name)
	if _, err := s.Admin.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &name, Policy: &policy}); err != nil {
		t.Fatal(err)
	}
}

// Put writes an object of that time.
func (s *S3) Put(ctx context.Context, bucket, key, content string, modified time.Time) error {
	_, err := s.Admin.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader([]byte(content))})
	if err != nil {
		return err
	}
	return os.Chtimes(filepath.Join(s.objects(), bucket, key), modified, modified)
}

// Login writes a credentials file of a user with a key.
func Login(t testing.TB, user, key string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credentials")
	text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", user, key)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
