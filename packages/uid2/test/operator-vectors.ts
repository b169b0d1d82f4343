import type { RandomBytes } from '@holdfast/base';
import { fromHex } from '@holdfast/base';
import { loadVectors } from '@holdfast/base/testing';

import type { IdentityScope, IdentityType } from '../src/identity/identity.ts';
import { prepareSecret, type TokenKey, type TokenKeySource } from '../src/tokens/token-key.ts';

/** Known answers of the UID2 operator reference, or undefined where their folder is missing. */
const vectors = loadVectors('uid2-operator.json') as { groups: Record<string, readonly unknown[]> } | undefined;

export const vectorsMissing: boolean = vectors === undefined;

/**
 * All entries of a group; a group that is gone or empty fails rather than passing without having checked anything. Without
 * the folder there is one empty entry, so that the test it belongs to shows up as skipped.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- each test states the shape of its own group
export function vectorGroup<T>(name: string): readonly T[] {
  if (vectors === undefined) return [{} as T];
  const group = vectors.groups[name] ?? [];
  if (group.length === 0) throw new Error(`no known answers in group ${name}`);
  return group as readonly T[];
}

export function lowerScope(scope: 'UID2' | 'EUID'): IdentityScope {
  return scope === 'UID2' ? 'uid2' : 'euid';
}

export function lowerType(type: 'Email' | 'Phone'): IdentityType {
  return type === 'Email' ? 'email' : 'phone';
}

/** Random bytes that are none: gives out the pieces in order and insists on their lengths. */
export function scriptedRandom(...hexPieces: readonly string[]): RandomBytes {
  const pieces = hexPieces.map(fromHex);
  return (length) => {
    const piece = pieces.shift();
    if (piece?.length !== length) throw new Error(`asked for ${length} random bytes, scripted ${piece?.length}`);
    return piece;
  };
}

/** Bytes that differ from call to call and from run to run not at all. */
export function countingRandom(): RandomBytes {
  let next = 0;
  return (length) => Uint8Array.from({ length }, () => (next += 1) & 0xff);
}

export function tokenKey(id: number, secret: Uint8Array): TokenKey {
  return { id, secret: prepareSecret(secret) };
}

export function keySource(...keys: readonly TokenKey[]): TokenKeySource {
  return { keyById: (id) => keys.find((key) => key.id === id) };
}

/** The error that `action` throws; fails when it throws none. */
export function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (thrown) {
    return thrown;
  }
  throw new Error('nothing was thrown');
}
