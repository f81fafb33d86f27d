package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"hubaudit/internal/objecturl"
)

// s3Store is a bucket of S3 or of a server that speaks its protocol.
type s3Store struct {
	client *s3.Client
	bucket string
	// login tells whether requests are signed.
	login   aws.CredentialsProvider
	release func()
}

// defaultRegion is signed with where none is known: servers of others do not
// mind, and AWS answers with the right one.
const defaultRegion = "us-east-1"

func openS3(ctx context.Context, u objecturl.URL, credentialsFile string) (store, error) {
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 1 })
	options := []func(*config.LoadOptions) error{config.WithHTTPClient(client), config.WithLogger(logging.Nop{})}
	if region := u.Options["region"]; region != "" {
		options = append(options, config.WithRegion(region))
	}
	if profile := u.Options["profile"]; profile != "" || credentialsFile != "" {
		options = append(options, config.WithSharedConfigProfile(cmp.Or(profile, "default")))
	}
	if credentialsFile != "" { // and no other file
		if _, err := os.Stat(credentialsFile); err != nil { // of which AWS says only that it lacks the profile
			return nil, &loginError{err}
		}
		options = append(options, config.WithSharedCredentialsFiles([]string{credentialsFile}), config.WithSharedConfigFiles([]string{credentialsFile}))
	}
	if u.Set("fips") {
		options = append(options, config.WithUseFIPSEndpoint(aws.FIPSEndpointStateEnabled))
	}
	if u.Set("dualstack") {
		options = append(options, config.WithUseDualStackEndpoint(aws.DualStackEndpointStateEnabled))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, &loginError{err}
	}
	cfg.Region = cmp.Or(cfg.Region, defaultRegion)
	if role := u.Options["role"]; role != "" {
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), role))
	}
	if u.Set("anonymous") {
		cfg.Credentials = aws.AnonymousCredentials{}
	}
	s := &s3Store{bucket: u.Bucket, login: cfg.Credentials, release: func() { client.GetTransport().CloseIdleConnections() }}
	s.client = s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = u.Set("use_path_style")
		o.DisableLogOutputChecksumValidationSkipped = true
		if endpoint := u.Options["endpoint"]; endpoint != "" {
			o.BaseEndpoint = &endpoint
		}
	})
	return s, nil
}

// signs looks for the login first, so that its want is not taken for an answer
// of the server.
func (s *s3Store) signs(ctx context.Context) error {
	if _, anonymous := s.login.(aws.AnonymousCredentials); anonymous {
		return nil
	}
	if _, err := s.login.Retrieve(ctx); err != nil {
		return &loginError{err}
	}
	return nil
}

func (s *s3Store) page(ctx context.Context, prefix, token string, deep bool) ([]object, string, error) {
	if err := s.signs(ctx); err != nil {
		return nil, "", err
	}
	// Keys are asked for in percent-encoding: XML cannot hold all that keys can.
	in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix, EncodingType: types.EncodingTypeUrl}
	if !deep {
		in.Delimiter = aws.String("/")
	}
	if token != "" {
		in.ContinuationToken = &token
	}
	out, err := s.client.ListObjectsV2(ctx, in)
	if err != nil {
		return nil, "", err
	}
	page := make([]object, len(out.Contents))
	for i, o := range out.Contents {
		key := aws.ToString(o.Key)
		if out.EncodingType == types.EncodingTypeUrl {
			if key, err = url.QueryUnescape(key); err != nil {
				return nil, "", fmt.Errorf("the server's listing has a key that is not encoded as it says: %w", err)
			}
		}
		page[i] = object{key, aws.ToInt64(o.Size), aws.ToTime(o.LastModified)}
	}
	next := aws.ToString(out.NextContinuationToken)
	if aws.ToBool(out.IsTruncated) && next == "" {
		return nil, "", errors.New("the server says that its listing goes on, and not where")
	}
	return page, next, nil
}

func (s *s3Store) get(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	if err := s.signs(ctx); err != nil {
		return nil, 0, err
	}
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return nil, 0, err
	}
	if out.ContentLength == nil {
		return out.Body, -1, nil
	}
	return out.Body, *out.ContentLength, nil
}

func (s *s3Store) close() { s.release() }

// s3Answer is what a server of S3 said of a request that it refused.
func s3Answer(err error) (a answer, ok bool) {
	api, said := errors.AsType[smithy.APIError](err)
	if said {
		a.code, a.message = api.ErrorCode(), api.ErrorMessage()
	}
	resp, answered := errors.AsType[*smithyhttp.ResponseError](err)
	if answered && resp.Response != nil {
		a.status = resp.HTTPStatusCode()
		a.region = resp.Response.Header.Get("X-Amz-Bucket-Region")
	}
	return a, said || answered && a.status != 0
}
