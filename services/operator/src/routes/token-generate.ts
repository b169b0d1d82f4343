import { firstLevelHash, PRIVACY_BITS_DEFAULT } from '@holdfast/uid2';

import { selectSalts } from '../api.ts';
import type { OperatorApi } from '../api.ts';
import { siteOf } from '../authentication.ts';
import type { Endpoint, EnvelopedCall } from '../enveloped-route.ts';
import { isRefusal, readIdentity } from '../identity-input.ts';
import { issueTokens } from '../issue-tokens.ts';
import { isOptedOut } from '../opt-out-decision.ts';
import type { TokenResponseStatus } from '../request-metrics.ts';
import { clientError, OPTED_OUT, refusal, success, unknownError } from '../responses.ts';
import type { Answer } from '../responses.ts';

const CONSENT = 'tcf_consent_string';

/** `POST /v2/token/generate`: advertising and refresh token for one identity. Opt-out is always respected. */
export function tokenGenerate(api: OperatorApi): Endpoint {
  return (call) => {
    try {
      return generate(api, call);
    } catch (error) {
      // The reference books every unforeseen failure of this endpoint under this status.
      count(api, call, 'MissingParams');
      return unknownError('generating token v2', error);
    }
  };
}

function generate(api: OperatorApi, call: EnvelopedCall): Answer {
  const { context } = api;
  const { settings, stores } = context;
  const identity = readIdentity(call.payload, settings.phoneSupport);
  if (isRefusal(identity)) return identity;
  if (settings.identityScope === 'euid' && call.payload !== null && Object.hasOwn(call.payload, CONSENT)) {
    // Consent that cannot be checked must not count as given.
    count(api, call, 'InvalidUserConsentString');
    return clientError('User consent is invalid');
  }
  const salts = selectSalts(context, call.nowMs);
  const { type } = identity;
  const flh = firstLevelHash(identity.hash, salts.firstLevelSalt);
  if (isOptedOut(api.testIdentities.of(salts.firstLevelSalt), stores.optOuts(), flh, type, false)) {
    count(api, call, 'OptOut');
    return OPTED_OUT;
  }
  const body = issueTokens(
    api,
    salts,
    {
      type,
      firstLevelHash: flh,
      siteId: siteOf(call.client),
      publisherId: 0,
      clientKeyId: 0,
      privacyBits: PRIVACY_BITS_DEFAULT,
      establishedMs: call.nowMs,
    },
    call.nowMs,
  );
  if (body === undefined) {
    count(api, call, 'NoActiveKey');
    return refusal(500, 'unknown', 'No active encryption key available');
  }
  count(api, call, 'Success');
  return success(body);
}

function count(api: OperatorApi, call: EnvelopedCall, status: TokenResponseStatus): void {
  api.metrics.tokenResponse('GenerateV2', status, siteOf(call.client), call.request, false);
}
