package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxUnpacked bounds what a gzipped backup may unpack to.
const maxUnpacked = 8 << 30

// unpacked is a file as it is, or a gzipped one's contents in a private folder
// that remove removes.
func unpacked(ctx context.Context, path string) (file string, remove func(), err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	var magic [2]byte
	if _, err := io.ReadFull(f, magic[:]); err != nil || magic != [2]byte{0x1f, 0x8b} {
		return path, func() {}, nil // what else it may be is for the reader to say
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "hubaudit-rescue-*") // mode 0700
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) } // the temp folder's owner cleans what stays
	file = filepath.Join(dir, "jupyterhub.sqlite")
	if err := gunzip(ctx, f, file); err != nil {
		remove()
		return "", nil, fmt.Errorf("unpack it: %w", err)
	}
	return file, remove, nil
}

func gunzip(ctx context.Context, from io.Reader, to string) error {
	z, err := gzip.NewReader(from)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(reading{ctx, z}, maxUnpacked+1))
	if n > maxUnpacked {
		err = fmt.Errorf("it is larger than %d bytes", int64(maxUnpacked))
	}
	return errors.Join(err, z.Close(), out.Close())
}

// reading ends with its context.
type reading struct {
	ctx context.Context
	io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
