import { RequestError } from '@holdfast/base';

/** Values under names, in one namespace. Names hold letters, digits, `_`, `.`, `/` and `-`. */
export interface KeyValueStore {
  get(key: string): Promise<Uint8Array | undefined>;
  set(key: string, value: Uint8Array): Promise<void>;
  /** False when there was nothing under the name. */
  delete(key: string): Promise<boolean>;
  list(): Promise<readonly string[]>;
}

export type Namespace = 'kbs' | 'repository' | 'attestation_service_policy' | 'reference_value';

/** Opens the store of a namespace. */
export type OpenStore = (namespace: Namespace) => KeyValueStore;

const KEY = /^[A-Za-z0-9_./-]{1,200}$/;

/** @throws RequestError TRUSTEE_STORAGE_KEY_INVALID */
export function checkKey(key: string): void {
  if (KEY.test(key) && key !== '.' && key !== '..') return;
  throw new RequestError('TRUSTEE_STORAGE_KEY_INVALID', 'a name holds characters that cannot be stored, or too many');
}

/** A store that lives as long as the process. */
export function createMemoryStore(): KeyValueStore {
  const values = new Map<string, Uint8Array>();
  return {
    get: async (key) => values.get(key),
    set: async (key, value) => {
      checkKey(key);
      values.set(key, value);
    },
    delete: async (key) => values.delete(key),
    list: async () => [...values.keys()].sort(),
  };
}
