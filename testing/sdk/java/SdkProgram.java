import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.uid2.client.BidstreamClient;
import com.uid2.client.DecryptionResponse;
import com.uid2.client.EncryptionDataResponse;
import com.uid2.client.IUID2Client;
import com.uid2.client.IdentityMapClient;
import com.uid2.client.IdentityMapInput;
import com.uid2.client.IdentityMapResponse;
import com.uid2.client.IdentityMapV3Client;
import com.uid2.client.IdentityMapV3Input;
import com.uid2.client.IdentityMapV3Response;
import com.uid2.client.IdentityTokens;
import com.uid2.client.PublisherUid2Client;
import com.uid2.client.RefreshResponse;
import com.uid2.client.SharingClient;
import com.uid2.client.TokenGenerateInput;
import com.uid2.client.TokenGenerateResponse;
import com.uid2.client.TokenRefreshResponse;
import com.uid2.client.UID2ClientFactory;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Drives the official UID2 SDK for Java on behalf of the contract tests.
 *
 * <p>One JSON request per line on standard input, one JSON reply per line on standard output, in the form that
 * sdk_program.py describes. The program judges nothing: it reports what the SDK answered or threw. It ends when standard
 * input ends.
 */
public final class SdkProgram {
  private static final Gson GSON = new GsonBuilder().serializeNulls().disableHtmlEscaping().create();
  /** The SDK's client objects, kept because key clients hold their keys. */
  private static final Map<String, Object> OPENED = new HashMap<>();

  private record Credentials(String url, String apiKey, String secret) {}

  @FunctionalInterface
  private interface Opener<T> {
    T open(String url, String apiKey, String secret);
  }

