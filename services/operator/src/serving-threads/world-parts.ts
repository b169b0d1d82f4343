import type {
  ClientRecord,
  ClientSideKeypair,
  Keyset,
  KeysetKey,
  OptOutIndexData,
  RuntimeConfiguration,
  ServiceLinkRecord,
  ServiceRecord,
  SiteRecord,
} from '@holdfast/uid2';

import type { OptOutSync } from '../stores/opt-out-sync.ts';
import type { StoreSet } from '../stores/store-set.ts';
import { shareSalts } from '../threads/shared-salts.ts';
import type { SharedSalts } from '../threads/shared-salts.ts';

/**
 * Everything the API reads, in parts that can be posted to a thread. Salts and opt-outs lie in shared memory and are not
 * copied; the others are small.
 */
export interface WorldParts {
  readonly runtimeConfig: RuntimeConfiguration;
  readonly clients: readonly ClientRecord[];
  readonly keysets: readonly Keyset[];
  readonly keysetKeys: readonly KeysetKey[];
  readonly salts: readonly SharedSalts[];
  readonly optOuts: OptOutIndexData;
  /** These four are undefined where they are not loaded. */
  readonly sites: ReadonlyMap<number, SiteRecord> | undefined;
  readonly clientSideKeypairs: ReadonlyMap<string, ClientSideKeypair> | undefined;
  readonly services: ReadonlyMap<number, ServiceRecord> | undefined;
  readonly serviceLinks: ReadonlyMap<string, ServiceLinkRecord> | undefined;
}

/** One part: `stamp` is another value whenever `read` would answer something new. */
interface PartSource<T> {
  readonly stamp: () => unknown;
  readonly read: () => T;
}

export type WorldSource = { readonly [K in keyof WorldParts]: PartSource<WorldParts[K]> };

/** The parts of a world whose stores have all loaded. */
export function worldSource(stores: StoreSet, optOut: OptOutSync): WorldSource {
  const asItIs = <T>(read: () => T): PartSource<T> => ({ stamp: read, read });
  return {
    runtimeConfig: asItIs(() => stores.runtimeConfig()),
    // The store of the clients stays the same object: it remembers keys that it has seen.
    clients: { stamp: () => stores.clients.state.version, read: () => [...stores.clients.current().records()] },
    keysets: asItIs(() => stores.keysets.current()),
    keysetKeys: asItIs(() => stores.keysetKeys.current()),
    salts: {
      stamp: () => stores.salts.current(),
      read: () => stores.salts.current().map(shareSalts),
    },
    optOuts: { stamp: () => optOut.index(), read: () => optOut.index().data },
    sites: asItIs(() => stores.sites?.current()),
    clientSideKeypairs: asItIs(() => stores.clientSideKeypairs?.current()),
    services: asItIs(() => stores.services?.current()),
    serviceLinks: asItIs(() => stores.serviceLinks?.current()),
  };
}

/** Tells what has changed in a world since it was last asked; the first time that is everything. */
export class WorldChanges {
  readonly #source: WorldSource;
  readonly #stamps = new Map<keyof WorldParts, unknown>();

  constructor(source: WorldSource) {
    this.#source = source;
  }

  /** The changed parts; undefined when there are none. */
  take(): Partial<WorldParts> | undefined {
    const changed: Record<string, unknown> = {};
    for (const name of Object.keys(this.#source) as (keyof WorldParts)[]) {
      const { stamp, read } = this.#source[name];
      const current = stamp();
      if (this.#stamps.has(name) && this.#stamps.get(name) === current) continue;
      this.#stamps.set(name, current);
      changed[name] = read();
    }
    return Object.keys(changed).length === 0 ? undefined : changed;
  }
}
