import type { Buffer } from 'node:buffer';
import type { KeyObject } from 'node:crypto';

import { MalformedError } from '@holdfast/base';
import { sendUntyped } from '@holdfast/http/serving';
import {
  agreeOnClientSideKey,
  CLIENT_SIDE_IV_LENGTH,
  clientSideAdditionalData,
  decodeLenientBase64,
  encodeClientSideResponse,
  hashDii,
  importClientPublicKey,
  isOriginAllowed,
  openClientSidePayload,
  parseClientSideRequest,
  parseJsonObject,
  PRIVACY_BITS_CLIENT_SIDE,
  textMember,
} from '@holdfast/uid2';
import type { ClientSideKeypair, ClientSideRequest, HashedIdentity, JsonObject } from '@holdfast/uid2';

import type { OperatorApi } from '../api.ts';
import type { ClientSideSettings } from '../context.ts';
import { refuseWhileGated } from '../gate.ts';
import { generateTokens } from '../generate-tokens.ts';
import { InvalidOriginLog } from '../invalid-origin-log.ts';
import { publicSuffixes } from '../public-suffixes.ts';
import type { OperatorHandler, OperatorRequest } from '../operator-request.ts';
import type { TokenResponseStatus } from '../request-metrics.ts';
import { clientError, refusal, sendRefusal, unknownError } from '../responses.ts';
import type { Refusal } from '../responses.ts';

/** What a request came to. Refusals without a status are not counted, as in the reference. */
type Outcome =
  | { readonly refused: Refusal; readonly status?: TokenResponseStatus }
  | { readonly json: string; readonly key: KeyObject; readonly status: TokenResponseStatus };

/** One request on its way; what is known of it so far goes into metrics and log even when it fails. */
interface ClientSideCall {
  readonly api: OperatorApi;
  readonly settings: ClientSideSettings;
  readonly invalidOrigins: InvalidOriginLog;
  readonly request: OperatorRequest;
  inApp: boolean;
}

/**
 * `POST /v2/token/client-generate`: tokens for a browser or app, which proves itself by its origin or name and encrypts with a
 * key agreed on with its publisher's key pair. No API key is involved; the reply is Base64 without a content type.
 */
export function clientGenerate(api: OperatorApi, settings: ClientSideSettings): OperatorHandler {
  const { context } = api;
  const invalidOrigins = new InvalidOriginLog(context);
  return async (request, reply) => {
    if (refuseWhileGated(context, reply)) return reply;
    const call: ClientSideCall = { api, settings, invalidOrigins, request, inApp: false };
    let outcome: Outcome;
    let sealed = '';
    try {
      outcome = answer(call);
      if ('json' in outcome) sealed = encodeClientSideResponse(outcome.json, outcome.key, context.random);
    } catch (error) {
      outcome = { refused: unknownError('handling client side token generate', error), status: 'Unknown' };
    }
    const { operatorSiteId: siteId } = request;
    if (siteId !== null && outcome.status !== undefined) {
      const labels = { cstg: true, inApp: call.inApp };
      api.metrics.tokenResponse('ClientSideTokenGenerateV2', outcome.status, siteId, request, labels);
    }
    return 'json' in outcome ? sendUntyped(reply, sealed) : sendRefusal(context, request, reply, outcome.refused);
  };
}

/** @throws what no row of the endpoint's table foresees, for the caller's 500 */
function answer(call: ClientSideCall): Outcome {
  const { api, request } = call;
  const text = readBody(request);
  if (text === undefined) return { refused: NOTHING_SENT };
  let sent: ClientSideRequest | null;
  try {
    sent = parseClientSideRequest(text);
  } catch (error) {
    if (error instanceof MalformedError) return { refused: clientError('json payload is not valid') };
    throw error;
  }
  if (sent === null) return { refused: NOTHING_SENT };
  const keypair =
    sent.subscriptionId === undefined ? undefined : api.context.stores.clientSideKeypair(sent.subscriptionId);
  if (keypair === undefined) {
    reportApiKey(api, sent.subscriptionId, 'subscription_id');
    return { refused: clientError('bad subscription_id') };
  }
  request.operatorSiteId = keypair.siteId;
  if (keypair.disabled) return { refused: refusal(401, 'unauthorized', 'Unauthorized'), status: 'Unauthorized' };
  call.inApp = sent.appName !== undefined;
  return refuseStranger(call, keypair, sent.appName) ?? exchange(call, keypair, sent);
}

