import { fromUtf8 } from '@holdfast/base';
import { RotatingStore } from '@holdfast/core-client';
import type { CoreSession, RefreshEvent, StoreState, Timers } from '@holdfast/core-client';
import {
  AuthorizableStore,
  KeysetSnapshot,
  parseClients,
  parseClientSideKeypairs,
  parseCloudEncryptionKeysResponse,
  parseKeysetKeys,
  parseKeysets,
  parseLenientJson,
  parseRuntimeConfiguration,
  parseRuntimeConfigurationFile,
  parseServiceLinks,
  parseServices,
  parseSites,
  parseStoreMetadata,
  serviceLinkKey,
} from '@holdfast/uid2';
import type {
  ClientRecord,
  ClientSideKeypair,
  CloudEncryptionKey,
  Keyset,
  KeysetKey,
  RuntimeConfiguration,
  SaltMetadata,
  SaltSnapshot,
  ServiceLinkRecord,
  ServiceRecord,
  SiteRecord,
} from '@holdfast/uid2';

import type { OperatorConfig } from '../config.ts';
import { openCloudFile } from './open-cloud-file.ts';
import type { DecryptionEvent } from './open-cloud-file.ts';
import { saltSource } from './salt-source.ts';

export interface StoreSetOptions {
  readonly config: Pick<
    OperatorConfig,
    'storeUrls' | 'intervalsMs' | 'encryptedFiles' | 'staticRuntimeConfig' | 'settings'
  >;
  readonly session: CoreSession;
  readonly timers: Timers;
  readonly onRefresh: (event: RefreshEvent) => void;
  readonly onDecryption: (event: DecryptionEvent) => void;
}

type AnyStore = Pick<RotatingStore<unknown>, 'name' | 'start' | 'stop' | 'loaded' | 'probe' | 'state'>;
type CloudKeys = ReadonlyMap<number, CloudEncryptionKey>;

type FileStore<T> = RotatingStore<T, string>;

/**
 * Everything an operator keeps from Core, each store with a rhythm of its own. Sites, key pairs, services and links exist
 * only where they are used: Core keeps them from private operators.
 */
export class StoreSet {
  readonly clients: RotatingStore<AuthorizableStore<ClientRecord>, string>;
  readonly keysets: RotatingStore<readonly Keyset[], string>;
  readonly keysetKeys: RotatingStore<readonly KeysetKey[], string>;
  readonly salts: RotatingStore<readonly SaltSnapshot[], SaltMetadata>;
  readonly cloudKeys: RotatingStore<CloudKeys, CloudKeys> | undefined;
  readonly sites: FileStore<ReadonlyMap<number, SiteRecord>> | undefined;
  readonly clientSideKeypairs: FileStore<ReadonlyMap<string, ClientSideKeypair>> | undefined;
  readonly services: FileStore<ReadonlyMap<number, ServiceRecord>> | undefined;
  readonly serviceLinks: FileStore<ReadonlyMap<string, ServiceLinkRecord>> | undefined;
  readonly #remoteConfig: RotatingStore<RuntimeConfiguration, RuntimeConfiguration> | undefined;
  readonly #staticConfig: RuntimeConfiguration | undefined;
  #keysetSnapshot: { readonly of: readonly [unknown, unknown]; readonly snapshot: KeysetSnapshot } | undefined;

