"""Drives the official UID2 SDK for Python on behalf of the contract tests.

One JSON request per line on standard input, one JSON reply per line on standard output:

    {"id": 1, "operation": "generateToken", "client": {"url": ..., "apiKey": ..., "secret": ...}, "arguments": {...}}
    {"id": 1, "result": {...}}     or     {"id": 1, "error": {"type": ..., "message": ..., "httpStatus": ..., "body": ...}}

The program judges nothing: it reports what the SDK answered or raised. It ends when standard input ends.
"""

import datetime
import json
import sys
import urllib.error

import uid2_client as sdk
from uid2_client.identity_tokens import IdentityTokens

# The SDK prints some complaints; the reply stream must hold replies only.
replies = sys.stdout
sys.stdout = sys.stderr

TOKEN_INPUTS = {
    "email": sdk.TokenGenerateInput.from_email,
    "phone": sdk.TokenGenerateInput.from_phone,
    "email_hash": sdk.TokenGenerateInput.from_hashed_email,
    "phone_hash": sdk.TokenGenerateInput.from_hashed_phone,
}
MAP_V2_INPUTS = {
    "email": sdk.IdentityMapInput.from_emails,
    "phone": sdk.IdentityMapInput.from_phones,
    "email_hash": sdk.IdentityMapInput.from_hashed_emails,
    "phone_hash": sdk.IdentityMapInput.from_hashed_phones,
}
CLIENTS = {
    "publisher": sdk.Uid2PublisherClient,
    "mapV2": sdk.IdentityMapClient,
    "mapV3": sdk.IdentityMapV3Client,
    "bidstream": sdk.BidstreamClient,
    "sharing": sdk.SharingClient,
    "legacy": sdk.Uid2ClientFactory.create,
}

opened = {}


def client(kind, credentials):
    """The SDK's client object of one kind for one participant; kept, because key clients hold their keys."""
    key = (kind, credentials["url"], credentials["apiKey"], credentials["secret"])
    if key not in opened:
        opened[key] = CLIENTS[kind](credentials["url"], credentials["apiKey"], credentials["secret"])
    return opened[key]


def milliseconds(moment):
    return None if moment is None else round(moment.timestamp() * 1000)


def outcome(response):
    if response.is_optout():
        return {"status": "optout"}
    identity = response.get_identity()
    return {
        "status": "success",
        "identity": {
            "advertisingToken": identity.get_advertising_token(),
            "refreshToken": identity.get_refresh_token(),
            "refreshable": identity.is_refreshable(),
            "json": identity.get_json_string(),
        },
    }


def generate_token(credentials, arguments):
    token_input = TOKEN_INPUTS[arguments["kind"]](arguments["value"])
    if arguments.get("consent") is not None:
        token_input = token_input.with_transparency_and_consent_string(arguments["consent"])
    if arguments.get("raw"):
        token_input = token_input.do_not_hash()
    return outcome(client("publisher", credentials).generate_token(token_input))


def refresh_token(credentials, arguments):
    identity = IdentityTokens.from_json_string(arguments["identity"])
    return outcome(client("publisher", credentials).refresh_token(identity))


def map_v2(credentials, arguments):
    response = client("mapV2", credentials).generate_identity_map(MAP_V2_INPUTS[arguments["kind"]](arguments["values"]))
    return {
        "mapped": {
            value: {"rawUid": mapped.get_raw_uid(), "bucketId": mapped.get_bucket_id()}
            for value, mapped in response.mapped_identities.items()
        },
        "unmapped": {value: unmapped.get_reason() for value, unmapped in response.unmapped_identities.items()},
    }


def map_v3(credentials, arguments):
    map_input = sdk.IdentityMapV3Input()
    map_input.with_emails(arguments.get("email", []))
    map_input.with_phones(arguments.get("phone", []))
    map_input.with_hashed_emails(arguments.get("email_hash", []))
    map_input.with_hashed_phones(arguments.get("phone_hash", []))
    response = client("mapV3", credentials).generate_identity_map(map_input)
    return {
        "mapped": {
            value: {
                "rawUid": mapped.current_raw_uid,
                "previousRawUid": mapped.previous_raw_uid,
                "refreshFromMs": milliseconds(mapped.refresh_from),
            }
            for value, mapped in response.mapped_identities.items()
        },
        "unmapped": {
            value: {"reason": unmapped.reason.name, "rawReason": unmapped.raw_reason}
            for value, unmapped in response.unmapped_identities.items()
        },
    }


def identity_buckets(credentials, arguments):
    since = datetime.datetime.fromtimestamp(arguments["sinceMs"] / 1000, tz=datetime.timezone.utc)
    buckets = client("mapV2", credentials).get_identity_buckets(since).buckets
    return [{"bucketId": bucket.get_bucket_id(), "lastUpdated": bucket.get_last_updated()} for bucket in buckets]


def refresh_keys(credentials, arguments):
    if arguments["kind"] == "legacy":
        client("legacy", credentials).refresh_keys()
        return {"success": True}
    response = client(arguments["kind"], credentials).refresh()
    # The reason is the tuple of an exception's arguments, not all of which are data.
    return {"success": response.success, "reason": None if response.success else str(response.reason)}


def decrypt(credentials, arguments):
    kind, token = arguments["kind"], arguments["token"]
    if kind == "bidstream":
        decrypted = client(kind, credentials).decrypt_token_into_raw_uid(token, arguments.get("domain"))
    elif kind == "sharing":
        decrypted = client(kind, credentials).decrypt_token_into_raw_uid(token)
    else:
        decrypted = client(kind, credentials).decrypt(token)
    return {
        "status": decrypted.status.name,
        "rawUid": decrypted.uid,
        "siteId": decrypted.site_id,
        "identityType": None if decrypted.identity_type is None else decrypted.identity_type.name,
        "tokenVersion": None if decrypted.advertising_token_version is None else decrypted.advertising_token_version.value,
        "establishedMs": milliseconds(decrypted.established),
        "expiryMs": milliseconds(decrypted.expiry),
    }


def encrypt(credentials, arguments):
    if arguments["kind"] == "legacy":
        return {"status": "SUCCESS", "token": client("legacy", credentials).encrypt(arguments["rawUid"])}
    response = client("sharing", credentials).encrypt_raw_uid_into_token(arguments["rawUid"])
    return {"status": response.status.name, "token": response.encrypted_data}


OPERATIONS = {
    "generateToken": generate_token,
    "refreshToken": refresh_token,
    "mapV2": map_v2,
    "mapV3": map_v3,
    "identityBuckets": identity_buckets,
    "refreshKeys": refresh_keys,
    "decrypt": decrypt,
    "encrypt": encrypt,
}


def answer(request):
    try:
        result = OPERATIONS[request["operation"]](request["client"], request["arguments"])
        return {"id": request["id"], "result": result}
    except urllib.error.HTTPError as failure:
        return {
            "id": request["id"],
            "error": {
                "type": type(failure).__name__,
                "message": str(failure),
                "httpStatus": failure.code,
                "body": failure.read().decode("utf-8", "replace"),
            },
        }
    except Exception as failure:  # everything the SDK raises is a result of the test
        return {"id": request["id"], "error": {"type": type(failure).__name__, "message": str(failure)}}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), file=replies, flush=True)
