package checks

import (
	"bytes"
	"cmp"
	"os"
	"strings"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// tested lists the cases of every check.
var tested = []cases{
	hubDBCorruptCases, hubDBSchemaMismatchCases, hubUserCountDriftCases, hubDBResetCases, hubCookieIDNullCases, hubCookieIDDuplicateCases,
	hubCookieConstraintMissingCases, hubCookieIDHandmadeCases, hubSpawnerDuplicateCases, hubSpawnerStateBrokenCases,
	hubSpawnerServerWrongCases, hubServerNameInvalidCases, hubUserNameRefusedCases, hubTimeImpossibleCases,
	hubUserTwinCases, hubUserIDChangedCases, hubOwnerMissingCases, hubSourceDisagreeCases,
	hubDBEphemeralCases, hubDBOnNFSCases, hubDBPVCReplacedCases, hubDBVolumeFullCases, hubUserDeleteDeletesDataCases, hubSharedPVCDeletableCases,
	subpathSchemeChangeCases,
	pvcDuplicateServerCases, pvcLostCases, pvcTerminatingCases, pvcPendingCases, pvcEmptiedCases, pvReclaimDeleteCases, pvReleasedDataCases, pvNodeGoneCases, pvOneCopyCases, namespaceTwoHubsCases,
	pvcLegacyForgottenCases, pvcLegacyUnreachableCases, pvcStateMissingClaimCases, pvcNameCollisionCases,
	pvcMisroutedCases, pvcOwnerMismatchCases, pvcOrphanedCases, pvcUnattributedCases, podUnknownToHubCases,
	lhNoUsableReplicaCases, lhSingleUsableReplicaCases, lhReplicaNodeMissingCases,
	lhReplicaDiskMissingCases, lhReplicaPredatesNodeCases, lhBlankAttachRiskCases, lhNodeGoneLingeringCases,
	lhDrainWouldLoseDataCases, lhOrphanLastCopyCases,
	lhDrainPolicyUnsafeCases, lhOrphanAutodeleteCases, lhEngineImageNotReadyCases, lhVersionKnownBugCases, lhECMarginCases,
	lhVolumeFaultedCases, lhVolumeDegradedCases, lhOneFailureDomainCases, lhLowReplicaCountCases, lhAutoSalvagedCases, lhDiskNotReadyCases, lhEvictionStuckCases,
	backupHubDBMissingCases, backupUntestedCases, backupRestoreMismatchCases, backupNoneCases, backupStaleCases, backupUnscheduledCases, backupSkipsDetachedCases, backupPartialCoverageCases, backupSizeCollapseCases, backupSameDomainCases,
	backupTargetUnsetCases, backupTargetUnavailableCases, backupSchedulePausedCases, backupStuckCases, backupFailedCases, backupExpiringCases, snapshotNotReadyCases, snapshotDeletePolicyCases,
	auditInputMissingCases, auditNotifyFailedCases, auditStaleCases, auditPartialCases,
}

func TestRegistryIsValid(t *testing.T) {
	if err := Validate(Registry); err != nil {
		t.Error(err)
	}
}

// A check comes with its file, and with tests of all four kinds that are run.
func TestEveryCheckIsTested(t *testing.T) {
	byID := map[string]cases{}
	for _, c := range tested {
		byID[c.check.ID] = c
	}
	for _, c := range Registry {
		for kind, damages := range byID[c.ID].kinds() {
			if len(damages) == 0 {
				t.Errorf("check %s has no test that %q", c.ID, kind)
			}
		}
		file := strings.ReplaceAll(c.ID, "-", "_")
		if _, err := os.Stat(file + ".go"); err != nil {
			t.Errorf("check %s is not in a file of its own: %v", c.ID, err)
		}
		if text, err := os.ReadFile(file + "_test.go"); err != nil || !bytes.Contains(text, []byte("testCheck(t, ")) {
			t.Errorf("check %s: its tests are not run (%v)", c.ID, err)
		}
	}
}

// A passing registry over a healthy world is what every other test rests on.
func TestHealthyWorldPasses(t *testing.T) {
	suite, err := NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	verdicts := Judge(suite, healthy())
	if len(verdicts) != len(Registry) {
		t.Errorf("%d verdicts of %d checks", len(verdicts), len(Registry))
	}
	for _, v := range verdicts {
		want := cmp.Or(notApplicable[v.Check], string(verdict.Pass))
		if string(v.Outcome) != want || v.Outcome == verdict.Pass && v.Summary != "" {
			t.Errorf("%s: %s %s", v.Check, v.Outcome, v.Summary)
		}
		if got, ok := v.Series[facts.SeriesUsers]; ok != (v.Check == "hub-user-count-drift") || ok && got != 10 {
			t.Errorf("%s measured %v", v.Check, v.Series)
		}
	}
}

func TestValidate(t *testing.T) {
	good := func() *Check {
		return &Check{ID: "some-check", Title: "t", Severity: verdict.Info, Since: "0.1.0", Scope: PerHub, Needs: []string{HubDatabase},
			Doc: Doc{Meaning: "m", FalseAlarms: "f", Do: []string{"d"}, Sources: []string{"s"}}, Run: func(*Input) Result { return Result{} }}
	}
	if err := Validate([]*Check{good()}); err != nil {
		t.Fatal(err)
	}
	for fault, damage := range map[string]func(c *Check){
		"no title":        func(c *Check) { c.Title = "" },
		"no severity":     func(c *Check) { c.Severity = "" },
		"no since":        func(c *Check) { c.Since = "" },
		"no function":     func(c *Check) { c.Run = nil },
		"no scope":        func(c *Check) { c.Scope = "" },
		"no needs":        func(c *Check) { c.Needs = nil },
		"no meaning":      func(c *Check) { c.Doc.Meaning = "" },
		"no false alarms": func(c *Check) { c.Doc.FalseAlarms = "" },
		"no what to do":   func(c *Check) { c.Doc.Do = nil },
		"no sources":      func(c *Check) { c.Doc.Sources = nil },
		"an id is lower-case words joined by hyphens":                                func(c *Check) { c.ID = "Some_Check" },
		`severity "bad" does not exist`:                                              func(c *Check) { c.Severity = "bad" },
		`scope "pod" does not exist`:                                                 func(c *Check) { c.Scope = "pod" },
		`source "kube/secrets" does not exist`:                                       func(c *Check) { c.Uses = []string{"kube/secrets"} },
		"hubdb/* is a hub's own source and the check is the cluster's":               func(c *Check) { c.Scope = PerCluster },
		`parameter "p" needs a name, a text, a unit and a default within its bounds`: func(c *Check) { c.Params = []Param{{Name: "p", Doc: "d", Unit: "u", Default: 3, Max: 2}} },
		`parameter "p" is declared twice`: func(c *Check) {
			p := Param{Name: "p", Doc: "d", Unit: "u"}
			c.Params = []Param{p, p}
		},
	} {
		c := good()
		damage(c)
		want := "check " + c.ID + ": " + fault
		if err := Validate([]*Check{c}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := Validate([]*Check{good(), good()}); err == nil || err.Error() != "check some-check: the id is used twice" {
		t.Errorf("a second check of the same id: %v", err)
	}
}

// What people read at three in the morning is whole sentences, and says what
// would make things worse.
func TestDocsAreSentences(t *testing.T) {
	for _, c := range Registry {
		texts := append([]string{c.Doc.Meaning, c.Doc.FalseAlarms}, c.Doc.Do...)
		for _, text := range append(texts, c.Doc.Dont...) {
			if !strings.HasSuffix(text, ".") || strings.Count(text, "`")%2 != 0 || strings.Contains(text, "  ") {
				t.Errorf("%s: %q", c.ID, text)
			}
		}
		if len(c.Doc.Dont) == 0 {
			t.Errorf("%s does not say what would make it worse", c.ID)
		}
		if strings.HasSuffix(c.Title, ".") {
			t.Errorf("%s: the title %q is no heading", c.ID, c.Title)
		}
	}
}

func TestFindAndGuides(t *testing.T) {
	guides := Guides()
	if len(guides) != len(Registry) {
		t.Errorf("%d guides of %d checks", len(guides), len(Registry))
	}
	for _, c := range Registry {
		if found, ok := Find(c.ID); !ok || found != c {
			t.Errorf("%s is not found", c.ID)
		}
		if g := guides[c.ID]; g.ID != c.ID || g.Title != c.Title || len(g.Do) != len(c.Doc.Do) {
			t.Errorf("the guide of %s is %+v", c.ID, g)
		}
	}
	if _, ok := Find("no-such-check"); ok {
		t.Error("found a check that does not exist")
	}
}
