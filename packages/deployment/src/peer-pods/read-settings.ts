import { errorMessage, MalformedError } from '@holdfast/base';
import { decodeInitdata } from '@holdfast/initdata';
import { isMap, parseAllDocuments } from 'yaml';

import { nearest } from '../config/suggest.ts';
import { settingKeys } from './settings-keys.ts';
import type { SettingForm, SettingKey } from './settings-keys.ts';

export interface SettingProblem {
  readonly severity: 'error' | 'warning';
  /** The setting; several are separated by a comma. */
  readonly key: string;
  readonly message: string;
}

/** What the adaptor would run with. */
export interface PeerPodsSettings {
  /** Settings with their defaults, as text. Secrets are not among them. */
  readonly values: ReadonlyMap<string, string>;
  readonly problems: readonly SettingProblem[];
}

const SECRETS: ReadonlySet<string> = new Set(['AZURE_CLIENT_SECRET']);
const CONFIG_MAP = 'peer-pods-cm';
const SECRET = 'peer-pods-secret';

/**
 * Reads the objects `peer-pods-cm` and `peer-pods-secret` of a YAML stream. For a name in both the ConfigMap wins. The adaptor
 * itself takes a wrong value silently for its default (`yes` is false, `10x` is 10): here each is an error.
 * @throws MalformedError PEER_PODS_OBJECTS_INVALID when the text is no YAML or holds no `peer-pods-cm`
 */
export function readPeerPodsSettings(text: string): PeerPodsSettings {
  const { configMap, secret } = findObjects(text);
  const given = new Map([...secret, ...configMap].filter(([, value]) => value !== ''));
  const problems: SettingProblem[] = [];
  for (const key of configMap.keys()) {
    if (SECRETS.has(key))
      problems.push({ severity: 'error', key, message: `belongs in ${SECRET}: a ConfigMap is no secret` });
  }
  for (const [key, value] of given) problems.push(...problemsOf(key, value));
  for (const key of settingKeys) {
    if (key.required !== undefined && !given.has(key.name)) problems.push(missing(key));
  }
  const values = new Map<string, string>();
  for (const { name, default: initial } of settingKeys) {
    const value = given.get(name) ?? initial;
    if (value !== undefined && !SECRETS.has(name)) values.set(name, value);
  }
  return { values, problems };
}

function findObjects(text: string): Record<'configMap' | 'secret', ReadonlyMap<string, string>> {
  const found = { configMap: undefined as ReadonlyMap<string, string> | undefined, secret: new Map<string, string>() };
  for (const document of parseAllDocuments(text)) {
    const [problem] = document.errors;
    if (problem !== undefined) throw invalid(`it is no YAML: ${problem.message.split('\n', 1)[0] ?? ''}`);
    if (!isMap(document.contents)) continue;
    const object = document.toJS({ maxAliasCount: 100 }) as Readonly<Record<string, unknown>>;
    const name = (object['metadata'] as { readonly name?: unknown } | undefined)?.name;
    if (object['kind'] === 'ConfigMap' && name === CONFIG_MAP) found.configMap = textsIn(object['data']);
    if (object['kind'] === 'Secret' && name === SECRET) {
      const encoded = [...textsIn(object['data'])].map(
        ([key, value]) => [key, Buffer.from(value, 'base64').toString()] as const,
      );
      found.secret = new Map([...encoded, ...textsIn(object['stringData'])]);
    }
  }
  if (found.configMap === undefined) throw invalid(`it holds no ConfigMap ${CONFIG_MAP}`);
  return { configMap: found.configMap, secret: found.secret };
}

function textsIn(data: unknown): Map<string, string> {
  const entries = typeof data === 'object' && data !== null ? Object.entries(data) : [];
  const other = entries.find(([, value]) => typeof value !== 'string' && value !== null);
  if (other !== undefined) throw invalid(`data.${other[0]} is no text: put it in quotes`);
  return new Map(entries.map(([key, value]) => [key, String(value ?? '')]));
}

