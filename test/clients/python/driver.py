"""The official Python client: reads calls from standard input, a line of JSON each, and answers each with one."""

import json
import os
import re
import sys

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import SdkException, ServiceResponseException
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkcore.utils.http_utils import sanitize_for_serialization
from huaweicloudsdkservicestage.v2 import ServiceStageClient
from huaweicloudsdkservicestage.v2 import model as models
from huaweicloudsdkservicestage.v2.region.servicestage_region import ServiceStageRegion

place = json.loads(os.environ["DRIVER"])


def connect():
    builder = ServiceStageClient.new_builder().with_http_config(HttpConfig(ignore_ssl_verification=True))
    if place["mode"] == "environment":
        return builder.with_region(ServiceStageRegion.value_of(place["region"])).build()
    if place["mode"] == "region":
        keys = BasicCredentials(place["ak"], place["sk"]).with_iam_endpoint(place["endpoint"])
        return builder.with_credentials(keys).with_region(Region(place["region"], place["endpoint"])).build()
    keys = BasicCredentials(place["ak"], place["sk"], place["projectId"])
    if "securityToken" in place:
        keys = keys.with_security_token(place["securityToken"])
    return builder.with_credentials(keys).with_endpoint(place["endpoint"]).build()


def snake(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def typed(kind, value):
    """The client's own model of that name, filled from JSON, as a program would fill it by hand."""
    of_list = re.fullmatch(r"list\[(.*)]", kind)
    if of_list:
        return [typed(of_list[1], each) for each in value]
    model = getattr(models, kind, None)
    if model is None or not isinstance(value, dict):
        return value
    known = {wire: name for name, wire in model.attribute_map.items()}
    strangers = set(value) - set(known)
    if strangers:
        raise ValueError(f"{kind} of this client has no {', '.join(sorted(strangers))}")
    return model(**{known[wire]: typed(model.openapi_types[known[wire]], each) for wire, each in value.items()})


def answer(call):
    operation = call["operation"]
    values = dict(call["parameters"])
    if "body" in call:
        values["body"] = call["body"]
    try:
        response = getattr(client, snake(operation))(typed(f"{operation}Request", values))
        detail = sanitize_for_serialization(response)
        return {"operation": operation, "ok": True, "status": response.status_code, "detail": detail}
    except ServiceResponseException as error:
        detail = {"error_code": error.error_code, "error_msg": error.error_msg, "request_id": error.request_id}
        return {"operation": operation, "ok": False, "status": error.status_code, "detail": detail}
    except (SdkException, ValueError, TypeError, AttributeError) as error:
        return {"operation": operation, "ok": False, "status": 0, "detail": {"error_msg": f"{type(error).__name__}: {error}"}}


client = connect()
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
