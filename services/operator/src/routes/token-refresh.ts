import type { Buffer } from 'node:buffer';
import type { KeyObject } from 'node:crypto';

import { PlatformError, UnsupportedError } from '@holdfast/base';
import {
  decodeRefreshToken,
  encodeRefreshResponse,
  PRIVACY_BITS_CLIENT_SIDE,
  unwrapRefreshToken,
  WRAPPED_REFRESH_TOKEN_LENGTH,
} from '@holdfast/uid2';
import type { DecodedRefreshToken, KeysetSnapshot } from '@holdfast/uid2';

import { selectSalts } from '../api.ts';
import type { OperatorApi } from '../api.ts';
import { identifyClient } from '../authentication.ts';
import { sendSealed } from '../enveloped-route.ts';
import { refuseWhileGated } from '../gate.ts';
import { issueTokens } from '../issue-tokens.ts';
import { isOptedOut } from '../opt-out-decision.ts';
import type { OperatorHandler, OperatorRequest } from '../operator-request.ts';
import type { TokenResponseStatus } from '../request-metrics.ts';
import {
  clientError,
  describeCause,
  OPTED_OUT,
  refusal,
  sendJson,
  sendRefusal,
  success,
  unbuildable,
  unknownError,
} from '../responses.ts';
import type { Answer, Refusal, Success } from '../responses.ts';

/** Tokens established before this instant belong to users who consented to something else: they count as opted out. */
const DEPRECATED_BEFORE_MS = Date.UTC(2021, 2, 8, 17);

const CLIENT_SIDE_BIT = PRIVACY_BITS_CLIENT_SIDE & 0b10;

/** What a refresh came to; `siteId` and `clientSide` come from the token, once it could be read. */
interface Outcome {
  readonly status: TokenResponseStatus;
  readonly answer?: Success;
  readonly token?: DecodedRefreshToken;
}

interface Received {
  readonly innerToken: string | undefined;
  /** Encrypts the reply; undefined for a bare token, whose reply is plain JSON. */
  readonly responseKey: KeyObject | undefined;
}

/**
 * `POST /v2/token/refresh`: new tokens for a refresh token, which is the whole body. A key is optional; without one, errors
 * say nothing. A text of 388 characters is a wrapped token, and its reply is encrypted with the key inside: no time, no nonce.
 */
export function tokenRefresh(api: OperatorApi): OperatorHandler {
  const { context } = api;
  return async (request, reply) => {
    if (refuseWhileGated(context, reply)) return reply;
    if (!context.settings.envelopes) {
      throw new UnsupportedError('PLAIN_REFRESH_UNSUPPORTED', 'without envelopes no token can be refreshed');
    }
    const client = identifyClient(context, request, reply);
    const keysets = context.stores.keysets();
    const received = receive(request, keysets);
    if ('httpStatus' in received) return sendRefusal(context, request, reply, received);
    api.metrics.sdkVersion(request, client?.siteId);
    let outcome: Outcome;
    try {
      outcome = refresh(api, request, keysets, received.innerToken);
    } catch (error) {
      if (client?.siteId !== undefined) {
        api.metrics.tokenResponse('RefreshV2', 'Unknown', client.siteId, request, { cstg: false });
      }
      return sendRefusal(context, request, reply, unknownError('refreshing token v2', error));
    }
    const siteId = outcome.token?.siteId ?? client?.siteId;
    if (siteId !== undefined) {
      const clientSide = ((outcome.token?.privacyBits ?? 0) & CLIENT_SIDE_BIT) !== 0;
      api.metrics.tokenResponse('RefreshV2', outcome.status, siteId, request, { cstg: clientSide });
    }
    const answer = answerFor(outcome, client !== undefined);
    if (!answer.ok) return sendRefusal(context, request, reply, answer);
    if (received.responseKey === undefined) return sendJson(reply, 200, answer.json);
    let sealed: Uint8Array;
    try {
      sealed = encodeRefreshResponse(answer.json, received.responseKey, context.random);
    } catch (cause) {
      return sendRefusal(context, request, reply, unbuildable(cause));
    }
    const binary = request.headers['content-type']?.toLowerCase() === 'application/octet-stream';
    return sendSealed(reply, sealed, binary);
  };
}

