package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"hubaudit/internal/objecturl"
)

// azureStore is a container of Azure Blob Storage.
type azureStore struct {
	client  *container.Client
	release func()
}

// azureDomain is that of Azure's public cloud.
const azureDomain = "blob.core.windows.net"

func openAzure(_ context.Context, u objecturl.URL, credentialsFile string) (store, error) {
	transport := plainTransport()
	options := &container.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: &http.Client{Transport: transport},
		Retry: policy.RetryOptions{MaxRetries: 2, RetryDelay: 500 * time.Millisecond, MaxRetryDelay: 5 * time.Second}}}
	client, err := azureContainer(u, credentialsFile, options)
	if err != nil {
		return nil, &loginError{err}
	}
	return &azureStore{client, transport.CloseIdleConnections}, nil
}

// azureContainer logs in with a connection string, an account's key, a shared
// access signature or as the workload, whichever is there first.
func azureContainer(u objecturl.URL, file string, options *container.ClientOptions) (*container.Client, error) {
	connection := cmp.Or(os.Getenv("AZURE_STORAGE_CONNECTION_STRING"), os.Getenv("AZURE_STORAGEBLOB_CONNECTIONSTRING"))
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		connection = strings.TrimSpace(string(data))
	}
	if connection != "" && !u.Set("anonymous") {
		client, err := container.NewClientFromConnectionString(connection, u.Bucket, options)
		if err != nil { // the library's error may quote it
			return nil, errors.New("the connection string is not one of Azure Storage, such as DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…")
		}
		return client, nil
	}
	account := cmp.Or(u.Options["storage_account"], os.Getenv("AZURE_STORAGE_ACCOUNT"))
	if account == "" {
		return nil, errors.New("it is not said whose container it is: write ?storage_account=NAME")
	}
	address := fmt.Sprintf("%s://%s.%s/%s", cmp.Or(u.Options["protocol"], "https"), account, cmp.Or(u.Options["domain"], azureDomain), u.Bucket)
	key, signature := os.Getenv("AZURE_STORAGE_KEY"), os.Getenv("AZURE_STORAGE_SAS_TOKEN")
	switch {
	case u.Set("anonymous"):
		return container.NewClientWithNoCredential(address, options)
	case key != "":
		shared, err := container.NewSharedKeyCredential(account, key)
		if err != nil {
			return nil, errors.New("AZURE_STORAGE_KEY is not the key of a storage account")
		}
		return container.NewClientWithSharedKeyCredential(address, shared, options)
	case signature != "":
		return container.NewClientWithNoCredential(address+"?"+strings.TrimPrefix(signature, "?"), options)
	}
	workload, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, err
	}
	return container.NewClient(address, workload, options)
}

func (s *azureStore) page(ctx context.Context, prefix, token string, deep bool) ([]object, string, error) {
	var items []*container.BlobItem
	var next *string
	marker := &token
	if token == "" {
		marker = nil
	}
	if deep {
		page, err := s.client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &prefix, Marker: marker}).NextPage(ctx)
		if err != nil {
			return nil, "", err
		}
		items, next = page.Segment.BlobItems, page.NextMarker
	} else {
		page, err := s.client.NewListBlobsHierarchyPager("/", &container.ListBlobsHierarchyOptions{Prefix: &prefix, Marker: marker}).NextPage(ctx)
		if err != nil {
			return nil, "", err
		}
		items, next = page.Segment.BlobItems, page.NextMarker
	}
	page := make([]object, 0, len(items))
	for _, b := range items {
		if b.Name == nil || b.Properties == nil || b.Properties.LastModified == nil {
			return nil, "", errors.New("the server's listing has a blob without a name or time")
		}
		if strings.EqualFold(value(b.Properties.ResourceType), "directory") { // of an account with hierarchical namespace
			continue
		}
		page = append(page, object{*b.Name, value(b.Properties.ContentLength), *b.Properties.LastModified})
	}
	return page, value(next), nil
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func (s *azureStore) get(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	out, err := s.client.NewBlobClient(key).DownloadStream(ctx, nil)
	if err != nil {
		return nil, 0, err
	}
	return out.Body, value(cmp.Or(out.ContentLength, to.Ptr(int64(-1)))), nil
}

func (s *azureStore) close() { s.release() }

// azureAnswer is what Azure said of a request that it refused.
func azureAnswer(err error) (answer, bool) {
	if resp, ok := errors.AsType[*azcore.ResponseError](err); ok {
		return answer{status: resp.StatusCode, code: resp.ErrorCode}, true
	}
	// A login that none of the workload's kinds has, or that was refused.
	if _, ok := errors.AsType[interface {
		error
		NonRetriable()
	}](err); ok {
		return answer{login: true}, true
	}
	return answer{}, false
}
