package backup

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"

	"hubaudit/internal/facts"
)

// wantNoSecret greps for what no message may hold.
func wantNoSecret(t *testing.T, name string, err error) {
	t.Helper()
	for _, secret := range []string{"s3cr3t", "sig=", "Signature=", "X-Amz-"} {
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error shows a secret (%s): %v", name, secret, err)
		}
	}
}

func amazon(status int, code string, header http.Header) error {
	return &smithy.OperationError{ServiceID: "S3", OperationName: "ListObjectsV2", Err: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status, Header: header}},
		Err:      &smithy.GenericAPIError{Code: code, Message: "said"}}}
}

func TestFailuresAreClassed(t *testing.T) {
	signed := "https://acct.blob.core.windows.net/con?comp=list&sig=s3cr3t"
	l, _ := objectsOf(t, "s3://bucket/db-*")
	for name, tt := range map[string]struct {
		err   error
		tried action
		cause facts.Cause
		says  string
	}{
		"may not list":   {amazon(403, "AccessDenied", nil), listing, facts.CauseForbidden, "give it s3:ListBucket on the bucket"},
		"may not read":   {amazon(403, "AccessDenied", nil), opening, facts.CauseForbidden, "give it s3:GetObject on its objects"},
		"unknown login":  {amazon(403, "InvalidAccessKeyId", nil), listing, facts.CauseForbidden, "the login is not accepted"},
		"wrong key":      {amazon(403, "SignatureDoesNotMatch", nil), listing, facts.CauseForbidden, "the login is not accepted"},
		"no bucket":      {amazon(404, "NoSuchBucket", nil), listing, facts.CauseMissing, "there is no such bucket"},
		"no object":      {amazon(404, "NoSuchKey", nil), opening, facts.CauseMissing, "gone since it was listed"},
		"bucket went":    {amazon(404, "NoSuchBucket", nil), opening, facts.CauseMissing, "there is no such bucket"},
		"other region":   {amazon(301, "PermanentRedirect", http.Header{"X-Amz-Bucket-Region": {"eu-west-1"}}), listing, facts.CauseUnreadable, "write region=eu-west-1"},
		"Glacier":        {amazon(403, "InvalidObjectState", nil), opening, facts.CauseUnreadable, "it is archived"},
		"slow down":      {amazon(503, "SlowDown", nil), listing, facts.CauseUnreachable, "busy or broken"},
		"odd":            {amazon(418, "Teapot", nil), listing, facts.CauseUnreadable, "HTTP 418, Teapot: said"},
		"Google's 403":   {&googleapi.Error{Code: 403, Message: "no storage.objects.list"}, listing, facts.CauseForbidden, "no storage.objects.list"},
		"Google's login": {&url.Error{Op: "Get", URL: "https://x?sig=s3cr3t", Err: &oauth2.RetrieveError{ErrorCode: "invalid_grant", Body: []byte("s3cr3t")}}, listing, facts.CauseForbidden, "the login is not accepted"},
		"Azure's role":   {&azcore.ResponseError{StatusCode: 403, ErrorCode: "AuthorizationPermissionMismatch"}, listing, facts.CauseForbidden, "AuthorizationPermissionMismatch"},
		"Azure's key":    {fmt.Errorf("%s: %w", signed, &azcore.ResponseError{StatusCode: 403, ErrorCode: "AuthenticationFailed"}), listing, facts.CauseForbidden, "the login is not accepted"},
		"Azure's bucket": {&azcore.ResponseError{StatusCode: 404, ErrorCode: "ContainerNotFound"}, opening, facts.CauseMissing, "there is no such bucket"},
		"Azure's cellar": {&azcore.ResponseError{StatusCode: 409, ErrorCode: "BlobArchived"}, opening, facts.CauseUnreadable, "it is archived"},
		"no name":        {&url.Error{Op: "Get", URL: signed, Err: &net.DNSError{Err: "no such host", Name: "acct"}}, listing, facts.CauseUnreachable, "no such host"},
		"refused":        {&url.Error{Op: "Get", URL: signed, Err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}}, listing, facts.CauseUnreachable, "connection refused"},
		"untrusted":      {&url.Error{Op: "Get", URL: signed, Err: x509.UnknownAuthorityError{}}, listing, facts.CauseUnreachable, "SSL_CERT_FILE"},
		"no login":       {&loginError{errors.New("no EC2 IMDS role found")}, listing, facts.CauseForbidden, "name one as credentialsFile"},
		"deadline":       {&url.Error{Op: "Get", URL: signed, Err: context.DeadlineExceeded}, listing, facts.CauseTimeout, "no answer in time"},
		"garbage":        {fmt.Errorf("XML of %s: %s", signed, strings.Repeat("x", 9000)), listing, facts.CauseUnreadable, "xxx…"},
	} {
		err := l.failed(t.Context(), tt.err, tt.tried, "cannot")
		wantFailure(t, name, err, tt.cause, tt.says)
		wantNoSecret(t, name, err)
		if len(err.Error()) > 700 {
			t.Errorf("%s: %d characters", name, len(err.Error()))
		}
	}
}
