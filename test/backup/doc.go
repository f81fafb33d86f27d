// Package backup looks for copies of a hub's database in real object storage:
// versitygw, a server of S3's protocol, and fake-gcs-server, which answers as
// Google's does. Both run in the test's process, on the loopback.
package backup
