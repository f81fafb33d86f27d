package checks

import (
	"fmt"
	"strings"
	"unicode"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubUserNameRefused = &Check{
	ID:       "hub-user-name-refused",
	Title:    "The hub accepts the name of every user",
	Severity: verdict.Error,
	Since:    "0.2.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers},
	Doc: Doc{
		Meaning: "JupyterHub refuses names that are empty, begin or end with a blank, or hold a slash. Nobody can log in as such a user. With a blank " +
			"the owner is given a new account under the clean name at the next login, with a new, empty claim, while their files stay with the refused one; " +
			"with a slash or without any letter the login fails. Such names come from " +
			"lists that were imported by hand. The hub logs \"Error adding user\" at every start, and with `delete_invalid_users` it deletes the row.",
		FalseAlarms: "None for these three rules. Capitals, dots, addresses and any alphabet are fine. Whether a `username_pattern` in the hub's configuration " +
			"refuses a name is not seen from here.",
		Do: []string{
			"See that `c.Authenticator.delete_invalid_users` is not set; take it out before the hub starts again.",
			"Stop the hub: `kubectl -n NAMESPACE scale deployment/hub --replicas=0`. Copy the database to another volume.",
			"Where the clean name is free, rename the row: `UPDATE users SET name = 'alice' WHERE id = 12;`. The id stays, and with it servers and claims.",
			"Where the details name an account under the clean name, its owner has worked there since: rename that account out of the way first, and copy what is new in its claim into the first one.",
			"See that the state of the user's servers names their claim (pvc_name): otherwise the claim is looked for under the new name.",
			"Start the hub, run `audit now`, and ask the users to log in and look at their files.",
		},
		Dont: []string{
			"Do not set `delete_invalid_users`: it deletes these rows without their claims, and nobody knows any more whose the files are.",
			"Do not delete the users through the hub: that deletes their claims.",
		},
		Sources: []string{
			"jupyterhub/auth.py (validate_username, add_user), jupyterhub/app.py (init_users)",
			"tried on JupyterHub 3.0.0: '', leading and trailing blanks of ASCII and Unicode, a slash",
		},
	},
	Run: runHubUserNameRefused,
}

func runHubUserNameRefused(in *Input) Result {
	r := Result{Unknown: usersUnread(in.Hub)}
	var names map[string]*facts.User // made when the first refused name asks for it
	for i := range in.Hub.Users {
		u := &in.Hub.Users[i]
		why := refused(u.Name)
		if why == "" {
			continue
		}
		if names == nil {
			names = usersByName(in.Hub)
		}
		r.Findings = append(r.Findings, nameRefused(u, why, names))
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("%s of %s have names that the hub refuses: nobody can log in as them", text.Number(n), text.Count(len(in.Hub.Users), "user"))
	}
	return r
}

// refused says why JupyterHub refuses a user name, "" if it does not.
func refused(name string) string {
	switch {
	case name == "":
		return "is empty"
	case strings.Contains(name, "/"):
		return "holds a slash"
	case strings.TrimFunc(name, pythonBlank) != name:
		return "begins or ends with a blank"
	}
	return ""
}

// pythonBlank tells whether Python's str.strip takes a character off: Unicode's
// white space and the four separators of ASCII.
func pythonBlank(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

func usersByName(h *facts.Hub) map[string]*facts.User {
	names := make(map[string]*facts.User, len(h.Users))
	for i := range h.Users {
		names[h.Users[i].Name] = &h.Users[i]
	}
	return names
}

func nameRefused(u *facts.User, why string, names map[string]*facts.User) verdict.Finding {
	f := verdict.Finding{Subject: userSubject(u), Details: map[string]string{"why": why},
		Message: fmt.Sprintf("the name of %s %s: the hub refuses it, and ", userText(u), why)}
	clean := strings.TrimFunc(u.Name, pythonBlank)
	if clean == "" || strings.Contains(clean, "/") {
		f.Message += "its owner cannot log in"
	} else {
		f.Message += "its owner is given a new account"
	}
	account := names[clean]
	if account == nil {
		account = names[strings.ToLower(clean)] // a login is in lower case by default
	}
	if account != nil && account != u {
		f.Message += "; there is already " + userText(account)
		f.Details["account"] = account.Name
	}
	return f
}
