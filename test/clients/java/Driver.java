import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.huaweicloud.sdk.core.SdkResponse;
import com.huaweicloud.sdk.core.auth.BasicCredentials;
import com.huaweicloud.sdk.core.exception.ServiceResponseException;
import com.huaweicloud.sdk.core.http.HttpConfig;
import com.huaweicloud.sdk.core.region.Region;
import com.huaweicloud.sdk.core.utils.JsonUtils;
import com.huaweicloud.sdk.servicestage.v2.ServiceStageClient;
import com.huaweicloud.sdk.servicestage.v2.region.ServiceStageRegion;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;

/** The official Java client: reads calls from standard input, a line of JSON each, and answers each with one. */
public class Driver {
  // Strict where the client itself is not: a field that its models lack would be lost in silence.
  private static final ObjectMapper MAPPER =
      JsonUtils.getDefaultMapper().copy().enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

  public static void main(String[] args) throws Exception {
    ServiceStageClient client = connect(MAPPER.readTree(System.getenv("DRIVER")));
    PrintStream out = new PrintStream(System.out, true, "UTF-8");
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.println(MAPPER.writeValueAsString(answer(client, MAPPER.readTree(line))));
    }
    System.exit(0);
  }

  private static ServiceStageClient connect(JsonNode place) {
    String region = place.get("region").asText();
    String endpoint = place.get("endpoint").asText();
    BasicCredentials keys =
        new BasicCredentials().withAk(place.get("ak").asText()).withSk(place.get("sk").asText());
    com.huaweicloud.sdk.core.ClientBuilder<ServiceStageClient> builder =
        ServiceStageClient.newBuilder()
            .withHttpConfig(HttpConfig.getDefaultHttpConfig().withIgnoreSSLVerification(true));
    switch (place.get("mode").asText()) {
      case "environment":
        return builder.withRegion(ServiceStageRegion.valueOf(region)).build();
      case "region":
        return builder
            .withCredential(keys.withIamEndpoint(endpoint))
            .withRegion(new Region(region, endpoint))
            .build();
      default:
        if (place.has("securityToken")) {
          keys = keys.withSecurityToken(place.get("securityToken").asText());
        }
        return builder
            .withCredential(keys.withProjectId(place.get("projectId").asText()))
            .withEndpoint(endpoint)
            .build();
    }
  }

  private static ObjectNode answer(ServiceStageClient client, JsonNode call) {
    String operation = call.get("operation").asText();
    ObjectNode values = ((ObjectNode) call.get("parameters")).deepCopy();
    if (call.has("body")) values.set("body", call.get("body"));
    ObjectNode answer = MAPPER.createObjectNode().put("operation", operation);
    try {
      Class<?> type = Class.forName("com.huaweicloud.sdk.servicestage.v2.model." + operation + "Request");
      String method = Character.toLowerCase(operation.charAt(0)) + operation.substring(1);
      Object response =
          client.getClass().getMethod(method, type).invoke(client, fill(type, values));
      ObjectNode detail = (ObjectNode) MAPPER.readTree(JsonUtils.toJSON(response));
      int status = ((SdkResponse) response).getHttpStatusCode();
      answer.put("ok", true).put("status", status).set("detail", detail);
    } catch (InvocationTargetException thrown) {
      Throwable error = thrown.getCause();
      if (error instanceof ServiceResponseException) {
        ServiceResponseException refused = (ServiceResponseException) error;
        answer.put("ok", false).put("status", refused.getHttpStatusCode());
        answer
            .putObject("detail")
            .put("error_code", refused.getErrorCode())
            .put("error_msg", refused.getErrorMsg())
            .put("request_id", refused.getRequestId());
      } else failed(answer, error);
    } catch (Exception error) {
      failed(answer, error);
    }
    return answer;
  }

  private static void failed(ObjectNode answer, Throwable error) {
    answer.put("ok", false).put("status", 0).putObject("detail").put("error_msg", String.valueOf(error));
  }

  private static Object fill(Class<?> type, ObjectNode values) throws Exception {
    return MAPPER.treeToValue(values, type);
  }
}
