import type { CertificateBundle, KeyBundle, SecretBundle, VaultReader } from '../../src/provider/vault-reader.ts';
import type { ListedVersion } from '../../src/provider/versions.ts';

export interface FakeVault extends VaultReader {
  /** Calls in order, such as `secret redis-key`. */
  readonly calls: string[];
  readonly secrets: Map<string, SecretBundle>;
  readonly keys: Map<string, KeyBundle>;
  readonly certificates: Map<string, CertificateBundle>;
  readonly listed: Map<string, readonly ListedVersion[]>;
  /** Thrown by every call while set. */
  failure: Error | undefined;
}

/** A vault whose objects a test writes down; a version is asked for as `name@version`. */
export function fakeVault(): FakeVault {
  const vault: FakeVault = {
    calls: [],
    secrets: new Map(),
    keys: new Map(),
    certificates: new Map(),
    listed: new Map(),
    failure: undefined,
    secret: async (name, version) => ask('secret', vault.secrets, name, version),
    key: async (name, version) => ask('key', vault.keys, name, version),
    certificate: async (name, version) => ask('certificate', vault.certificates, name, version),
    versions: async (type, name) => {
      vault.calls.push(`versions ${type} ${name}`);
      return Promise.resolve(vault.listed.get(name) ?? []);
    },
  };
  const ask = async <T>(kind: string, objects: Map<string, T>, name: string, version?: string): Promise<T> => {
    const id = version === undefined ? name : `${name}@${version}`;
    vault.calls.push(`${kind} ${id}`);
    if (vault.failure !== undefined) throw vault.failure;
    const found = objects.get(id);
    if (found === undefined) throw new Error(`no ${kind} ${id}`);
    return Promise.resolve(found);
  };
  return vault;
}

export function secretOf(name: string, value: string, version = 'v1'): SecretBundle {
  return { id: `https://kv.vault.azure.net/secrets/${name}/${version}`, value };
}
