package text

import (
	"net/url"
	"strings"
)

// WebAddress is an address that a link may lead to: one of http or https, without
// a login or anything else in it that has no place in an address, of at most max
// bytes; "" for all others.
func WebAddress(address string, max int) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" ||
		len(address) > max || Clean(address) != address || strings.ContainsAny(address, " \"<>") {
		return ""
	}
	return address
}
