import { Secret } from '@holdfast/base';

import { textAt } from '../src/engine/json.ts';
import type {
  AzureProblem,
  JsonObject,
  NewReleaseKey,
  SecretVersion,
  VaultKeyState,
  VaultPort,
} from '../src/engine/ports.ts';
import { typeAndName } from './arm-ids.ts';
import { fakeUuid } from './azure-services.ts';
import type { FakeClock } from './fake-clock.ts';
import { FakeAzureError } from './fake-requests.ts';
import type { FakeRequests } from './fake-requests.ts';

export interface StoredSecret {
  readonly value: string;
  readonly version: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly createdAt: number;
  enabled: boolean;
}

/** The secrets of all vaults, with every version of them. */
export class FakeSecrets {
  /** By `vault/secret`, oldest version first. */
  readonly all = new Map<string, StoredSecret[]>();
  /** What the data plane refuses with, until this time. */
  refusal: { readonly problem: AzureProblem; readonly until: number } | undefined;
  /** How often each key was made. */
  readonly keyCounts = new Map<string, number>();
  readonly #requests: FakeRequests;
  readonly #clock: FakeClock;

  constructor(requests: FakeRequests, clock: FakeClock) {
    this.#requests = requests;
    this.#clock = clock;
  }

  /** Keys of all vaults, by `vault/key`. */
  readonly keys = new Map<string, NewReleaseKey>();

  readonly port: VaultPort = {
    keys: {
      get: (url, name, options) =>
        this.#call('GET', `${url}/keys/${name}`, options, () => {
          const key = this.keys.get(`${vaultNameOf(url)}/${name}`);
          return key === undefined ? undefined : publicKey(key);
        }),
      create: (url, name, key, options) =>
        this.#call('POST', `${url}/keys/${name}/create`, options, () => {
          const made = (this.keyCounts.get(`${vaultNameOf(url)}/${name}`) ?? 0) + 1;
          this.keyCounts.set(`${vaultNameOf(url)}/${name}`, made);
          this.keys.set(`${vaultNameOf(url)}/${name}`, key);
          return publicKey(key);
        }),
    },
    secretVersions: (url, name, options) =>
      this.#call('GET', `${url}secrets/${name}/versions`, options, () =>
        this.#versions(url, name).map(publicVersion).toReversed(),
      ),
    setSecret: (url, name, value, tags, options) =>
      this.#call('PUT', `${url}secrets/${name}`, options, () =>
        publicVersion(this.#add(vaultNameOf(url), name, value.reveal(), tags)),
      ),
    getSecret: (url, name, version, options) =>
      this.#call('GET', `${url}secrets/${name}/${version ?? ''}`, options, () => {
        const versions = this.#versions(url, name);
        const found = version === undefined ? versions.at(-1) : versions.find((each) => each.version === version);
        if (found === undefined) throw new FakeAzureError({ code: 'SecretNotFound', message: name, status: 404 });
        if (!found.enabled) throw new FakeAzureError({ code: 'SecretDisabled', message: name, status: 403 });
        return new Secret(found.value);
      }),
    setEnabled: (url, name, version, enabled, options) =>
      this.#call('PATCH', `${url}secrets/${name}/${version}`, options, () => {
        const found = this.#versions(url, name).find((each) => each.version === version);
        if (found !== undefined) found.enabled = enabled;
      }),
  };

  /** A new version, written through Azure Resource Manager; the answer never shows the value. */
  put(id: string, body: JsonObject): JsonObject {
    const [, name] = typeAndName(id);
    const [vault = '', secret = ''] = name.split('/');
    const tags = (body['tags'] ?? {}) as Readonly<Record<string, string>>;
    const made = this.#add(vault, secret, textAt(body, 'properties.value') ?? '', tags);
    return {
      id,
      type: 'Microsoft.KeyVault/vaults/secrets',
      name: secret,
      tags,
      properties: {
        attributes: { enabled: true, created: Math.floor(made.createdAt / 1000) },
        secretUriWithVersion: `https://${vault}.vault.azure.net/secrets/${secret}/${made.version}`,
      },
    };
  }

  async #call<T>(
    verb: string,
    target: string,
    options: { readonly signal?: AbortSignal } | undefined,
    execute: () => T,
  ): Promise<T> {
    const open = (): T => {
      if (this.refusal !== undefined && this.#clock.now() < this.refusal.until) {
        throw new FakeAzureError(this.refusal.problem);
      }
      return execute();
    };
    return await this.#requests.run({ verb, target, write: verb !== 'GET' }, open, options?.signal);
  }

  #add(vault: string, name: string, value: string, tags: Readonly<Record<string, string>>): StoredSecret {
    const key = `${vault}/${name}`.toLowerCase();
    const versions = this.all.get(key) ?? [];
    const version = fakeUuid(`${key}#${versions.length}`).replaceAll('-', '');
    const made = { value, version, tags, createdAt: this.#clock.now(), enabled: true };
    this.all.set(key, [...versions, made]);
    return made;
  }

  #versions(url: string, name: string): readonly StoredSecret[] {
    return this.all.get(`${vaultNameOf(url)}/${name}`.toLowerCase()) ?? [];
  }
}

function vaultNameOf(url: string): string {
  return new URL(url).hostname.split('.')[0] ?? '';
}

function publicVersion({ version, enabled, tags, createdAt }: StoredSecret): SecretVersion {
  return { version, enabled, tags, createdAt };
}

function publicKey({ kind, releasePolicy }: NewReleaseKey): VaultKeyState {
  return { version: '1', kind, exportable: true, releasePolicy, publicKey: 'PEM of the key\n' };
}
