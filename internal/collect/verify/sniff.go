package verify

import (
	"archive/tar"
	"bytes"
	"io"
	"strings"

	"hubaudit/internal/collect/verify/sqldump"
)

// headSize is how much of a file is looked at to tell what it is.
const headSize = 64 << 10

// kind is what a file is by its content.
type kind int

const (
	other kind = iota
	packed
	tarArchive
	zipArchive
	sqliteFile
	sqlDump
	closed // sound, as far as can be told, but not to be opened here
)

// content is what the first bytes of a file show.
type content struct {
	kind kind
	// what it is in words: gzip, tar, age.
	what string
	// open unpacks what is packed.
	open func(io.Reader) (io.Reader, func(), error)
	dump sqldump.Format
	// why what is closed cannot be opened.
	why string
}

// magics are how files begin that are packed or closed.
var magics = []struct {
	start string
	content
}{
	{"\x1f\x8b\x08", content{kind: packed, what: "gzip", open: openGzip}},
	{"\x28\xb5\x2f\xfd", content{kind: packed, what: "zstd", open: openZstd}},
	{"\xfd7zXZ\x00", content{kind: packed, what: "xz", open: openXZ}},
	{"BZh", content{kind: packed, what: "bzip2", open: openBzip2}},
	{"PK\x03\x04", content{kind: zipArchive, what: "zip"}},
	{"PK\x05\x06", content{kind: zipArchive, what: "zip"}}, // one without a file
	{"7z\xbc\xaf\x27\x1c", content{kind: closed, what: "7z", why: unsupported}},
	{"Rar!\x1a\x07", content{kind: closed, what: "rar", why: unsupported}},
	{"\x04\x22\x4d\x18", content{kind: closed, what: "lz4", why: unsupported}},
	{"\x02\x21\x4c\x18", content{kind: closed, what: "lz4", why: unsupported}},
	{"\x89LZO\x00\r\n\x1a\n", content{kind: closed, what: "lzop", why: unsupported}},
	{"LZIP", content{kind: closed, what: "lzip", why: unsupported}},
	{"\x1f\x9d", content{kind: closed, what: "compress", why: unsupported}},
	{"XBSTCK", content{kind: closed, what: "xbstream", why: physical("MySQL or MariaDB (xtrabackup, mariadb-backup)")}},
	{"age-encryption.org/", content{kind: closed, what: "age", why: encrypted}},
	{"-----BEGIN AGE ENCRYPTED FILE-----", content{kind: closed, what: "age", why: encrypted}},
	{"-----BEGIN PGP MESSAGE-----", content{kind: closed, what: "OpenPGP", why: encrypted}},
	{"Salted__", content{kind: closed, what: "openssl enc", why: encrypted}},
	{"U2FsdGVkX1", content{kind: closed, what: "openssl enc", why: encrypted}},
	{"$ANSIBLE_VAULT;", content{kind: closed, what: "Ansible Vault", why: encrypted}},
	{"\x00GITCRYPT\x00", content{kind: closed, what: "git-crypt", why: encrypted}},
	{"RCLONE\x00\x00", content{kind: closed, what: "rclone crypt", why: encrypted}},
}

const (
	encrypted   = "it is encrypted, and the audit has no key"
	unsupported = "the audit cannot unpack that"
)

func physical(of string) string {
	return "it is a physical backup of " + of + ", which only a server of that kind and version can read"
}

const sqliteMagic = "SQLite format 3\x00"

// sniff tells what a file is from its beginning. OpenPGP, V7 tar and the dumps
// have no plain magic and are told by their structure.
func sniff(head []byte) content {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.start)) {
			return m.content
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte(sqliteMagic)):
		return content{kind: sqliteFile, what: "sqlite"}
	case skippableFrame(head):
		return content{kind: packed, what: "zstd", open: openZstd}
	case isOpenPGP(head):
		return content{kind: closed, what: "OpenPGP", why: encrypted}
	case isTar(head):
		return content{kind: tarArchive, what: "tar"}
	}
	if f := sqldump.Detect(head); f != "" {
		return content{kind: sqlDump, what: string(f), dump: f}
	}
	return content{}
}

// skippableFrame tells one of zstd's, with which pzstd begins its files.
func skippableFrame(head []byte) bool {
	return len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte{0x2a, 0x4d, 0x18})
}

// isOpenPGP tells an encrypted message: it begins with the packet of a session
// key, encrypted with a public key (tag 1, version 3 or 6) or a passphrase (tag
// 3, version 4 to 6). https://www.rfc-editor.org/rfc/rfc9580
func isOpenPGP(head []byte) bool {
	if len(head) < 6 || head[0]&0x80 == 0 {
		return false
	}
	tag, version := head[0]&0x3f, byte(0)
	if head[0]&0x40 == 0 { // the old form, whose length has 1, 2 or 4 bytes
		tag = head[0] >> 2 & 0x0f
		if head[0]&3 == 3 {
			return false
		}
		version = head[1+1<<(head[0]&3)]
	} else if head[1] < 192 {
		version = head[2]
	} else {
		version = head[3]
	}
	return tag == 1 && (version == 3 || version == 6) || tag == 3 && version >= 4 && version <= 6
}

func isTar(head []byte) bool {
	const block = 512
	if len(head) < block {
		return false
	}
	h, err := tar.NewReader(bytes.NewReader(head)).Next()
	// A header of zeros is the end of a tar; one that goes on beyond head is cut.
	return err == nil && h != nil || string(head[257:262]) == "ustar"
}

// aServers says why an archive cannot be opened here, if a file of that name in
// it shows that only a server can: "" if it does not.
func aServers(name string) string {
	base := name[strings.LastIndexByte(name, '/')+1:]
	switch {
	case base == "toc.dat":
		return "it is a pg_dump in directory or tar format (-Fd, -Ft), which only pg_restore can read: dump with -Fc or as plain text to have it tested"
	case base == "backup_label", base == "backup_manifest", base == "PG_VERSION", strings.HasSuffix(name, "global/pg_control"),
		base == "base.tar", strings.HasPrefix(base, "base.tar."), strings.HasPrefix(base, "pg_wal.tar"):
		return physical("PostgreSQL (pg_basebackup)")
	case base == "ibdata1", strings.HasPrefix(base, "xtrabackup_"), strings.HasPrefix(base, "mariadb_backup_"), strings.HasSuffix(base, ".ibd"):
		return physical("MySQL or MariaDB")
	case strings.Contains(base, "-schema-create.sql"), base == "metadata.partial":
		return "it is a backup by mydumper, which only myloader can read"
	}
	return ""
}
