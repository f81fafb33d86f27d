package checks

// Registry lists every check, in the order of reports: the hub's database
// first, then claims, storage, backups, and the audit itself.
var Registry = []*Check{}
