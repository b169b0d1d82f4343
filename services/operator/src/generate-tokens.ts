import { firstLevelHash } from '@holdfast/uid2';
import type { HashedIdentity } from '@holdfast/uid2';

import { selectSalts } from './api.ts';
import type { OperatorApi } from './api.ts';
import { issueTokens } from './issue-tokens.ts';
import { isOptedOut } from './opt-out-decision.ts';
import { OPTED_OUT, refusal, success } from './responses.ts';
import type { Answer } from './responses.ts';

/** For whom and how first tokens are made. */
export interface TokenOrder {
  readonly identity: HashedIdentity;
  readonly siteId: number;
  readonly privacyBits: number;
  readonly nowMs: number;
  /** Leaves the refresh token as it is, without a response key. */
  readonly bareRefreshToken?: boolean;
}

export interface GeneratedTokens {
  readonly status: 'Success' | 'OptOut' | 'NoActiveKey';
  readonly answer: Answer;
}

/**
 * The first tokens of an identity at a site, unless its user opted out, which is always respected.
 * @throws what `issueTokens` throws
 */
export function generateTokens(api: OperatorApi, order: TokenOrder): GeneratedTokens {
  const { context } = api;
  const { identity, siteId, privacyBits, nowMs, bareRefreshToken = false } = order;
  const salts = selectSalts(context, nowMs);
  const { type } = identity;
  const flh = firstLevelHash(identity.hash, salts.firstLevelSalt);
  if (isOptedOut(api.testIdentities.of(salts.firstLevelSalt), context.stores.optOuts(), flh, type, false)) {
    return { status: 'OptOut', answer: OPTED_OUT };
  }
  const subject = {
    type,
    firstLevelHash: flh,
    siteId,
    publisherId: 0,
    clientKeyId: 0,
    privacyBits,
    establishedMs: nowMs,
  };
  const body = issueTokens(api, salts, subject, nowMs, { bareRefreshToken });
  return body === undefined
    ? { status: 'NoActiveKey', answer: refusal(500, 'unknown', 'No active encryption key available') }
    : { status: 'Success', answer: success(body) };
}
