package facts

import "time"

// Usage is how full the file system of one claim is.
type Usage struct {
	Namespace, Claim string
	// UsedBytes and AvailableBytes do not add up to CapacityBytes where the file
	// system keeps some for root.
	UsedBytes, AvailableBytes, CapacityBytes int64
	// Inodes are 0 for file systems that do not count them.
	Inodes, InodesUsed int64
	At                 time.Time // when it was measured
}
