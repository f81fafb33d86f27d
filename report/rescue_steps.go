package report

import (
	"fmt"
	"strings"
)

// where Zero to JupyterHub keeps an sqlite database.
const hubFolder = "/srv/jupyterhub"

// steps are what to do with the new database, in order.
func (v *rescueView) steps() []string {
	if v.Out == "" {
		return nil
	}
	kubectl := "kubectl -n " + v.Namespace
	steps := []string{
		"Stop the hub: `" + kubectl + " scale deploy/hub --replicas=0`. Have users save their work, and stop the servers that still run, as the new database knows none of them: `" +
			kubectl + " delete pod -l component=singleuser-server`.",
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
		"Change the hub's cookie secret (Zero to JupyterHub: `hub.config.JupyterHub.cookie_secret`; else remove `jupyterhub_cookie_secret` beside the database) and restart the hub, so that no old session is taken for somebody.",
		"Make new API tokens for services and people: those of the lost database are gone, but for what the hub's configuration holds.",
		"Run `audit now`. Keep the old database and every claim that was left out until all users have confirmed their files.")
}

// stepsFile put an sqlite file in the place of the old one.
func (v *rescueView) stepsFile(kubectl string) []string {
	file := hubFolder + "/jupyterhub.sqlite"
	pod := fmt.Sprintf(`{"spec":{"containers":[{"name":"hub-db","image":"busybox","command":["sleep","7200"],"volumeMounts":[{"name":"db","mountPath":"%s"}]}],`+
		`"volumes":[{"name":"db","persistentVolumeClaim":{"claimName":"hub-db-dir"}}]}}`, hubFolder)
	return []string{
		"Reach the hub's volume: `" + kubectl + " run hub-db --image=busybox --restart=Never --overrides='" + pod + "'`.",
		"Keep the old database, with whatever lies beside it: `" + kubectl + " cp hub-db:" + hubFolder + " ./hub-db-before-rescue`.",
		"Put the new one in its place: `" + kubectl + " exec hub-db -- sh -c 'rm -f " + file + "-wal " + file + "-shm " + file + "-journal'`, `" +
			kubectl + " cp " + v.Out + " hub-db:" + file + "`, `" + kubectl + " exec hub-db -- chown 1000:1000 " + file + "` (1000 is the hub's user in Zero to JupyterHub), `" +
			kubectl + " delete pod hub-db`.",
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
