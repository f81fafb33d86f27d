package checks

// Registry lists every check, in the order of reports: the hub's database
// first, then claims, storage, backups, and the audit itself. An id is never
// used again for another invariant.
var Registry = []*Check{
	hubDBCorrupt,
	hubDBSchemaMismatch,
	hubUserCountDrift,
	hubDBReset,
	hubCookieIDNull,
	hubCookieIDDuplicate,
	hubCookieConstraintMissing,
	hubCookieIDHandmade,
	hubSpawnerDuplicate,
	hubSpawnerStateBroken,
	hubSpawnerServerWrong,
	hubServerNameInvalid,
	hubUserNameRefused,
	hubTimeImpossible,
	hubUserTwin,
	hubUserIDChanged,
	hubOwnerMissing,
	hubSourceDisagree,
	hubDBEphemeral,
	hubDBOnNFS,
	hubDBPVCReplaced,
	hubUserDeleteDeletesData,
	hubSharedPVCDeletable,
	subpathSchemeChange,
	namespaceTwoHubs,

	pvcDuplicateServer,
	pvcLegacyForgotten,
	pvcLegacyUnreachable,
	pvcStateMissingClaim,
	pvcNameCollision,
	pvcLost,
	pvcTerminating,
	pvcPending,
	pvReclaimDelete,
	pvReleasedData,
	pvcMisrouted,
	pvcOwnerMismatch,
	pvcOrphaned,
	pvcUnattributed,
	podUnknownToHub,

	lhNoUsableReplica,
	lhSingleUsableReplica,
	lhReplicaNodeMissing,

	backupHubDBMissing,
	backupNone,

	auditInputMissing,
}
