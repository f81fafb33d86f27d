// Package backups judges which backups there are of each claim, in whatever
// system, and what should make the next one.
package backups