function invalid(reason: string): MalformedError {
  return new MalformedError('PEER_PODS_OBJECTS_INVALID', `the file cannot be used: ${reason}`);
}

function missing({ name, required }: SettingKey): SettingProblem {
  if (required === 'always') return { severity: 'error', key: name, message: 'missing' };
  return {
    severity: 'warning',
    key: name,
    message: `missing: right with workload identity only; otherwise put it in ${SECRET}`,
  };
}

function problemsOf(key: string, value: string): readonly SettingProblem[] {
  const known = settingKeys.find(({ name }) => name === key);
  if (known === undefined) {
    const meant = nearest(
      key,
      settingKeys.map(({ name }) => name),
    );
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    return [{ severity: 'warning', key, message: `unknown, and so without effect${hint}` }];
  }
  if (key === 'AA_KBC_PARAMS') return [{ severity: 'warning', key, message: 'superseded by INITDATA' }];
  if (key === 'CLOUD_PROVIDER' && value !== 'azure')
    return [{ severity: 'error', key, message: `is ${value}, not azure` }];
  const message = wrong[known.form](value);
  return message === undefined ? [] : [{ severity: 'error', key, message }];
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const GROUP = String.raw`/subscriptions/[0-9a-fA-F-]{36}/resourceGroups/[^/]+`;
const DURATION = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/;

const matches =
  (pattern: RegExp, expected: string) =>
  (value: string): string | undefined =>
    pattern.test(value) ? undefined : `is ${JSON.stringify(shortened(value))}, not ${expected}`;

/** What is wrong with the text of a setting; undefined when nothing is. */
const wrong: Readonly<Record<SettingForm, (value: string) => string | undefined>> = {
  text: () => undefined,
  boolean: matches(/^(?:true|false|1|0)$/i, 'true or false; the adaptor takes everything but true and 1 for false'),
  integer: matches(/^-?\d{1,9}$/, 'a whole number'),
  port: (value) =>
    /^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65_535
      ? undefined
      : `is ${JSON.stringify(shortened(value))}, not a port from 1 to 65535`,
  duration: matches(DURATION, 'a duration such as 5m or 90s'),
  uuid: matches(UUID, 'a UUID'),
  region: matches(/^[a-z0-9]+$/, 'a region such as eastus, in lower case and without spaces'),
  'group-name': matches(/^[A-Za-z0-9._()-]{0,89}[A-Za-z0-9_()-]$/, 'the name of a resource group'),
  'subnet-id': matches(
    new RegExp(`^${GROUP}/providers/Microsoft\\.Network/virtualNetworks/[^/]+/subnets/[^/]+$`, 'i'),
    'the resource id of a subnet',
  ),
  'security-group-id': matches(
    new RegExp(`^${GROUP}/providers/Microsoft\\.Network/networkSecurityGroups/[^/]+$`, 'i'),
    'the resource id of a network security group',
  ),
  'image-id': matches(
    new RegExp(`^(?:${GROUP}/providers/Microsoft\\.Compute/(?:images|galleries)/.+|/CommunityGalleries/.+)$`, 'i'),
    'the resource id of an image, or of one in a community gallery',
  ),
  names: matches(/^[^,\s]+(?:\s*,\s*[^,\s]+)*$/, 'names separated by commas'),
  tags: matches(/^[^=,]+=[^=,]*(?:,[^=,]+=[^=,]*)*$/, 'tags such as a=b,c=d'),
  initdata: (value) => {
    try {
      decodeInitdata(value);
      return undefined;
    } catch (error) {
      return `cannot be decoded: ${errorMessage(error)}`;
    }
  },
  'tls-version': matches(/^VersionTLS1[23]$/, 'VersionTLS12 or VersionTLS13'),
};

function shortened(value: string): string {
  return value.length > 80 ? `${value.slice(0, 80)}…` : value;
}
