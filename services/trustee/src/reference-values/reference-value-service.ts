import { isJsonObject, member, parseJson, formatJson } from '@holdfast/attestation';
import type { JsonObject, JsonValue } from '@holdfast/attestation';
import { fromBase64, fromUtf8, MalformedError, toUtf8 } from '@holdfast/base';
import type { Clock } from '@holdfast/base';

import type { KeyValueStore } from '../storage/key-value-store.ts';

const CODE = 'TRUSTEE_REFERENCE_MESSAGE_INVALID';
const VERSION = '0.1.0';
const VALID_MONTHS = 12;

/** The measurements an administrator holds good, by name. */
export interface ReferenceValues {
  /**
   * Stores what a message brings and answers the names.
   * @throws MalformedError TRUSTEE_REFERENCE_MESSAGE_INVALID
   */
  register(message: JsonValue): Promise<readonly string[]>;
  /** The value under a name, or undefined. */
  query(name: string): Promise<JsonValue | undefined>;
  list(): Promise<readonly string[]>;
  delete(name: string): Promise<boolean>;
}

export interface ReferenceValuesOptions {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  /** Whether a value is gone once its time is over. The reference implementation returns it still. */
  readonly enforceExpiration: boolean;
}

export function createReferenceValues({ store, clock, enforceExpiration }: ReferenceValuesOptions): ReferenceValues {
  return {
    register: async (message) => {
      const values = readReferenceMessage(message);
      const expiration = expirationFrom(clock());
      const names = Object.keys(values);
      for (const name of names) {
        const stored = { version: VERSION, name, expiration, value: values[name] ?? null };
        await store.set(name, toUtf8(formatJson(stored)));
      }
      return names;
    },
    query: async (name) => {
      const bytes = await store.get(name);
      if (bytes === undefined) return undefined;
      const stored = parseJson(bytes, 'TRUSTEE_STORAGE_MALFORMED');
      if (!isJsonObject(stored)) throw new MalformedError('TRUSTEE_STORAGE_MALFORMED', 'a stored value is no object');
      return enforceExpiration && isOver(stored, clock()) ? undefined : member(stored, 'value');
    },
    list: () => store.list(),
    delete: (name) => store.delete(name),
  };
}

function isOver(stored: JsonObject, now: number): boolean {
  const expiration = member(stored, 'expiration');
  // A time that cannot be read has passed.
  return !(typeof expiration === 'string' && Date.parse(expiration) > now);
}

/** Twelve calendar months on, in whole seconds; the day is cut to the length of the month. */
export function expirationFrom(now: number): string {
  const date = new Date(Math.floor(now / 1000) * 1000);
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + VALID_MONTHS);
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(day, lastDay));
  return `${date.toISOString().slice(0, 19)}Z`;
}

/**
 * The values that a message brings, by name.
 * @throws MalformedError TRUSTEE_REFERENCE_MESSAGE_INVALID
 */
export function readReferenceMessage(message: JsonValue): JsonObject {
  if (!isJsonObject(message)) throw malformed('the message is no JSON object');
  const version = member(message, 'version') ?? VERSION;
  if (version !== VERSION) {
    throw malformed(
      `Version unmatched! Need ${VERSION}, given ${typeof version === 'string' ? version.slice(0, 50) : '?'}.`,
    );
  }
  const type = member(message, 'type');
  const payload = member(message, 'payload');
  if (typeof type !== 'string' || typeof payload !== 'string') throw malformed('"type" and "payload" have to be texts');
  if (type === 'swid' || type === 'corim') {
    throw malformed(`manifests of type ${type} are not read here: send their values as type sample`);
  }
  if (type !== 'sample') throw malformed(`Could not find extractor for ${type.slice(0, 50)}`);
  let text: string;
  try {
    text = fromUtf8(fromBase64(payload));
  } catch (cause) {
    throw malformed('"payload" is not Base64 of text', cause);
  }
  const values = parseJson(text, CODE);
  if (!isJsonObject(values)) throw malformed('the payload is no JSON object');
  return values;
}

function malformed(problem: string, cause?: unknown): MalformedError {
  return new MalformedError(CODE, problem, { cause });
}
