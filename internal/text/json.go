package text

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// EscapeJSON spells out, as \uXXXX, the characters in encoded JSON that a
// terminal or an editor would act on instead of showing them (C1 controls,
// bidirectional overrides, zero-width characters …). JSON has such characters
// in strings only, so that every value stays what it was. The text must be
// valid UTF-8.
func EscapeJSON(encoded []byte) []byte {
	var out []byte
	done := 0
	for i := 0; i < len(encoded); {
		r, size := rune(encoded[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(encoded[i:])
		}
		if r >= 0x7f && !visible(r) {
			out = append(out, encoded[done:i]...)
			out = appendJSONRune(out, r)
			done = i + size
		}
		i += size
	}
	if done == 0 {
		return encoded
	}
	return append(out, encoded[done:]...)
}

func appendJSONRune(out []byte, r rune) []byte {
	if r <= 0xffff {
		return fmt.Appendf(out, `\u%04x`, r)
	}
	high, low := utf16.EncodeRune(r)
	return fmt.Appendf(out, `\u%04x\u%04x`, high, low)
}
