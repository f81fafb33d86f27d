package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/googleapi"
)

// googleClient is an HTTP client with a login for one of Google's APIs, and
// what lets go of its connections.
func googleClient(ctx context.Context, credentialsFile, scope string) (*http.Client, func(), error) {
	transport := plainTransport()
	// Tokens are asked for during later requests, which have deadlines of their own.
	later := context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, &http.Client{Transport: transport, Timeout: tokenTimeout})
	creds, err := within(ctx, func() (*google.Credentials, error) { return googleLogin(later, credentialsFile, scope) })
	if err != nil {
		return nil, nil, &loginError{err}
	}
	return &http.Client{Transport: &oauth2.Transport{Source: tokens{creds.TokenSource}, Base: transport}}, transport.CloseIdleConnections, nil
}

// tokens tells a login that gives no token from a server that cannot be reached.
type tokens struct{ oauth2.TokenSource }

func (t tokens) Token() (*oauth2.Token, error) {
	token, err := t.TokenSource.Token()
	if _, refused := errors.AsType[*oauth2.RetrieveError](err); err != nil && !refused && !isNetwork(err) {
		err = &loginError{err}
	}
	return token, err
}

// tokenTimeout bounds asking for a token.
const tokenTimeout = 15 * time.Second

// within runs what takes no context, and leaves it behind when ctx ends.
func within[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := do()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// logins are the kinds of files that are accepted.
var logins = map[google.CredentialsType]bool{google.ServiceAccount: true, google.ExternalAccount: true, google.AuthorizedUser: true, google.ImpersonatedServiceAccount: true}

func googleLogin(ctx context.Context, file, scope string) (*google.Credentials, error) {
	if file == "" {
		return google.FindDefaultCredentials(ctx, scope)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var head struct {
		Type google.CredentialsType `json:"type"`
	}
	if err := json.Unmarshal(data, &head); err != nil || !logins[head.Type] {
		return nil, fmt.Errorf("%s is not a login for Google in JSON, such as the key of a service account", file)
	}
	creds, err := google.CredentialsFromJSONWithType(ctx, data, head.Type, scope)
	if err != nil {
		return nil, fmt.Errorf("%s is not a complete login of type %s", file, head.Type)
	}
	return creds, nil
}

// attempts are made of a request that Google's servers ask to repeat; pause is
// doubled after each.
const (
	attempts = 4
	pause    = 250 * time.Millisecond
)

// repeated makes a request again while the server says that it is busy.
func repeated(ctx context.Context, request func() error) error {
	wait := pause
	for attempt := 1; ; attempt++ {
		err := request()
		a, ok := googleAnswer(err)
		if !ok || attempt == attempts || a.status != http.StatusTooManyRequests && a.status < 500 {
			return err
		}
		select {
		case <-time.After(wait):
			wait *= 2
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// googleAnswer is what one of Google's APIs said of a request that it refused.
func googleAnswer(err error) (answer, bool) {
	if token, ok := errors.AsType[*oauth2.RetrieveError](err); ok { // the endpoint for tokens
		a := answer{code: token.ErrorCode, message: token.ErrorDescription, login: true}
		if token.Response != nil {
			a.status = token.Response.StatusCode
		}
		return a, true
	}
	api, ok := errors.AsType[*googleapi.Error](err)
	if !ok {
		return answer{}, false
	}
	a := answer{status: api.Code, message: api.Message}
	if len(api.Errors) > 0 {
		a.code = api.Errors[0].Reason
	}
	return a, true
}
