package backup

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hubaudit/internal/facts"
)

// azurePages answers as the published REST API of Azure Storage does: a fake,
// not a server of Azure's.
func azurePages(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case r.URL.Path == "/acct/con" && q.Get("comp") == "list" && q.Get("marker") == "":
		if q.Get("prefix") != "db-" || q.Get("delimiter") != "/" {
			http.Error(w, "unexpected", http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, `<?xml version="1.0"?><EnumerationResults ContainerName="con"><Blobs>`+
			azureBlob("db-2026-11-19.gz", 3, "file")+azureBlob("db-2026", 0, "directory")+
			`<BlobPrefix><Name>db-2026/</Name></BlobPrefix></Blobs><NextMarker>more</NextMarker></EnumerationResults>`)
	case r.URL.Path == "/acct/con" && q.Get("marker") == "more":
		fmt.Fprint(w, `<?xml version="1.0"?><EnumerationResults><Blobs>`+azureBlob("db-2026-11-20 a+b.gz", 5, "file")+`</Blobs><NextMarker/></EnumerationResults>`)
	case r.URL.Path == "/acct/con/db-2026-11-19.gz":
		w.Header().Set("Content-Encoding", "gzip") // to be handed on as it is
		fmt.Fprint(w, "abc")
	case r.URL.Path == "/acct/con/db-2026-11-20 a+b.gz":
		w.Header().Set("Content-Length", "5")
		fmt.Fprint(w, "abc")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case strings.HasPrefix(r.URL.Path, "/acct/role"):
		azureRefusal(w, http.StatusForbidden, "AuthorizationPermissionMismatch")
	default:
		azureRefusal(w, http.StatusNotFound, "ContainerNotFound")
	}
}

func azureBlob(name string, size int, kind string) string {
	return fmt.Sprintf("<Blob><Name>%s</Name><Properties><Last-Modified>Fri, 20 Nov 2026 03:00:12 GMT</Last-Modified>"+
		"<Content-Length>%d</Content-Length><BlobType>BlockBlob</BlobType><ResourceType>%s</ResourceType></Properties></Blob>", name, size, kind)
}

func azureRefusal(w http.ResponseWriter, status int, code string) {
	w.Header().Set("x-ms-error-code", code)
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>AuthorizationHeader s3cr3t</Message></Error>`, code)
}

// azureLocation is one on the fake, with a connection string as its login.
func azureLocation(t *testing.T, server *httptest.Server, files string) Location {
	t.Helper()
	login := filepath.Join(t.TempDir(), "connection")
	text := fmt.Sprintf("DefaultEndpointsProtocol=http;AccountName=acct;AccountKey=%s;BlobEndpoint=%s/acct;\n", base64.StdEncoding.EncodeToString([]byte("s3cr3t")), server.URL)
	if err := os.WriteFile(login, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := NewLocation(t.Context(), Options{Files: files, CredentialsFile: login})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestAzure(t *testing.T) {
	var methods []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		methods = append(methods, r.Method)
		azurePages(w, r)
	}))
	defer server.Close()
	l := azureLocation(t, server, "azblob://con/db-*")
	copies, err := l.List(t.Context())
	if err != nil || names(copies) != "db-2026-11-19.gz db-2026-11-20 a+b.gz" {
		t.Fatalf("found %v, %v", copies, err)
	}
	if data, err := readAll(l, facts.BackupCopy{Name: "db-2026-11-19.gz", SizeBytes: 3}); data != "abc" || err != nil {
		t.Errorf("read %q, %v", data, err)
	}
	_, err = readAll(l, facts.BackupCopy{Name: "db-2026-11-20 a+b.gz", SizeBytes: 5})
	wantFailure(t, "cut", err, facts.CauseUnreachable, "before its end")
	_, err = readAll(l, facts.BackupCopy{Name: "gone", SizeBytes: 5})
	wantFailure(t, "gone", err, facts.CauseMissing, "no such bucket")
	for files, tt := range map[string]struct {
		cause facts.Cause
		says  string
	}{
		"azblob://role/x": {facts.CauseForbidden, "Storage Blob Data Reader"},
		"azblob://none/x": {facts.CauseMissing, "there is no such bucket"},
	} {
		_, err := azureLocation(t, server, files).List(t.Context())
		wantFailure(t, files, err, tt.cause, tt.says)
		wantNoSecret(t, files, err)
	}
	for _, m := range methods {
		if m != http.MethodGet {
			t.Errorf("the audit only reads, and asked with %s", m)
		}
	}
	server.Close()
	_, err = l.List(t.Context())
	wantFailure(t, "closed", err, facts.CauseUnreachable, "connection refused")
}

func TestAzureLogins(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("sig") != "s3cr3t" {
			azureRefusal(w, http.StatusUnauthorized, "NoAuthenticationInformation")
			return
		}
		azureRefusal(w, http.StatusForbidden, "AuthorizationFailure")
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	t.Setenv("AZURE_STORAGE_CONNECTION_STRING", "BlobEndpoint="+server.URL+"/acct;SharedAccessSignature=sv=2024-11-04&sig=s3cr3t")
	for files, says := range map[string]string{
		"azblob://con/x": "AuthorizationFailure", // by the signature of the environment
		"azblob://con/x?anonymous=true&storage_account=localhost&protocol=http&domain=" + host: "no login", // not by it
	} {
		l, err := NewLocation(t.Context(), Options{Files: files})
		if err != nil {
			t.Fatal(err)
		}
		_, err = l.List(t.Context())
		if err == nil || says != "no login" && !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "AuthorizationFailure") && says == "no login" {
			t.Errorf("%s: %v, want %q", files, err, says)
		}
		wantNoSecret(t, files, err)
	}
}
