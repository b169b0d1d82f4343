/** An advertising token and a wrapped refresh token: what one token generate or refresh makes. */
import { encodeAdvertisingToken, encodeRefreshToken, prepareSecret, rawUid, wrapRefreshToken } from '@holdfast/uid2';
import type { TokenKey } from '@holdfast/uid2';

import { pooledRandom } from '../src/pooled-random.ts';
import { measureAndPrint, roundsFromArguments } from './measure.ts';
import { saltFilePieces, saltTable } from './salt-lines.ts';

const NOW_MS = 1_800_000_000_000;
const DAY_MS = 86_400_000;
const SALTS = 4_096;

const random = pooledRandom();
const flh = random(32);
const table = saltTable(SALTS, saltFilePieces(SALTS, 'salt', NOW_MS));
const [master, site, refresh] = [key(101), key(102), key(103)];
const subject = { scope: 'uid2', type: 'email', siteId: 123, privacyBits: 1, establishedMs: NOW_MS } as const;

function key(id: number): TokenKey {
  return { id, secret: prepareSecret(random(32)) };
}

function tokenPair(): string {
  const uid = rawUid(table, table.indexOf(flh), flh, { ...subject, environment: 'prod', identityV3: false });
  const times = { createdMs: NOW_MS, refreshedMs: NOW_MS };
  const token = encodeAdvertisingToken(
    { ...subject, ...times, expiresMs: NOW_MS + 3 * DAY_MS, rawUid: uid },
    { master, site },
    random,
  );
  const inner = encodeRefreshToken(
    { ...subject, ...times, expiresMs: NOW_MS + 30 * DAY_MS, publisherId: 0, clientKeyId: 0, firstLevelHash: flh },
    refresh,
    random,
  );
  return token + wrapRefreshToken(inner, subject.scope, refresh, random).text;
}

measureAndPrint('token-pair', [{ name: 'token pair', items: 1, run: tokenPair }], roundsFromArguments());