  /** @throws MalformedError SEED_FILE_MALFORMED when the static runtime configuration breaks a rule */
  constructor(options: StoreSetOptions) {
    const { config, session, timers, onRefresh, onDecryption } = options;
    const { storeUrls: urls, intervalsMs } = config;
    const common = { timers, onRefresh };
    this.cloudKeys = config.encryptedFiles
      ? new RotatingStore<CloudKeys, CloudKeys>({
          ...common,
          name: 'cloud_encryption_keys',
          intervalMs: intervalsMs.cloudEncryptionKeys,
          source: {
            async fetchMetadata() {
              const keys = parseCloudEncryptionKeysResponse(await session.downloadMetadata(urls.cloudEncryptionKeys));
              // They carry no version of their own: the time stands for it, so they are taken anew each time.
              return { version: timers.now(), metadata: new Map(keys.map((key) => [key.id, key])) };
            },
            load: (keys) => Promise.resolve(keys),
          },
        })
      : undefined;
    const open = (text: string, store: string): string =>
      this.cloudKeys === undefined
        ? text
        : fromUtf8(openCloudFile(text, this.cloudKeys.current(), store, onDecryption));
    const asItIs = (text: string): string => text;
    const fileSource = <T>(url: string, member: string, parse: (text: string) => T, decrypt = open) => ({
      async fetchMetadata() {
        const { version, location } = parseStoreMetadata(await session.downloadMetadata(url), member);
        return { version, metadata: location };
      },
      load: async (location: string) => parse(decrypt(fromUtf8(await session.downloadContent(location)), member)),
    });
    const clients = new AuthorizableStore<ClientRecord>();
    this.clients = new RotatingStore({
      ...common,
      name: 'auth',
      intervalMs: intervalsMs.clients,
      source: fileSource(urls.clients, 'client_keys', (text) => {
        clients.replace(parseClients(text));
        return clients;
      }),
    });
    this.keysets = new RotatingStore({
      ...common,
      name: 'keyset',
      intervalMs: intervalsMs.keysets,
      source: fileSource(urls.keysets, 'keysets', (text) => parseKeysets(parseLenientJson(text))),
    });
    this.keysetKeys = new RotatingStore({
      ...common,
      name: 'keysetkey',
      intervalMs: intervalsMs.keysetKeys,
      source: fileSource(urls.keysetKeys, 'keyset_keys', (text) => parseKeysetKeys(parseLenientJson(text))),
    });
    this.salts = new RotatingStore({
      ...common,
      name: 'salt',
      intervalMs: intervalsMs.salts,
      source: saltSource({
        session,
        url: urls.salts,
        now: timers.now,
        cloudKeys: () => this.cloudKeys?.current(),
        onDecryption,
      }),
    });
    const { clientSide, serviceLinks } = config.settings;
    if (clientSide !== undefined) {
      this.sites = new RotatingStore({
        ...common,
        name: 'site',
        intervalMs: intervalsMs.sites,
        source: fileSource(urls.sites, 'sites', (text) => new Map(parseSites(text).map((site) => [site.id, site]))),
      });
      this.clientSideKeypairs = new RotatingStore({
        ...common,
        name: 'client_side_keypairs',
        intervalMs: intervalsMs.clientSideKeypairs,
        source: fileSource(
          urls.clientSideKeypairs,
          'client_side_keypairs',
          (text) => new Map(parseClientSideKeypairs(text).map((keypair) => [keypair.subscriptionId, keypair])),
        ),
      });
    }
    if (serviceLinks) {
      // These two are never encrypted.
      this.services = new RotatingStore({
        ...common,
        name: 'service',
        intervalMs: intervalsMs.services,
        source: fileSource(
          urls.services,
          'services',
          (text) => new Map(parseServices(text).map((service) => [service.serviceId, service])),
          asItIs,
        ),
      });
      this.serviceLinks = new RotatingStore({
        ...common,
        name: 'service_link',
        intervalMs: intervalsMs.serviceLinks,
        source: fileSource(
          urls.serviceLinks,
          'service_links',
          (text) => new Map(parseServiceLinks(text).map((link) => [serviceLinkKey(link.serviceId, link.linkId), link])),
          asItIs,
        ),
      });
    }
    this.#staticConfig =
      config.staticRuntimeConfig === undefined ? undefined : parseRuntimeConfiguration(config.staticRuntimeConfig);
    this.#remoteConfig =
      this.#staticConfig === undefined
        ? new RotatingStore<RuntimeConfiguration, RuntimeConfiguration>({
            ...common,
            name: 'runtime_config',
            intervalMs: intervalsMs.runtimeConfig,
            source: {
              async fetchMetadata() {
                const text = await session.downloadMetadata(urls.runtimeConfig);
                const { version, configuration } = parseRuntimeConfigurationFile(text);
                return { version, metadata: configuration };
              },
              load: (configuration) => Promise.resolve(configuration),
            },
          })
        : undefined;
  }

  /** All stores in the order in which start-up asks for their metadata. */
  get all(): readonly AnyStore[] {
    return [
      this.cloudKeys,
      this.sites,
      this.clients,
      this.keysetKeys,
      this.keysets,
      this.clientSideKeypairs,
      this.salts,
      this.services,
      this.serviceLinks,
      this.#remoteConfig,
    ].filter((store) => store !== undefined);
  }

  states(): readonly StoreState[] {
    return this.all.map((store) => store.state);
  }

  /**
   * Asks for the metadata of every store but the runtime configuration once, one after the other. The first of them
   * performs the first attestation.
   */
  async probe(): Promise<void> {
    for (const store of this.all) {
      if (store !== this.#remoteConfig) await store.probe();
    }
  }

  /** Begins all refresh loops and resolves once everything has loaded. Cloud keys come first: the others need them. */
  async load(): Promise<void> {
    this.cloudKeys?.start();
    await this.cloudKeys?.loaded();
    for (const store of this.all) store.start();
    await Promise.all(this.all.map((store) => store.loaded()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((store) => store.stop()));
  }

  runtimeConfig(): RuntimeConfiguration {
    return this.#staticConfig ?? (this.#remoteConfig as RotatingStore<RuntimeConfiguration>).current();
  }

  /** The same as `keysetSnapshot`, or undefined before both have loaded. */
  peekKeysetSnapshot(): KeysetSnapshot | undefined {
    const loaded = this.keysets.peek() !== undefined && this.keysetKeys.peek() !== undefined;
    return loaded ? this.keysetSnapshot() : undefined;
  }

  /** Keysets and keys together. They refresh apart, so the pair is joined again when either has changed. */
  keysetSnapshot(): KeysetSnapshot {
    const keysets = this.keysets.current();
    const keys = this.keysetKeys.current();
    const known = this.#keysetSnapshot;
    if (known !== undefined && known.of[0] === keysets && known.of[1] === keys) return known.snapshot;
    const snapshot = new KeysetSnapshot(keysets, keys);
    this.#keysetSnapshot = { of: [keysets, keys], snapshot };
    return snapshot;
  }
}
