package verify

import (
	"bufio"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"hubaudit/internal/facts"
)

// maxWindow bounds the memory that unpacking takes: what zstd -22 and xz -9 need.
const maxWindow = 128 << 20

func nothing() {}

func openGzip(r io.Reader) (io.Reader, func(), error) {
	z, err := gzip.NewReader(r)
	return z, nothing, err
}

func openZstd(r io.Reader) (io.Reader, func(), error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, nothing, err
	}
	return z, z.Close, nil
}

func openBzip2(r io.Reader) (io.Reader, func(), error) { return bzip2.NewReader(r), nothing, nil }

// openXZ refuses a dictionary of which no program makes use: it would be
// allocated as a whole.
func openXZ(r io.Reader) (io.Reader, func(), error) {
	in := bufio.NewReader(r)
	head, _ := in.Peek(12 + 1024) // a shorter one is all there is
	if size := xzDictionary(head); size > maxWindow {
		return nil, nothing, skipped("unpacking it takes a dictionary of %s, and at most %s are given: pack it with xz -9 or less", bytesOf(size), bytesOf(maxWindow))
	}
	z, err := xz.NewReader(in)
	return z, nothing, err
}

// xzDictionary reads the size of the dictionary from the first block's header,
// 0 where there is none. https://tukaani.org/xz/xz-file-format.txt
func xzDictionary(head []byte) int64 {
	const streamHeader = 12
	if len(head) < streamHeader+2 || head[streamHeader] == 0 {
		return 0
	}
	header := head[streamHeader:min(len(head), streamHeader+(int(head[streamHeader])+1)*4)]
	flags, at := header[1], 2
	for _, sized := range []byte{0x40, 0x80} {
		if flags&sized != 0 {
			_, n := binary.Uvarint(header[at:])
			if n <= 0 {
				return 0
			}
			at += n
		}
	}
	const lzma2, itsProperties = 0x21, 1
	for ; at+2 < len(header); at += 2 + int(header[at+1]) { // filters
		if header[at] != lzma2 || header[at+1] != itsProperties {
			continue
		}
		bits := header[at+2]
		return int64(2|bits&1) << (bits/2 + 11)
	}
	return 0
}

// decoded marks what a decoder said, so that its errors are told from those of
// what it reads, and bounds what comes out.
type decoded struct {
	r    io.Reader
	what string
	left int64 // what it may still give
	most int64
	n    int64 // what it gave
	err  error // why it ended, nil where it did so in order
}

func (d *decoded) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.r.Read(p)
	d.n += int64(n)
	if d.left -= int64(n); d.left < 0 {
		d.err = skipped("it unpacks to more than the %s that are read at most: raise maxBytes of this backup, and the room for temporary files with it", bytesOf(d.most))
	} else if err != nil && !errors.Is(err, io.EOF) {
		d.err = d.broken(err)
	}
	if d.err != nil {
		return n, d.err
	}
	return n, err
}

// broken classes an error of unpacking.
func (d *decoded) broken(err error) error {
	var inner *faultError
	var skip *skipError
	switch {
	case errors.As(err, &inner), errors.As(err, &skip):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return faulty(facts.CopyTruncated, "the %s data ends in the middle, after %s of what was packed in it", d.what, bytesOf(d.n))
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return skipped("unpacking it takes more than %s of memory: pack it without --long", bytesOf(maxWindow))
	}
	return faulty(facts.CopyCorrupt, "the %s data is broken after %s of what was packed in it: %w", d.what, bytesOf(d.n), err)
}
