// The official Go client: reads calls from standard input, a line of JSON each, and answers each with one.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/basic"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/config"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/region"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/sdkerr"
	servicestage "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/servicestage/v2"
	regions "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/servicestage/v2/region"
)

type place struct {
	Mode, Endpoint, Region, Ak, Sk, ProjectId, SecurityToken string
}

type call struct {
	Operation  string
	Parameters map[string]json.RawMessage
	Body       json.RawMessage
}

type answer struct {
	Operation string      `json:"operation"`
	Ok        bool        `json:"ok"`
	Status    int         `json:"status"`
	Detail    interface{} `json:"detail"`
}

func connect() (*servicestage.ServiceStageClient, error) {
	var at place
	if err := json.Unmarshal([]byte(os.Getenv("DRIVER")), &at); err != nil {
		return nil, err
	}
	builder := servicestage.ServiceStageClientBuilder().
		WithHttpConfig(config.DefaultHttpConfig().WithIgnoreSSLVerification(true))
	keys := basic.NewCredentialsBuilder().WithAk(at.Ak).WithSk(at.Sk)
	switch at.Mode {
	case "environment":
		found, err := regions.SafeValueOf(at.Region)
		if err != nil {
			return nil, err
		}
		builder = builder.WithRegion(found)
	case "region":
		made, err := keys.WithIamEndpointOverride(at.Endpoint).SafeBuild()
		if err != nil {
			return nil, err
		}
		builder = builder.WithCredential(made).WithRegion(region.NewRegion(at.Region, at.Endpoint))
	default:
		if at.SecurityToken != "" {
			keys = keys.WithSecurityToken(at.SecurityToken)
		}
		made, err := keys.WithProjectId(at.ProjectId).SafeBuild()
		if err != nil {
			return nil, err
		}
		builder = builder.WithCredential(made).WithEndpoint(at.Endpoint)
	}
	client, err := builder.SafeBuild()
	if err != nil {
		return nil, err
	}
	return servicestage.NewServiceStageClient(client), nil
}

func ask(client *servicestage.ServiceStageClient, c call) answer {
	failed := func(err error) answer {
		var refused *sdkerr.ServiceResponseError
		if errors.As(err, &refused) {
			return answer{c.Operation, false, refused.StatusCode, map[string]string{
				"error_code": refused.ErrorCode, "error_msg": refused.ErrorMessage, "request_id": refused.RequestId,
			}}
		}
		return answer{c.Operation, false, 0, map[string]string{"error_msg": fmt.Sprintf("%T: %v", err, err)}}
	}
	method := reflect.ValueOf(client).MethodByName(c.Operation)
	if !method.IsValid() {
		return failed(fmt.Errorf("this client has no operation %s", c.Operation))
	}
	if c.Body != nil {
		c.Parameters["body"] = c.Body
	}
	values, err := json.Marshal(c.Parameters)
	if err != nil {
		return failed(err)
	}
	request := reflect.New(method.Type().In(0).Elem())
	decoder := json.NewDecoder(bytes.NewReader(values))
	// Strict where the client itself is not: a field that its models lack would be lost in silence.
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(request.Interface()); err != nil {
		return failed(err)
	}
	results := method.Call([]reflect.Value{request})
	if err, isError := results[1].Interface().(error); isError && err != nil {
		return failed(err)
	}
	response := results[0]
	return answer{c.Operation, true, int(response.Elem().FieldByName("HttpStatusCode").Int()), response.Interface()}
}

func main() {
	client, err := connect()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for lines.Scan() {
		var c call
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := out.Encode(ask(client, c)); err != nil {
			os.Exit(1)
		}
	}
}
