import { IDENTITY_BATCH_CAPACITY, IdentityBatch, INVALID, OPTED_OUT } from '@holdfast/uid2';
import type {
  DiiKind,
  IdentityBatchWorld,
  IdentityEnvironment,
  IdentityType,
  OptOutIndex,
  SaltSnapshot,
} from '@holdfast/uid2';

import type { OperatorSettings } from './context.ts';
import { bucketIdLiterals } from './bucket-id-literals.ts';
import { jsonPiece } from './json-bytes.ts';
import type { JsonBytes } from './json-bytes.ts';
import { isOptedOut, TestIdentityCache } from './opt-out-decision.ts';
import type { BatchCounts, RawUidVersion } from './request-metrics.ts';

/** What the configuration says about mapping. */
export type MapSettings = Pick<OperatorSettings, 'identityScope' | 'identityV3' | 'phoneSupport'>;

/** The state of the world that one request is mapped against. */
export interface MapWorld {
  readonly salts: SaltSnapshot;
  readonly optOuts: OptOutIndex;
  readonly environment: IdentityEnvironment;
}

/** What a request came to, for metrics. */
export interface MapCounts {
  readonly byKind: ReadonlyMap<DiiKind, BatchCounts>;
  readonly rawUidVersions: Readonly<Record<RawUidVersion, number>>;
}

interface Counts {
  inputs: number;
  invalid: number;
  optedOut: number;
}

/** Identities that are mapped in one go, so that the event loop can have turns in between. */
export const SLICE: number = IDENTITY_BATCH_CAPACITY;

const TEXT_LENGTH = 44;
const COMMA = jsonPiece(',');
const IDENTIFIER = jsonPiece('{"identifier":');
const ADVERTISING_ID = jsonPiece(',"advertising_id":"');
const BUCKET_ID = jsonPiece('","bucket_id":');
const END = jsonPiece('}');
const NULL = jsonPiece('null');
const REASON_INVALID = jsonPiece(',"reason":"invalid identifier"}');
const REASON_OPTED_OUT = jsonPiece(',"reason":"optout"}');
const INVALID_ITEM = jsonPiece('{"e":"invalid identifier"}');
const OPTED_OUT_ITEM = jsonPiece('{"e":"optout"}');

/** Maps identities and writes the results as JSON text at once. One per thread: it holds the memory that batches work in. */
export class IdentityMapper {
  readonly #settings: MapSettings;
  readonly #batch = new IdentityBatch();
  readonly #testIdentities: TestIdentityCache;

  constructor(settings: MapSettings) {
    this.#settings = settings;
    this.#testIdentities = new TestIdentityCache(settings.identityScope);
  }

  get phoneSupport(): boolean {
    return this.#settings.phoneSupport;
  }

  /** Begins a request. Several may be under way at a time. `nowMs` in milliseconds since the epoch. */
  begin(world: MapWorld, nowMs: number, withPrevious: boolean): IdentityMapping {
    const { identityScope: scope, identityV3 } = this.#settings;
    const { salts, optOuts, environment } = world;
    const testIdentities = this.#testIdentities.of(salts.firstLevelSalt);
    return new IdentityMapping(this.#batch, {
      salts,
      nowMs,
      withPrevious,
      email: { scope, type: 'email', environment, identityV3 },
      phone: { scope, type: 'phone', environment, identityV3 },
      isOptedOut: (bytes: Uint8Array, offset: number, type: IdentityType) =>
        isOptedOut(testIdentities, optOuts, bytes, type, false, offset),
    });
  }
}

/** The mapping of one request's identities, slice by slice. */
export class IdentityMapping implements MapCounts {
  readonly #batch: IdentityBatch;
  readonly #world: IdentityBatchWorld;
  readonly #counts = new Map<DiiKind, Counts>();
  readonly #versions: Record<RawUidVersion, number> = { v2: 0, v3: 0, v4: 0 };

  constructor(batch: IdentityBatch, world: IdentityBatchWorld) {
    this.#batch = batch;
    this.#world = world;
  }

  get byKind(): ReadonlyMap<DiiKind, BatchCounts> {
    return this.#counts;
  }

  get rawUidVersions(): Readonly<Record<RawUidVersion, number>> {
    return this.#versions;
  }

