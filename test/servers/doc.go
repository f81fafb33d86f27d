// Package servers runs real servers for tests, from Debian's packages
// (test/packages lists them): PostgreSQL and MariaDB, each in a folder of its
// own, reachable over the loopback and a Unix socket, with TLS, and gone when
// the test's process is.
package servers
