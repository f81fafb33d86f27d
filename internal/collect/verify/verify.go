// Package verify opens copies of a hub's database and tells what is in them.
package verify