  /**
   * The version 2 map's results for one slice: `{"identifier":…,"advertising_id":…,"bucket_id":…}` to `mapped`, or the reason
   * why there is none to `unmapped`. An identity that was null in the request is empty text in `texts` and null in `items`.
   * @throws VerificationError SALT_ENTRY_UNUSABLE
   */
  mapV2(
    kind: DiiKind,
    texts: readonly string[],
    items: readonly unknown[],
    from: number,
    out: { readonly mapped: JsonBytes; readonly unmapped: JsonBytes },
  ): void {
    const batch = this.#batch;
    const { table } = this.#world.salts;
    const writeBucketId = bucketIdLiterals(table);
    const count = this.#map(kind, texts, from);
    for (let i = 0; i < count; i += 1) {
      const outcome = batch.outcomes[i];
      const refused = outcome === INVALID || outcome === OPTED_OUT;
      const list = refused ? out.unmapped : out.mapped;
      if (list.length > 0) list.bytes(COMMA);
      list.bytes(IDENTIFIER);
      if (items[from + i] === null) list.bytes(NULL);
      else list.string(texts[from + i] ?? '');
      if (refused) {
        list.bytes(outcome === INVALID ? REASON_INVALID : REASON_OPTED_OUT);
        continue;
      }
      const rawUid = batch.rawUidTexts[i] ?? 0;
      list.bytes(ADVERTISING_ID).bytes(batch.view, rawUid, TEXT_LENGTH);
      list.bytes(BUCKET_ID);
      writeBucketId(list, batch.bucketIndexes[i] ?? 0);
      list.bytes(END);
    }
  }

  /**
   * The version 3 map's results for one slice: `{"u":…,"p":…,"r":…}` or `{"e":…}` each, with commas between. `p` is always
   * there, null when there is no previous raw UID; `r` is whole seconds.
   * @throws VerificationError SALT_ENTRY_UNUSABLE
   */
  mapV3(kind: DiiKind, texts: readonly string[], from: number, out: JsonBytes): void {
    const batch = this.#batch;
    const count = this.#map(kind, texts, from);
    for (let i = 0; i < count; i += 1) {
      if (from + i > 0) out.bytes(COMMA);
      const outcome = batch.outcomes[i];
      if (outcome === INVALID || outcome === OPTED_OUT) {
        out.bytes(outcome === INVALID ? INVALID_ITEM : OPTED_OUT_ITEM);
        continue;
      }
      writeRawUids(out, batch.view, batch.rawUidTexts[i] ?? 0, batch.previousTexts[i] ?? 0);
      out.integer(Math.floor((batch.refreshFromMs[i] ?? 0) / 1000)).bytes(END);
    }
  }

  /** Maps one slice into the batch's results and counts them; answers how many there are. */
  #map(kind: DiiKind, texts: readonly string[], from: number): number {
    const batch = this.#batch;
    const count = Math.min(SLICE, texts.length - from);
    batch.map(this.#world, kind, texts, from, from + count);
    const counts = this.#countsOf(kind);
    counts.inputs += count;
    for (let i = 0; i < count; i += 1) {
      const outcome = batch.outcomes[i];
      if (outcome === INVALID) counts.invalid += 1;
      else if (outcome === OPTED_OUT) counts.optedOut += 1;
      else if (batch.versions[i] === 2) this.#versions.v2 += 1;
      else if (batch.versions[i] === 4) this.#versions.v4 += 1;
      else this.#versions.v3 += 1;
    }
    return count;
  }

  #countsOf(kind: DiiKind): Counts {
    const known = this.#counts.get(kind);
    if (known !== undefined) return known;
    const counts = { inputs: 0, invalid: 0, optedOut: 0 };
    this.#counts.set(kind, counts);
    return counts;
  }
}

/** Most bytes that `writeRawUids` writes. */
const RAW_UIDS_BYTES = 128;

/**
 * `{"u":"…","p":"…","r":`, or with `null` for the previous raw UID. This is written ten thousand times per request, and one
 * call for each piece would take twice the time.
 */
function writeRawUids(out: JsonBytes, texts: DataView, rawUid: number, previous: number): void {
  const start = out.room(RAW_UIDS_BYTES);
  const { view } = out;
  let at = start;
  view.setInt32(at, 0x7b227522); // {"u"
  view.setInt16(at + 4, 0x3a22); // :"
  copyText(texts, rawUid, view, at + 6);
  at += 6 + TEXT_LENGTH;
  view.setInt32(at, 0x222c2270); // ","p
  view.setInt16(at + 4, 0x223a); // ":
  at += 6;
  if (previous === 0) {
    view.setInt32(at, 0x6e756c6c); // null
    at += 4;
  } else {
    view.setInt8(at, 0x22); // "
    copyText(texts, previous, view, at + 1);
    view.setInt8(at + 1 + TEXT_LENGTH, 0x22);
    at += TEXT_LENGTH + 2;
  }
  view.setInt32(at, 0x2c227222); // ,"r"
  view.setInt8(at + 4, 0x3a); // :
  out.wrote(at + 5 - start);
}

function copyText(source: DataView, from: number, target: DataView, to: number): void {
  for (let i = 0; i < TEXT_LENGTH; i += 4) target.setInt32(to + i, source.getInt32(from + i));
}