/** Undefined for requests from a page or app of the publisher's own. */
function refuseStranger(
  call: ClientSideCall,
  keypair: ClientSideKeypair,
  appName: string | undefined,
): Outcome | undefined {
  const { api, settings, request } = call;
  if (!settings.domainCheck) return undefined;
  const site = api.context.stores.site(keypair.siteId);
  if (appName !== undefined) {
    const wanted = appName.toLowerCase();
    if (site?.appNames.some((name) => name.toLowerCase() === wanted) === true) return undefined;
    if (settings.logInvalidOrigins) call.invalidOrigins.add(keypair.siteId, appName);
    return { refused: refusal(403, 'invalid_app_name', 'unexpected app name'), status: 'InvalidAppName' };
  }
  const { origin } = request.headers;
  if (isOriginAllowed(origin, site?.domainNames ?? [], publicSuffixes)) return undefined;
  if (settings.logInvalidOrigins && origin !== undefined) call.invalidOrigins.add(keypair.siteId, origin);
  return { refused: refusal(403, 'invalid_http_origin', 'unexpected http origin'), status: 'InvalidHttpOrigin' };
}

/** Agrees on the key, opens the payload and makes the tokens. */
function exchange(call: ClientSideCall, keypair: ClientSideKeypair, sent: ClientSideRequest): Outcome {
  const { api } = call;
  if (sent.payload === undefined || sent.iv === undefined || sent.publicKey === undefined) {
    return { refused: clientError('required parameters: payload, iv, public_key'), status: 'MissingParams' };
  }
  const publicKey = readPublicKey(sent.publicKey);
  if (publicKey === undefined) {
    reportApiKey(api, sent.publicKey, 'public_key');
    return { refused: clientError('bad public key'), status: 'BadPublicKey' };
  }
  const key = agreeOnClientSideKey(keypair.privateKey, publicKey);
  const iv = decodeLenientBase64(sent.iv);
  if (iv?.length !== CLIENT_SIDE_IV_LENGTH) return { refused: clientError('bad iv'), status: 'BadIV' };
  const payload = decodeLenientBase64(sent.payload);
  const additionalData = clientSideAdditionalData(sent.timestamp, sent.appName);
  const plain = payload === undefined ? undefined : openClientSidePayload(key, iv, payload, additionalData);
  if (plain === undefined) return { refused: clientError('payload decryption failed'), status: 'BadPayload' };
  const inner = readInner(plain);
  if (inner === undefined) {
    return { refused: clientError('encrypted payload contains invalid json'), status: 'BadPayload' };
  }
  const identity = readHash(inner, api.context.settings.phoneSupport);
  if ('refused' in identity) return identity;
  const generated = generateTokens(api, {
    identity,
    siteId: keypair.siteId,
    privacyBits: PRIVACY_BITS_CLIENT_SIDE,
    nowMs: api.context.clock(),
  });
  const { status } = generated;
  return generated.answer.ok ? { json: generated.answer.json, key, status } : { refused: generated.answer, status };
}

function readHash(inner: JsonObject, phoneSupport: boolean): HashedIdentity | Extract<Outcome, { refused: Refusal }> {
  const email = textMember(inner, 'email_hash');
  const phone = textMember(inner, 'phone_hash');
  if (phone !== undefined && !phoneSupport) {
    return { refused: clientError('phone support not enabled'), status: 'BadPayload' };
  }
  const hash = email ?? phone;
  if (hash === undefined || (email !== undefined && phone !== undefined)) {
    const wanted = phoneSupport ? 'please provide exactly one of: email_hash, phone_hash' : 'please provide email_hash';
    return { refused: clientError(wanted) };
  }
  const identity = hashDii(email === undefined ? 'phone_hash' : 'email_hash', hash);
  return identity ?? { refused: clientError('Invalid Identifier') };
}

const NOTHING_SENT = clientError('json payload expected but not found');

/** The text of the body; undefined when none was announced, which is not the same as an announced length of 0. */
function readBody(request: OperatorRequest): string | undefined {
  const body = request.body as Buffer | undefined;
  if (body !== undefined && body.length > 0) return body.toString('utf8');
  return request.headers['content-length'] === undefined ? undefined : '';
}

function readPublicKey(text: string): KeyObject | undefined {
  try {
    return importClientPublicKey(text);
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}

function readInner(plain: Uint8Array): JsonObject | undefined {
  try {
    return parseJsonObject(new TextDecoder().decode(plain));
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}

/** Publishers do paste their API key into a page's configuration, where everybody can read it: tell the operator of this. */
function reportApiKey(api: OperatorApi, text: string | undefined, where: string): void {
  const client = text === undefined ? undefined : api.context.stores.clients().find(text);
  if (client === undefined) return;
  api.context.logger.error(
    { keyId: client.keyId, siteId: client.siteId },
    `an API key was sent as ${where} of a client-side request: it is public now`,
  );
}