function receive(request: OperatorRequest, keysets: KeysetSnapshot): Received | Refusal {
  const text = (request.body as Buffer | undefined)?.toString('utf8') ?? '';
  if (text.length !== WRAPPED_REFRESH_TOKEN_LENGTH) return { innerToken: text, responseKey: undefined };
  try {
    const { refreshToken, refreshResponseKey } = unwrapRefreshToken(text, keysets);
    return { innerToken: refreshToken, responseKey: refreshResponseKey };
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    switch (error.code) {
      case 'REFRESH_WRAPPER_BASE64_INVALID':
        return clientError('Invalid body: Body is not valid base64.');
      case 'REFRESH_WRAPPER_KEY_UNKNOWN':
        return clientError(`Invalid key: Generator of this token (Key ID: ${error.details['keyId']}) does not exist.`);
      case 'REFRESH_WRAPPER_DECRYPTION_FAILED':
        return clientError('Invalid data: Check encryption method and encryption key.');
      case 'REFRESH_WRAPPER_PAYLOAD_INVALID':
        return clientError('Invalid format: Payload is not valid json or missing required data.');
      case 'REFRESH_TOKEN_INVALID':
        return { innerToken: undefined, responseKey: undefined };
      default:
        throw error;
    }
  }
}

function refresh(
  api: OperatorApi,
  request: OperatorRequest,
  keysets: KeysetSnapshot,
  innerToken: string | undefined,
): Outcome {
  const { context } = api;
  const token = readToken(api, keysets, innerToken);
  if (token === undefined) return { status: 'InvalidToken' };
  api.metrics.refreshTokenReceived(token.siteId, token.version);
  const nowMs = context.clock();
  const { siteId, type, firstLevelHash } = token;
  if (token.scope !== context.settings.identityScope) return { status: 'InvalidToken', token };
  if (token.establishedMs < DEPRECATED_BEFORE_MS) return { status: 'OptOut', token, answer: OPTED_OUT };
  if (token.expiresMs < nowMs) return { status: 'ExpiredToken', token };
  const salts = selectSalts(context, nowMs);
  if (isOptedOut(api.testIdentities.of(salts.firstLevelSalt), context.stores.optOuts(), firstLevelHash, type, true)) {
    return { status: 'OptOut', token, answer: OPTED_OUT };
  }
  let body: string | undefined;
  try {
    body = issueTokens(api, salts, token, nowMs);
  } catch (error) {
    context.logger.warn({ siteId, ...describeCause(error) }, 'cannot make new tokens for a valid refresh token');
    return { status: 'InvalidToken', token };
  }
  if (body === undefined) return { status: 'NoActiveKey', token };
  const sinceIssue = (nowMs - token.createdMs) / 1000;
  const isExpired = sinceIssue > context.stores.runtimeConfig().identityTokenExpiresAfterSeconds;
  api.metrics.tokenRefresh(siteId, sinceIssue, isExpired, request);
  return { status: 'Success', token, answer: success(body) };
}

/** Undefined for tokens that are invalid; a corrupt one (cut short, changed) escapes as an error, as in the reference. */
function readToken(
  api: OperatorApi,
  keysets: KeysetSnapshot,
  innerToken: string | undefined,
): DecodedRefreshToken | undefined {
  if (innerToken === undefined) return undefined;
  try {
    return decodeRefreshToken(innerToken, keysets);
  } catch (error) {
    if (!(error instanceof PlatformError && error.code === 'REFRESH_TOKEN_INVALID')) throw error;
    api.context.logger.warn({ code: error.code, reason: error.message }, 'a refresh token does not decode');
    return undefined;
  }
}

function answerFor(outcome: Outcome, authenticated: boolean): Answer {
  if (outcome.answer !== undefined) return outcome.answer;
  if (!authenticated) return refusal(400, 'error', 'Error refreshing token');
  switch (outcome.status) {
    case 'ExpiredToken':
      return refusal(400, 'expired_token', 'Expired Token presented');
    case 'NoActiveKey':
      return refusal(500, 'unknown', 'No active encryption key available');
    default:
      return refusal(400, 'invalid_token', 'Invalid Token presented');
  }
}
