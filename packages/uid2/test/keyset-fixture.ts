import { KeysetSnapshot } from '../src/keysets/keyset-snapshot.ts';
import { parseKeysetKeys, parseKeysets } from '../src/keysets/parse-keysets.ts';

const EVERYBODY = [-1, -2, 2, 3, 4, 5, 6, 7, 8];
const READERS = [2, 3, 4];

const MASTER_SECRET = 'vPdQIoN1nTwXIQoH4/GcHOAct7ymyrGUKXNQhgmq+E8=';
const REFRESH_SECRET = 'RgyxkP4yP1gYhCINq7O9PxM6jX+etPqSQluZxjB1aG8=';
const FALLBACK_SECRET = 'c2yMYeezHfDvZ6haknCFaj0t+eAEJp/C/uh+fUAm1fo=';
const SITE_SECRET = 'bVZZOwCuO0fUf2P6CrwaY23erMErVQiMkGgpy2OMSxc=';

const keyset = (id: number, site: number, allowed: readonly number[] | null, isDefault = true, enabled = true) => ({
  keyset_id: id,
  site_id: site,
  name: `keyset ${id}`,
  allowed_sites: allowed,
  created: 1_617_149_276,
  enabled,
  default: isDefault,
});

const key = (id: number, keysetId: number, secret: string, expires = 4_102_473_599) => ({
  id,
  keyset_id: keysetId,
  created: 1_609_459_200,
  activates: 1_609_469_200,
  expires,
  secret,
});

/**
 * The keysets that the known answers of key access were computed from: ids, owners and allowed sites as in the data
 * published with the reference operator for local runs.
 */
export const KEYSET_WORLD: KeysetSnapshot = new KeysetSnapshot(
  parseKeysets([
    keyset(-1, -1, EVERYBODY),
    keyset(-2, -2, EVERYBODY),
    keyset(2, 2, EVERYBODY),
    keyset(501, 123, READERS),
    keyset(502, 123, READERS, false),
    keyset(503, 5, READERS, false, false),
    keyset(601, 6, READERS),
    keyset(602, 6, READERS, false),
    keyset(701, 7, READERS),
    keyset(801, 8, READERS),
    keyset(901, 127, [123]),
  ]),
  parseKeysetKeys([
    key(104, 501, SITE_SECRET),
    key(101, -1, MASTER_SECRET),
    key(102, -2, REFRESH_SECRET),
    key(103, 2, FALLBACK_SECRET),
    // Expired long before the known answers' time: access does not look at time.
    key(5, 502, MASTER_SECRET, 1_700_000_000),
    key(6, 503, REFRESH_SECRET),
    key(7, 601, FALLBACK_SECRET),
    key(8, 602, SITE_SECRET),
    key(9, 701, MASTER_SECRET),
    key(10, 801, REFRESH_SECRET),
    key(11, 901, SITE_SECRET),
    key(12, 999, SITE_SECRET),
  ]),
);
