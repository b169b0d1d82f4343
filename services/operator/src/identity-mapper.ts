import { toBase64 } from '@holdfast/base';
import { firstLevelHash, hashDii, mapIdentity, rawUid } from '@holdfast/uid2';
import type {
  DiiKind,
  OptOutIndex,
  RawUid,
  RawUidOptions,
  SaltSnapshot,
  SaltTable,
  TestIdentities,
} from '@holdfast/uid2';

import { selectSalts } from './api.ts';
import type { OperatorApi } from './api.ts';
import { rawUidOptions } from './issue-tokens.ts';
import { jsonText } from './json-text.ts';
import { isOptedOut } from './opt-out-decision.ts';
import { rawUidVersion } from './request-metrics.ts';
import type { BatchCounts, RawUidVersion } from './request-metrics.ts';

interface Counts {
  inputs: number;
  invalid: number;
  optedOut: number;
}

/**
 * Maps the identities of one request against one state of the world and writes each result as JSON text at once: no trees,
 * no per-item objects beyond what hashing needs.
 */
export class IdentityMapper {
  readonly #salts: SaltSnapshot;
  readonly #table: SaltTable;
  readonly #optOuts: OptOutIndex;
  readonly #testIdentities: TestIdentities;
  readonly #email: RawUidOptions;
  readonly #phone: RawUidOptions;
  readonly #nowMs: number;
  readonly #counts = new Map<DiiKind, Counts>();
  readonly #versions: Record<RawUidVersion, number> = { v2: 0, v3: 0, v4: 0 };

  constructor(api: OperatorApi, nowMs: number) {
    const { context } = api;
    this.#salts = selectSalts(context, nowMs);
    this.#table = this.#salts.table;
    this.#optOuts = context.stores.optOuts();
    this.#testIdentities = api.testIdentities.of(this.#salts.firstLevelSalt);
    this.#email = rawUidOptions(context, 'email');
    this.#phone = rawUidOptions(context, 'phone');
    this.#nowMs = nowMs;
  }

  /** Results so far by kind, for metrics. */
  get counts(): ReadonlyMap<DiiKind, BatchCounts> {
    return this.#counts;
  }

  get rawUidVersions(): Readonly<Record<RawUidVersion, number>> {
    return this.#versions;
  }

  /**
   * The version 2 map's result: `{"identifier":…,"advertising_id":…,"bucket_id":…}`, or the reason why there is none.
   * @throws VerificationError SALT_ENTRY_UNUSABLE
   */
  mapV2(kind: DiiKind, text: string): string | { readonly reason: 'invalid identifier' | 'optout' } {
    const flh = this.#firstLevelHash(kind, text);
    if (typeof flh === 'string') return flh === 'optout' ? REASON_OPTED_OUT : REASON_INVALID;
    const index = this.#table.indexOf(flh);
    const uid = rawUid(this.#table, index, flh, this.#optionsFor(kind));
    this.#count(uid);
    const bucketId = jsonText(this.#table.bucketId(index));
    return `{"identifier":${jsonText(text)},"advertising_id":"${toBase64(uid)}","bucket_id":${bucketId}}`;
  }

  /**
   * The version 3 map's result: `{"u":…,"p":…,"r":…}` or `{"e":…}`. `p` is always there, null when there is no previous
   * raw UID; `r` is whole seconds.
   * @throws VerificationError SALT_ENTRY_UNUSABLE
   */
  mapV3(kind: DiiKind, text: string): string {
    const flh = this.#firstLevelHash(kind, text);
    if (typeof flh === 'string') return flh === 'optout' ? '{"e":"optout"}' : '{"e":"invalid identifier"}';
    const mapped = mapIdentity(this.#table, flh, this.#optionsFor(kind), this.#nowMs);
    this.#count(mapped.rawUid);
    const previous = mapped.previousRawUid === undefined ? 'null' : `"${toBase64(mapped.previousRawUid)}"`;
    return `{"u":"${toBase64(mapped.rawUid)}","p":${previous},"r":${Math.floor(mapped.refreshFromMs / 1000)}}`;
  }

  /** Counts an element that is no text at all. */
  countInvalid(kind: DiiKind): void {
    const counts = this.#countsOf(kind);
    counts.inputs += 1;
    counts.invalid += 1;
  }

  #firstLevelHash(kind: DiiKind, text: string): Uint8Array | 'invalid' | 'optout' {
    const counts = this.#countsOf(kind);
    counts.inputs += 1;
    const identity = hashDii(kind, text);
    if (identity === undefined) {
      counts.invalid += 1;
      return 'invalid';
    }
    const flh = firstLevelHash(identity.hash, this.#salts.firstLevelSalt);
    if (isOptedOut(this.#testIdentities, this.#optOuts, flh, identity.type, false)) {
      counts.optedOut += 1;
      return 'optout';
    }
    return flh;
  }

  #optionsFor(kind: DiiKind): RawUidOptions {
    return kind === 'email' || kind === 'email_hash' ? this.#email : this.#phone;
  }

  #count(uid: RawUid): void {
    this.#versions[rawUidVersion(uid)] += 1;
  }

  #countsOf(kind: DiiKind): Counts {
    const known = this.#counts.get(kind);
    if (known !== undefined) return known;
    const counts = { inputs: 0, invalid: 0, optedOut: 0 };
    this.#counts.set(kind, counts);
    return counts;
  }
}

const REASON_INVALID = { reason: 'invalid identifier' } as const;
const REASON_OPTED_OUT = { reason: 'optout' } as const;
