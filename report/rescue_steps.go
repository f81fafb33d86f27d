package report

import (
	"fmt"
	"strings"

	"hubaudit/internal/text"
)

// where Zero to JupyterHub keeps an sqlite database.
const hubFolder = "/srv/jupyterhub"

// first are what cannot wait until the report is read.
func (v *rescueView) first() []string {
	first := []string{
		"Keep the hub stopped: `kubectl -n " + v.Namespace + " scale deploy/hub --replicas=0`. On an empty database it gives everybody who logs in a new id, and with it an empty home.",
		"Delete no claim, no volume and no old database, whatever is said of them below.",
	}
	switch n := v.Plan.Undecided(); {
	case v.Out == "":
		return first
	case len(v.Differences) > 0:
		return append(first, "Do not use "+text.Name(v.Out)+": it is not what was planned. Keep it and this page for a report of the fault.")
	case n > 0:
		return append(first, "Decide what is left out ("+text.Number(n)+", below) before a hub runs on the new database. "+v.mappingHint())
	}
	return append(first, "Read what was VERIFIED, then put the new database in place: the steps are at the end.")
}

// steps are what to do with the new database, in order.
func (v *rescueView) steps() []string {
	if v.Out == "" || len(v.Differences) > 0 {
		return nil
	}
	kubectl := "kubectl -n " + v.Namespace
	steps := []string{
		"Stop the hub, and wait until its pod is gone: `" + kubectl + " scale deploy/hub --replicas=0` then `" + kubectl + " wait --for=delete pod -l component=hub --timeout=5m`.",
		"Have users save their work, then stop the servers that still run, as the new database knows none of them: `" + kubectl + " delete pod -l component=singleuser-server`. " +
			"This ends what runs in them; the files stay. Where another hub is in the namespace, delete only this one's, by name.",
	}
	if v.Engine == "sqlite" {
		steps = append(steps, v.stepsFile(kubectl)...)
	} else {
		steps = append(steps, v.stepsServer()...)
	}
	return append(steps,
		"If the hub deletes idle users (Zero to JupyterHub: `cull.users: true`), switch that off until everybody is back: deleting a user deletes the home. In the new database all were active at the time of the rescue.",
		"Start the hub: `"+kubectl+" scale deploy/hub --replicas=1`, and read its log: `"+kubectl+" logs deploy/hub`.",
		"Let one user log in whose files you know, and look into their home, before anybody else does.",
		"Make new API tokens for services and people: those of the lost database are gone, but for what the hub's configuration holds.",
		"Run `audit now`. Keep the old database and every claim that was left out until all users have confirmed their files.")
}

// stepsFile put an sqlite file in the place of the old one.
func (v *rescueView) stepsFile(kubectl string) []string {
	kept := "before-rescue-" + v.At.UTC().Format("20060102T1504")
	pod := fmt.Sprintf(`{"spec":{"containers":[{"name":"hub-db","image":"busybox","command":["sleep","7200"],"volumeMounts":[{"name":"db","mountPath":"%s"}]}],`+
		`"volumes":[{"name":"db","persistentVolumeClaim":{"claimName":"hub-db-dir"}}]}}`, hubFolder)
	return []string{
		"Reach the hub's volume: `" + kubectl + " run hub-db --image=busybox --restart=Never --overrides='" + pod + "'` then `" + kubectl + " wait --for=condition=Ready pod/hub-db --timeout=5m`.",
		"Keep a copy of the old database, with whatever lies beside it: `" + kubectl + " cp hub-db:" + hubFolder + " ./hub-db-" + kept + "`. Look into that folder before you go on.",
		"Put the new one beside it, and compare: `" + kubectl + " cp " + v.Out + " hub-db:" + hubFolder + "/rescued.sqlite` then `" + kubectl + " exec hub-db -- sha256sum " + hubFolder + "/rescued.sqlite` and `sha256sum " + v.Out + "`.",
		"If both sums are the same, exchange them; the old one stays on the volume, too: `" + kubectl + " exec hub-db -- sh -c 'cd " + hubFolder + " && mkdir " + kept + " && { mv jupyterhub.sqlite* " + kept +
			"/; mv rescued.sqlite jupyterhub.sqlite; } && chown 1000:1000 jupyterhub.sqlite'` (1000 is the hub's user in Zero to JupyterHub).",
		"Let go of the volume: `" + kubectl + " delete pod hub-db`.",
	}
}

// stepsServer run SQL on the empty database of a server.
func (v *rescueView) stepsServer() []string {
	file := v.Out
	if file == "-" {
		file = "rescued.sql"
	}
	dump, run := "pg_dump --format=custom --file=before-rescue.dump OLD_DATABASE", "psql --set=ON_ERROR_STOP=1 --file="+file+" NEW_DATABASE"
	if v.Engine == "mysql" {
		dump, run = "mysqldump --single-transaction OLD_DATABASE > before-rescue.sql", "mysql --default-character-set=utf8mb4 NEW_DATABASE < "+file
	}
	return []string{
		"Keep the old database: `" + dump + "`.",
		"Fill the empty database that was read (`" + strings.ReplaceAll(v.Into, "`", "'") + "`): `" + run + "`. It is one transaction: all or nothing. Delete the file then, it holds new cookie_ids.",
		"Let the hub's configuration (`hub.db.url`) name that database.",
	}
}