  public static void main(String[] arguments) throws Exception {
    PrintStream replies = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    System.setOut(System.err); // the reply stream must hold replies only
    BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = requests.readLine(); line != null; line = requests.readLine()) {
      replies.println(GSON.toJson(answer(GSON.fromJson(line, JsonObject.class))));
    }
  }

  private static Map<String, Object> answer(JsonObject request) {
    Map<String, Object> reply = new LinkedHashMap<>();
    reply.put("id", request.get("id").getAsLong());
    try {
      Credentials credentials = GSON.fromJson(request.get("client"), Credentials.class);
      reply.put("result", run(request.get("operation").getAsString(), credentials, request.getAsJsonObject("arguments")));
    } catch (Throwable failure) { // everything the SDK throws is a result of the test
      StringBuilder message = new StringBuilder();
      for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
        message.append(message.length() == 0 ? "" : " <- ").append(cause.getMessage());
      }
      reply.put("error", Map.of("type", failure.getClass().getSimpleName(), "message", message.toString()));
    }
    return reply;
  }

  private static Object run(String operation, Credentials client, JsonObject arguments) throws Exception {
    switch (operation) {
      case "generateToken":
        return generateToken(client, arguments);
      case "refreshToken":
        return refreshToken(client, arguments);
      case "mapV2":
        return mapV2(client, arguments);
      case "mapV3":
        return mapV3(client, arguments);
      case "refreshKeys":
        return refreshKeys(client, arguments);
      case "decrypt":
        return decrypt(client, arguments);
      case "encrypt":
        return encrypt(client, arguments);
      default:
        throw new IllegalArgumentException("this program has no operation " + operation);
    }
  }

  private static Map<String, Object> generateToken(Credentials client, JsonObject arguments) {
    String value = text(arguments, "value");
    TokenGenerateInput input;
    switch (text(arguments, "kind")) {
      case "email":
        input = TokenGenerateInput.fromEmail(value);
        break;
      case "phone":
        input = TokenGenerateInput.fromPhone(value);
        break;
      case "email_hash":
        input = TokenGenerateInput.fromHashedEmail(value);
        break;
      default:
        input = TokenGenerateInput.fromHashedPhone(value);
    }
    if (arguments.has("consent")) {
      input = input.withTransparencyAndConsentString(text(arguments, "consent"));
    }
    TokenGenerateResponse response = publisher(client).generateTokenResponse(input);
    return response.isOptout() ? optedOut() : success(response.getIdentity());
  }

  private static Map<String, Object> refreshToken(Credentials client, JsonObject arguments) {
    IdentityTokens identity = IdentityTokens.fromJsonString(text(arguments, "identity"));
    TokenRefreshResponse response = publisher(client).refreshToken(identity);
    return response.isOptout() ? optedOut() : success(response.getIdentity());
  }

  private static Map<String, Object> mapV2(Credentials client, JsonObject arguments) {
    List<String> values = texts(arguments, "values");
    IdentityMapInput input;
    switch (text(arguments, "kind")) {
      case "email":
        input = IdentityMapInput.fromEmails(values);
        break;
      case "phone":
        input = IdentityMapInput.fromPhones(values);
        break;
      case "email_hash":
        input = IdentityMapInput.fromHashedEmails(values);
        break;
      default:
        input = IdentityMapInput.fromHashedPhones(values);
    }
    IdentityMapResponse response = open("mapV2", client, IdentityMapClient::new).generateIdentityMap(input);
    Map<String, Object> mapped = new LinkedHashMap<>();
    response.getMappedIdentities().forEach(
        (identity, uid) -> mapped.put(identity, Map.of("rawUid", uid.getRawUid(), "bucketId", uid.getBucketId())));
    Map<String, Object> unmapped = new LinkedHashMap<>();
    response.getUnmappedIdentities().forEach((identity, reason) -> unmapped.put(identity, reason.getReason()));
    return Map.of("mapped", mapped, "unmapped", unmapped);
  }

  private static Map<String, Object> mapV3(Credentials client, JsonObject arguments) {
    IdentityMapV3Input input = new IdentityMapV3Input()
        .withEmails(texts(arguments, "email"))
        .withPhones(texts(arguments, "phone"))
        .withHashedEmails(texts(arguments, "email_hash"))
        .withHashedPhones(texts(arguments, "phone_hash"));
    IdentityMapV3Response response = open("mapV3", client, IdentityMapV3Client::new).generateIdentityMap(input);
    Map<String, Object> mapped = new LinkedHashMap<>();
    response.getMappedIdentities().forEach((identity, uid) -> {
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("rawUid", uid.getCurrentRawUid());
      entry.put("previousRawUid", uid.getPreviousRawUid());
      entry.put("refreshFromMs", milliseconds(uid.getRefreshFrom()));
      mapped.put(identity, entry);
    });
    Map<String, Object> unmapped = new LinkedHashMap<>();
    response.getUnmappedIdentities().forEach((identity, reason) -> unmapped.put(
        identity, Map.of("reason", reason.getReason().name(), "rawReason", reason.getRawReason())));
    return Map.of("mapped", mapped, "unmapped", unmapped);
  }

  private static Map<String, Object> refreshKeys(Credentials client, JsonObject arguments) throws Exception {
    Map<String, Object> result = new LinkedHashMap<>();
    RefreshResponse response;
    switch (text(arguments, "kind")) {
      case "bidstream":
        response = open("bidstream", client, BidstreamClient::new).refresh();
        break;
      case "sharing":
        response = open("sharing", client, SharingClient::new).refresh();
        break;
      default:
        legacy(client).refresh();
        result.put("success", true);
        return result;
    }
    result.put("success", response.isSuccess());
    result.put("reason", response.getReason());
    return result;
  }

  private static Map<String, Object> decrypt(Credentials client, JsonObject arguments) throws Exception {
    String token = text(arguments, "token");
    DecryptionResponse response;
    switch (text(arguments, "kind")) {
      case "bidstream":
        response = open("bidstream", client, BidstreamClient::new).decryptTokenIntoRawUid(token, text(arguments, "domain"));
        break;
      case "sharing":
        response = open("sharing", client, SharingClient::new).decryptTokenIntoRawUid(token);
        break;
      default:
        response = legacy(client).decrypt(token);
    }
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("status", response.getStatus().name());
    result.put("rawUid", response.getUid());
    result.put("siteId", response.getSiteId());
    result.put("identityType", response.getIdentityType() == null ? null : response.getIdentityType().name());
    result.put("tokenVersion", response.getAdvertisingTokenVersion());
    result.put("clientSideGenerated", response.getIsClientSideGenerated());
    result.put("establishedMs", milliseconds(response.getEstablished()));
    result.put("expiryMs", milliseconds(response.getExpiry()));
    return result;
  }

  private static Map<String, Object> encrypt(Credentials client, JsonObject arguments) throws Exception {
    String rawUid = text(arguments, "rawUid");
    EncryptionDataResponse response = text(arguments, "kind").equals("legacy")
        ? legacy(client).encrypt(rawUid)
        : open("sharing", client, SharingClient::new).encryptRawUidIntoToken(rawUid);
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("status", response.getStatus().name());
    result.put("token", response.getEncryptedData());
    return result;
  }

  private static Map<String, Object> optedOut() {
    return Map.of("status", "optout");
  }

  private static Map<String, Object> success(IdentityTokens identity) {
    return Map.of(
        "status", "success",
        "identity", Map.of(
            "advertisingToken", identity.getAdvertisingToken(),
            "refreshToken", identity.getRefreshToken(),
            "refreshable", identity.isRefreshable(),
            "json", identity.getJsonString()));
  }

  private static PublisherUid2Client publisher(Credentials client) {
    return open("publisher", client, PublisherUid2Client::new);
  }

  private static IUID2Client legacy(Credentials client) {
    return open("legacy", client, UID2ClientFactory::create);
  }

  @SuppressWarnings("unchecked")
  private static <T> T open(String kind, Credentials client, Opener<T> opener) {
    String key = String.join("\n", kind, client.url(), client.apiKey(), client.secret());
    return (T) OPENED.computeIfAbsent(key, ignored -> opener.open(client.url(), client.apiKey(), client.secret()));
  }

  private static String text(JsonObject arguments, String name) {
    JsonElement value = arguments.get(name);
    return value == null || value.isJsonNull() ? null : value.getAsString();
  }

  private static List<String> texts(JsonObject arguments, String name) {
    List<String> values = new ArrayList<>();
    if (arguments.has(name)) {
      arguments.getAsJsonArray(name).forEach(value -> values.add(value.getAsString()));
    }
    return values;
  }

  /** The SDK says Instant.MIN or Instant.MAX where it knows no time. */
  private static Long milliseconds(Instant instant) {
    return instant == null || instant.equals(Instant.MIN) || instant.equals(Instant.MAX) ? null : instant.toEpochMilli();
  }

  private SdkProgram() {}
}
