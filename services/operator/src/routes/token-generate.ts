import { MalformedError } from '@holdfast/base';
import { isConsentSufficient, parseTcfConsent, PRIVACY_BITS_DEFAULT, textMember } from '@holdfast/uid2';
import type { JsonObject, TcfConsent } from '@holdfast/uid2';

import type { OperatorApi } from '../api.ts';
import { siteOf } from '../authentication.ts';
import type { Endpoint, EnvelopedCall } from '../enveloped-route.ts';
import { generateTokens } from '../generate-tokens.ts';
import { isRefusal, readIdentity } from '../identity-input.ts';
import type { TokenResponseStatus } from '../request-metrics.ts';
import { clientError, INSUFFICIENT_CONSENT, unknownError } from '../responses.ts';
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
  const { settings } = api.context;
  const { payload, client, nowMs } = call;
  const identity = readIdentity(payload, settings.phoneSupport);
  if (isRefusal(identity)) return identity;
  if (settings.identityScope === 'euid' && payload !== null && Object.hasOwn(payload, CONSENT)) {
    api.metrics.tcfUsage(call.request);
    const consent = readConsent(payload);
    if (consent === undefined) {
      count(api, call, 'InvalidUserConsentString');
      return clientError('User consent is invalid');
    }
    if (!isConsentSufficient(consent, settings.tcfVendorId)) {
      count(api, call, 'InsufficientUserConsent');
      return INSUFFICIENT_CONSENT;
    }
  }
  const { status, answer } = generateTokens(api, {
    identity,
    siteId: siteOf(client),
    privacyBits: PRIVACY_BITS_DEFAULT,
    nowMs,
    bareRefreshToken: !settings.envelopes,
  });
  count(api, call, status);
  return answer;
}

/** The consent a payload carries; undefined when it cannot be read, which must not count as given. */
function readConsent(payload: JsonObject): TcfConsent | undefined {
  try {
    return parseTcfConsent(textMember(payload, CONSENT) ?? '');
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}

function count(api: OperatorApi, call: EnvelopedCall, status: TokenResponseStatus): void {
  api.metrics.tokenResponse('GenerateV2', status, siteOf(call.client), call.request, { cstg: false });
}
