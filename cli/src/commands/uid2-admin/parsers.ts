import type { ApiKeyEnvironment, Role } from '@holdfast/uid2';
import type { AttestationProtocol, ClientType } from '@holdfast/uid2/administration';

import { wholeNumber } from '../flags.ts';

const DAY_MS = 86_400_000;
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/*
 * Declarations are loaded with every command, `--version` included, so the names are written out here instead of being
 * imported with everything that knows them. The administration checks which of them a record may have.
 */
const ROLES: readonly Role[] = ['GENERATOR', 'MAPPER', 'ID_READER', 'SHARER', 'OPTOUT', 'OPERATOR', 'OPTOUT_SERVICE'];
const CLIENT_TYPES: readonly ClientType[] = ['DSP', 'ADVERTISER', 'DATA_PROVIDER', 'PUBLISHER'];
const PROTOCOLS: readonly AttestationProtocol[] = ['azure-cc', 'aws-nitro', 'gcp-oidc', 'trusted'];

/** A role by name; `id-reader` stands for ID_READER. */
export function role(text: string): Role {
  return oneOf(ROLES, constantName(text), text);
}

export function clientType(text: string): ClientType {
  return oneOf(CLIENT_TYPES, constantName(text), text);
}

export function protocol(text: string): AttestationProtocol {
  return oneOf(PROTOCOLS, text, text);
}

/** The id of a keyset, or `master` and `refresh`, whose ids are negative. */
export function keysetId(text: string): number {
  if (text === 'master') return -1;
  return text === 'refresh' ? -2 : wholeNumber(text);
}

/** Who may read what a keyset's keys made: site ids, `nobody` but the owner, or all `readers`. */
export function allowedSites(text: string): readonly number[] | 'readers' {
  if (text === 'nobody') return [];
  return text === 'readers' ? text : text.split(',').map((id) => wholeNumber(id.trim()));
}

/** `90`, `90s`, `30m`, `1h` or `2d` in seconds. */
export function duration(text: string): number {
  const match = /^(\d{1,9})([smhd]?)$/.exec(text);
  if (match === null) throw new SyntaxError(`"${text}" is not a duration such as 90s, 30m, 1h or 2d`);
  return Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1);
}

/** `0.01`, `1%` or `1/365`: more than nothing and at most everything. */
export function fraction(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(%|\/\d+)?$/.exec(text);
  const divisor = match?.[2] === '%' ? 100 : Number(match?.[2]?.slice(1) ?? 1);
  const value = Number(match?.[1] ?? Number.NaN) / divisor;
  if (!(value > 0 && value <= 1)) throw new SyntaxError(`"${text}" is not a fraction such as 0.01, 1% or 1/365`);
  return value;
}

/** Start of a UTC day, milliseconds since the epoch, from `yyyy-MM-dd`. */
export function utcDate(text: string): number {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  const isCalendarDay = !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
  if (!isCalendarDay || time % DAY_MS !== 0) throw new SyntaxError(`"${text}" is not a date such as 2026-03-01`);
  return time;
}

export function environment(text: string): ApiKeyEnvironment {
  return oneOf(['I', 'P', 'L', 'T'], text.toUpperCase(), text);
}

/** A positional argument that must not be blank. */
export function nonBlank(text: string): string {
  if (text.trim() === '') throw new SyntaxError('a blank name was given');
  return text;
}

function constantName(text: string): string {
  return text.trim().toUpperCase().replaceAll('-', '_');
}

function oneOf<T extends string>(values: readonly T[], name: string, text: string): T {
  const known = values.find((value) => value === name);
  if (known === undefined) throw new SyntaxError(`"${text}" is none of ${values.join(', ')}`);
  return known;
}
