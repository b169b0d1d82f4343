import { equalBytes, InternalError, VerificationError } from '@holdfast/base';
import { decodeAdvertisingToken, firstLevelHash, textMember } from '@holdfast/uid2';
import type { DecodedAdvertisingToken, KeysetSnapshot } from '@holdfast/uid2';

import { selectSalts } from '../api.ts';
import type { OperatorApi } from '../api.ts';
import { siteOf } from '../authentication.ts';
import type { Endpoint, EnvelopedCall } from '../enveloped-route.ts';
import { isRefusal, readIdentity } from '../identity-input.ts';
import { currentRawUid } from '../issue-tokens.ts';
import type { ValidateResult } from '../request-metrics.ts';
import { clientError, success } from '../responses.ts';
import type { Answer } from '../responses.ts';

const MATCH = success('true');
const MISMATCH = success('false');

/** `POST /v2/token/validate`: whether an advertising token of the caller's own site stands for the given identity. */
export function tokenValidate(api: OperatorApi): Endpoint {
  return (call) => {
    const siteId = siteOf(call.client);
    try {
      const [result, answer] = validate(api, call);
      api.metrics.tokenValidate(siteId, result);
      return answer;
    } catch (error) {
      api.metrics.tokenValidate(siteId, 'error');
      throw error;
    }
  };
}

function validate(api: OperatorApi, call: EnvelopedCall): readonly [ValidateResult, Answer] {
  const { context } = api;
  const identity = readIdentity(call.payload, context.settings.phoneSupport);
  if (isRefusal(identity)) return ['invalid_input', identity];
  const salts = selectSalts(context, call.nowMs);
  const flh = firstLevelHash(identity.hash, salts.firstLevelSalt);
  const expected = currentRawUid(context, salts, flh, identity.type);
  const keysets = context.stores.keysets();
  const token = decode(call.payload === null ? undefined : textMember(call.payload, 'token'), keysets);
  if (token === undefined) return ['invalid_token', clientError('Invalid token')];
  const owner = keysets.keysetOfKey(token.siteKeyId);
  if (owner === undefined) throw new InternalError('KEYSET_MISSING', `key ${token.siteKeyId} belongs to no keyset`);
  if (owner.siteId !== siteOf(call.client)) return ['unauthorized', clientError('Unauthorised to validate token')];
  return equalBytes(token.rawUid, expected) ? ['match', MATCH] : ['mismatch', MISMATCH];
}

function decode(text: string | undefined, keysets: KeysetSnapshot): DecodedAdvertisingToken | undefined {
  if (text === undefined) return undefined;
  try {
    return decodeAdvertisingToken(text, keysets);
  } catch (error) {
    if (error instanceof VerificationError && error.code === 'ADVERTISING_TOKEN_INVALID') return undefined;
    throw error;
  }
}
