import { firstLevelHash, textMember } from '@holdfast/uid2';

import { selectSalts } from '../api.ts';
import type { OperatorApi } from '../api.ts';
import type { Endpoint } from '../enveloped-route.ts';
import { isRefusal, readIdentity } from '../identity-input.ts';
import { currentRawUid } from '../issue-tokens.ts';
import { refusal, success } from '../responses.ts';

const DONE = success('{"optout":"OK"}');

/**
 * `POST /v2/token/logout`: opts a user out through the Opt-Out service. This operator's own list is not touched; the
 * opt-out takes effect here with the next delta file. A failure of the service becomes the bare 500.
 */
export function tokenLogout(api: OperatorApi): Endpoint {
  const { context } = api;
  return async ({ payload, nowMs, request }) => {
    const { phoneSupport, envelopes } = context.settings;
    const identity = readIdentity(payload, phoneSupport);
    // Without envelopes the reference never sees the body of this request.
    if (!envelopes || payload === null || isRefusal(identity))
      return refusal(400, 'invalid_token', 'Invalid Token presented');
    const salts = selectSalts(context, nowMs);
    const flh = firstLevelHash(identity.hash, salts.firstLevelSalt);
    const email = textMember(payload, 'email');
    const phone = textMember(payload, 'phone');
    const clientIp = textMember(payload, 'clientIp');
    const traceId = request.headers['uid-trace-id'];
    await context.optOutWriter.write({
      flh,
      rawUid: currentRawUid(context, salts, flh, identity.type),
      ...(email === undefined ? {} : { email }),
      ...(phone === undefined ? {} : { phone }),
      ...(clientIp === undefined ? {} : { clientIp }),
      ...(typeof traceId === 'string' && traceId !== '' ? { traceId } : {}),
    });
    return DONE;
  };
}
