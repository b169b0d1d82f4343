import { MalformedError } from '@holdfast/base';

import type { MountedFile, ObjectVersion } from '../provider/provider.ts';

/** `MountRequest` of the provider protocol; what the driver's newer versions leave empty is not read. */
export interface MountRequestMessage {
  /** JSON object of texts. */
  readonly attributes: string;
  /** JSON object of texts, or `null`. */
  readonly secrets: string;
  readonly targetPath: string;
  /** JSON number. */
  readonly permission: string;
}

export interface MountResponseMessage {
  readonly objectVersions: readonly ObjectVersion[];
  readonly errorCode: string;
  readonly files: readonly MountedFile[];
}

export interface VersionResponseMessage {
  readonly version: string;
  readonly runtimeName: string;
  readonly runtimeVersion: string;
}

type Field = readonly [number: number, value: string | Uint8Array | number];
/** Last value of each field by number: bytes, or the number of a varint. */
type Fields = readonly (readonly [number: number, value: Uint8Array | number])[];

const VARINT = 0;
const LENGTH_DELIMITED = 2;

export function encodeMountRequest(message: MountRequestMessage): Buffer {
  const { attributes, secrets, targetPath, permission } = message;
  return encode([
    [1, attributes],
    [2, secrets],
    [3, targetPath],
    [4, permission],
  ]);
}

/** @throws MalformedError PROVIDER_MESSAGE_MALFORMED */
export function decodeMountRequest(bytes: Uint8Array): MountRequestMessage {
  const fields = decode(bytes);
  return {
    attributes: textAt(fields, 1),
    secrets: textAt(fields, 2),
    targetPath: textAt(fields, 3),
    permission: textAt(fields, 4),
  };
}

export function encodeMountResponse({ objectVersions, errorCode, files }: MountResponseMessage): Buffer {
  return encode([
    ...objectVersions.map(({ id, version }): Field => [1, versionMessage(id, version)]),
    ...(errorCode === '' ? [] : [[2, encode([[1, errorCode]])] as const]),
    ...files.map(({ path, mode, contents }): Field => [
      3,
      encode([
        [1, path],
        [2, mode],
        [3, contents],
      ]),
    ]),
  ]);
}

/** @throws MalformedError PROVIDER_MESSAGE_MALFORMED */
export function decodeMountResponse(bytes: Uint8Array): MountResponseMessage {
  const fields = decode(bytes);
  return {
    objectVersions: messagesAt(fields, 1).map((one) => ({ id: textAt(one, 1), version: textAt(one, 2) })),
    errorCode:
      messagesAt(fields, 2)
        .map((one) => textAt(one, 1))
        .at(-1) ?? '',
    files: messagesAt(fields, 3).map((one) => ({
      path: textAt(one, 1),
      mode: numberAt(one, 2),
      contents: bytesAt(one, 3),
    })),
  };
}

export function encodeVersionRequest(version: string): Buffer {
  return encode([[1, version]]);
}

/** @throws MalformedError PROVIDER_MESSAGE_MALFORMED */
export function decodeVersionRequest(bytes: Uint8Array): string {
  return textAt(decode(bytes), 1);
}

export function encodeVersionResponse(message: VersionResponseMessage): Buffer {
  return encode([
    [1, message.version],
    [2, message.runtimeName],
    [3, message.runtimeVersion],
  ]);
}

/** @throws MalformedError PROVIDER_MESSAGE_MALFORMED */
export function decodeVersionResponse(bytes: Uint8Array): VersionResponseMessage {
  const fields = decode(bytes);
  return { version: textAt(fields, 1), runtimeName: textAt(fields, 2), runtimeVersion: textAt(fields, 3) };
}

function versionMessage(id: string, version: string): Buffer {
  return encode([
    [1, id],
    [2, version],
  ]);
}

/** Protocol Buffers, proto3: empty texts and zero are left out, but an empty message is there. */
function encode(fields: readonly Field[]): Buffer {
  const parts = fields.flatMap(([number, value]) => {
    if (typeof value === 'number') return value === 0 ? [] : [varint((number << 3) | VARINT), varint(value)];
    if (value === '') return [];
    const bytes = Buffer.from(value);
    return [varint((number << 3) | LENGTH_DELIMITED), varint(bytes.length), bytes];
  });
  return Buffer.concat(parts);
}

function decode(bytes: Uint8Array): Fields {
  const fields: (readonly [number, Uint8Array | number])[] = [];
  let offset = 0;
  const next = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[offset++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw malformed();
  };
  while (offset < bytes.length) {
    const tag = next();
    const wireType = tag & 7;
    const number = Math.floor(tag / 8);
    if (wireType === VARINT) {
      fields.push([number, next()]);
      continue;
    }
    const length = wireType === LENGTH_DELIMITED ? next() : wireType === 1 ? 8 : wireType === 5 ? 4 : -1;
    if (length < 0 || offset + length > bytes.length) throw malformed();
    if (wireType === LENGTH_DELIMITED) fields.push([number, bytes.subarray(offset, offset + length)]);
    offset += length;
  }
  return fields;
}

function valuesAt(fields: Fields, number: number): readonly (Uint8Array | number)[] {
  return fields.filter(([found]) => found === number).map(([, value]) => value);
}

function bytesAt(fields: Fields, number: number): Uint8Array {
  const value = valuesAt(fields, number).at(-1) ?? new Uint8Array();
  if (typeof value === 'number') throw malformed();
  return value;
}

function textAt(fields: Fields, number: number): string {
  return Buffer.from(bytesAt(fields, number)).toString('utf8');
}

function numberAt(fields: Fields, number: number): number {
  const value = valuesAt(fields, number).at(-1) ?? 0;
  if (typeof value !== 'number') throw malformed();
  return value;
}

function messagesAt(fields: Fields, number: number): readonly Fields[] {
  return valuesAt(fields, number).map((value) => {
    if (typeof value === 'number') throw malformed();
    return decode(value);
  });
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function malformed(): MalformedError {
  return new MalformedError('PROVIDER_MESSAGE_MALFORMED', 'not a message of the provider protocol');
}
