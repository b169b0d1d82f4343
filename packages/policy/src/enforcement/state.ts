import type { CceDeclarations } from './cce-policy.ts';
import type { CceMount } from './guest-defaults.ts';
import { defaultMounts } from './guest-defaults.ts';
import type { PolicyContainer } from './policy-container.ts';

/** A fragment that was admitted, reduced to what its import includes. */
export interface LoadedFragment {
  readonly issuer: string;
  readonly feed: string;
  readonly includes: readonly string[];
  readonly declarations: CceDeclarations;
}

/**
 * What the guest remembers between enforcement points. Values are never changed: a decision that is allowed makes a new
 * state, so that a denied one provably changes nothing and a transaction is a copy of a reference.
 */
export interface CceState {
  /** Mount target to root hash. */
  readonly devices: ReadonlyMap<string, string>;
  readonly rwDevices: ReadonlySet<string>;
  /** Container id to the candidates that are still possible. */
  readonly matches: ReadonlyMap<string, readonly PolicyContainer[]>;
  readonly overlayTargets: ReadonlySet<string>;
  /** Never shrinks: an id cannot be used again. */
  readonly started: ReadonlyMap<string, { readonly privileged: boolean; readonly allowStdio: boolean }>;
  readonly scratchMounts: ReadonlyMap<string, { readonly encrypted: boolean }>;
  /** Mount target to container id. */
  readonly plan9Mounts: ReadonlyMap<string, string>;
  /** Newest first. */
  readonly fragments: readonly LoadedFragment[];
  /** Grows for the lifetime of the VM as the guest adds network files. */
  readonly defaultMounts: readonly CceMount[];
}

export const initialState: CceState = {
  devices: new Map(),
  rwDevices: new Set(),
  matches: new Map(),
  overlayTargets: new Set(),
  started: new Map(),
  scratchMounts: new Map(),
  plan9Mounts: new Map(),
  fragments: [],
  defaultMounts,
};

export function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> {
  return new Map(map).set(key, value);
}

export function withoutEntry<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}

export function withMember<T>(set: ReadonlySet<T>, member: T): ReadonlySet<T> {
  return new Set(set).add(member);
}

export function withoutMember<T>(set: ReadonlySet<T>, member: T): ReadonlySet<T> {
  const copy = new Set(set);
  copy.delete(member);
  return copy;
}
