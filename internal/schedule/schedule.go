// Package schedule tells from a cron schedule when a backup was due.
package schedule
