import { InternalError } from '@holdfast/base';
import { AuthorizableStore, KeysetSnapshot, OptOutIndex, serviceLinkKey } from '@holdfast/uid2';
import type {
  ClientRecord,
  ClientSideKeypair,
  RuntimeConfiguration,
  SaltSnapshot,
  ServiceLinkRecord,
  ServiceRecord,
  SiteRecord,
} from '@holdfast/uid2';

import type { OperatorStores } from '../context.ts';
import { saltsFromShared } from '../threads/shared-salts.ts';
import type { WorldParts } from './world-parts.ts';

/** A serving thread's view of the world, put together from the parts that it was sent. */
export class ThreadStores implements OperatorStores {
  #parts: Partial<WorldParts> = {};
  readonly #clients = new AuthorizableStore<ClientRecord>();
  #keysets: KeysetSnapshot | undefined;
  #salts: readonly SaltSnapshot[] | undefined;
  #optOuts: OptOutIndex | undefined;

  /** Takes over new parts. A request that is under way keeps the snapshots it has read. */
  apply(parts: Partial<WorldParts>): void {
    this.#parts = { ...this.#parts, ...parts };
    if (parts.clients !== undefined) this.#clients.replace(parts.clients);
    const { keysets, keysetKeys } = this.#parts;
    if ((parts.keysets ?? parts.keysetKeys) !== undefined && keysets !== undefined && keysetKeys !== undefined) {
      this.#keysets = new KeysetSnapshot(keysets, keysetKeys);
    }
    if (parts.salts !== undefined) {
      this.#salts = parts.salts.map(saltsFromShared);
    }
    if (parts.optOuts !== undefined) this.#optOuts = OptOutIndex.fromData(parts.optOuts);
  }

  runtimeConfig(): RuntimeConfiguration {
    return loaded(this.#parts.runtimeConfig, 'runtime_config');
  }

  clients(): AuthorizableStore<ClientRecord> {
    return this.#clients;
  }

  keysets(): KeysetSnapshot {
    return loaded(this.#keysets, 'keyset');
  }

  salts(): readonly SaltSnapshot[] {
    return loaded(this.#salts, 'salt');
  }

  optOuts(): OptOutIndex {
    return loaded(this.#optOuts, 'optout');
  }

  site(siteId: number): SiteRecord | undefined {
    return this.#parts.sites?.get(siteId);
  }

  clientSideKeypair(subscriptionId: string): ClientSideKeypair | undefined {
    return this.#parts.clientSideKeypairs?.get(subscriptionId);
  }

  service(serviceId: number): ServiceRecord | undefined {
    return this.#parts.services?.get(serviceId);
  }

  serviceLink(serviceId: number, linkId: string): ServiceLinkRecord | undefined {
    return this.#parts.serviceLinks?.get(serviceLinkKey(serviceId, linkId));
  }
}

function loaded<T>(part: T | undefined, store: string): T {
  if (part === undefined) {
    throw new InternalError('SERVING_WORLD_MISSING', `a serving thread has no ${store}`);
  }
  return part;
}
