package kube

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// protoMagic begins every answer in protobuf.
	protoMagic = "k8s\x00"

	// maxField bounds what is held of a message at once. An object cannot be
	// larger than etcd takes, 1.5 MiB by default.
	maxField = 64 << 20
)

// fieldValue is the value of one field, which may be read as a stream or as a whole.
type fieldValue struct {
	io.LimitedReader
	scratch *[]byte
}

// bytes reads the whole value. It is valid until the next field.
func (v *fieldValue) bytes() ([]byte, error) {
	if v.N > maxField {
		return nil, fmt.Errorf("%w: protobuf with a field of %d bytes", errBadAnswer, v.N)
	}
	buf := slices.Grow((*v.scratch)[:0], int(v.N))[:v.N]
	*v.scratch = buf
	_, err := io.ReadFull(v, buf)
	return buf, truncatedField(err)
}

// eachField calls each for every field of a message that is itself a message or
// text, as it arrives. What each leaves unread of a value is passed over.
func eachField(message io.Reader, each func(number protowire.Number, value *fieldValue) error) error {
	var scratch []byte
	in := bufio.NewReaderSize(message, 32<<10)
	for {
		tag, err := binary.ReadUvarint(in)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		number, kind := protowire.DecodeTag(tag)
		size := uint64(0)
		switch {
		case number < protowire.MinValidNumber:
			err = fmt.Errorf("%w: protobuf with a field %d", errBadAnswer, number)
		case kind == protowire.VarintType:
			_, err = binary.ReadUvarint(in)
		case kind == protowire.Fixed32Type:
			_, err = in.Discard(4)
		case kind == protowire.Fixed64Type:
			_, err = in.Discard(8)
		case kind == protowire.BytesType:
			size, err = binary.ReadUvarint(in)
		default:
			err = fmt.Errorf("%w: protobuf with a field of the unknown type %d", errBadAnswer, kind)
		}
		if err != nil {
			return truncatedField(err)
		}
		if kind != protowire.BytesType {
			continue
		}
		if size > 1<<40 {
			return fmt.Errorf("%w: protobuf with a field of %d bytes", errBadAnswer, size)
		}
		value := &fieldValue{io.LimitedReader{R: in, N: int64(size)}, &scratch}
		if err := each(number, value); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, value); err != nil {
			return err
		}
		if value.N > 0 {
			return truncatedField(io.EOF)
		}
	}
}

// truncatedField turns an end inside a field into the error it is.
func truncatedField(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("protobuf: %w", io.ErrUnexpectedEOF)
	}
	return err
}
