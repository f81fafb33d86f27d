// Package servers runs real servers for tests, from Debian's packages
// (test/packages lists them), each in a folder of its own, on the loopback, and
// gone when the test's process is: PostgreSQL and MariaDB, also over a Unix
// socket and with TLS; a JupyterHub; and programs that a test gives its own
// arguments, such as Prometheus.
package servers
