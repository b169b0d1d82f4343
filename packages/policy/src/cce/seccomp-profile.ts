import { createHash } from 'node:crypto';

import { fromBase64, fromUtf8, type PlatformError } from '@holdfast/base';

import { readJson } from '../manifests/json-syntax.ts';
import { asObject, type JsonObject } from '../manifests/json-value.ts';
import { invalidInput, listOf, objectList, objectOf } from './input-values.ts';
import type { Warn } from './policy-model.ts';
import { pythonJson } from './python-json.ts';

export interface SeccompOptions {
  readonly container: string;
  readonly warn: Warn;
  /** Contents of `Localhost` profiles by path. */
  readonly localProfiles?: Readonly<Record<string, string>> | undefined;
  /** Hash the bytes as they are, as the container-definition pipeline does. */
  readonly raw?: boolean;
}

/**
 * SHA-256 (hex) of a container's seccomp profile in the form in which the guest serialises it, or empty for none. A
 * text is Base64 of the profile; a mapping is the Kubernetes form `{ type, localhostProfile }`.
 * @throws MalformedError CCE_INPUT_INVALID
 */
export function seccompSha256(profile: unknown, options: SeccompOptions): string {
  if (profile === undefined || profile === null || profile === '') return '';
  const where = `seccompProfile of the container ${options.container}`;
  if (typeof profile === 'string') return profileSha256(base64Text(profile, where), where, options);
  const { type, localhostProfile } = objectOf(profile, where);
  if (type === undefined || type === 'RuntimeDefault' || type === 'Unconfined') return '';
  if (type !== 'Localhost') throw invalidInput(`${where} has an unknown type`);
  const name = typeof localhostProfile === 'string' ? localhostProfile : '';
  const content = Object.hasOwn(options.localProfiles ?? {}, name) ? options.localProfiles?.[name] : undefined;
  if (content === undefined) throw invalidInput(`${where} is the local profile ${name}, whose content was not given`);
  return profileSha256(content, where, options);
}

function base64Text(value: string, where: string): string {
  try {
    return fromUtf8(fromBase64(value));
  } catch (error) {
    throw invalidInput(`${where} is not Base64 of a JSON text: ${(error as PlatformError).message}`);
  }
}

function profileSha256(text: string, where: string, { raw, warn, container }: SeccompOptions): string {
  if (raw === true) return sha256(text);
  // Bounds depth and size, and refuses duplicate keys, before JSON.parse keeps integers of 64 bits exactly.
  readJson(text);
  const profile = asObject(JSON.parse(text, exactIntegers));
  if (profile === undefined) throw invalidInput(`${where} is not a JSON object`);
  const normalised = normaliseProfile(profile, where);
  const gaps = profileGaps(normalised);
  if (gaps.length > 0) {
    warn(
      'CCE-SECCOMP-GAP',
      `the guest writes the seccomp profile differently (${gaps.join(', ')}), so its hash can never match`,
      container,
    );
  }
  return sha256(pythonJson(normalised, { sortKeys: false }));
}

function exactIntegers(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  return typeof value === 'number' && source !== undefined && /^-?[0-9]+$/.test(source) && !Number.isSafeInteger(value)
    ? BigInt(source)
    : value;
}

const PROFILE_KEYS = [
  'defaultAction',
  'defaultErrnoRet',
  'architectures',
  'flags',
  'listenerPath',
  'listenerMetadata',
  'syscalls',
];
const SYSCALL_KEYS = ['names', 'action', 'errnoRet', 'args'];
const ARGUMENT_KEYS = ['index', 'value', 'valueTwo', 'op'];

function normaliseProfile(profile: JsonObject, where: string): JsonObject {
  const syscalls = profile['syscalls'];
  const normalised = pick({ defaultAction: '', ...profile }, PROFILE_KEYS);
  if (syscalls === undefined) return normalised;
  return {
    ...normalised,
    syscalls: objectList(syscalls, `syscalls of the ${where}`).map((call) => normaliseSyscall(call, where)),
  };
}

function normaliseSyscall(syscall: JsonObject, where: string): JsonObject {
  const normalised = pick({ names: [], action: '', ...syscall }, SYSCALL_KEYS);
  if (syscall['args'] === undefined) return normalised;
  const args = objectList(syscall['args'], `args of the ${where}`);
  return {
    ...normalised,
    args: args.map((argument) => pick({ value: 0, op: '', index: 0, ...argument }, ARGUMENT_KEYS)),
  };
}

function pick(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(keys.filter((key) => Object.hasOwn(object, key)).map((key) => [key, object[key]]));
}

/** Where Python's and Go's serialisations of one profile differ. */
function profileGaps(profile: JsonObject): string[] {
  const gaps = ['architectures', 'flags', 'listenerPath', 'listenerMetadata', 'syscalls'].filter((key) =>
    isEmpty(profile[key]),
  );
  for (const syscall of listOf(profile['syscalls'], 'syscalls') as readonly JsonObject[]) {
    if (isEmpty(syscall['args'])) gaps.push('args');
    const args = listOf(syscall['args'], 'args') as readonly JsonObject[];
    if (args.some((argument) => argument['valueTwo'] === 0)) gaps.push('valueTwo');
  }
  // eslint-disable-next-line no-control-regex -- the range is all of ASCII
  if (/[<>&]|[^\u0000-\u007f]/.test(pythonJsonSource(profile))) gaps.push('characters that Go escapes or Python does');
  return [...new Set(gaps)];
}

function pythonJsonSource(profile: JsonObject): string {
  return JSON.stringify(profile, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
}

function isEmpty(value: unknown): boolean {
  return value === '' || value === null || (Array.isArray(value) && value.length === 0);
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
