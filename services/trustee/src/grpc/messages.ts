import { fromUtf8, MalformedError } from '@holdfast/base';

/** A message of texts, bytes and messages: the values of each field, in their order, by field number. */
export type GrpcMessage = ReadonlyMap<number, readonly Uint8Array[]>;
type GrpcValue = string | Uint8Array;
/** Values by field number; a list is a repeated field. */
export type GrpcFields = Readonly<Record<number, GrpcValue | readonly GrpcValue[] | undefined>>;

const LENGTH_DELIMITED = 2;
const FIXED_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 };
const MAX_VARINT_BITS = 35;

/** Encodes length-delimited fields (Protocol Buffers, wire type 2); what is undefined is left out. */
export function encodeFields(fields: GrpcFields): Buffer {
  const parts = Object.entries(fields).flatMap(([number, value]) => {
    const values =
      value === undefined ? [] : Array.isArray(value) ? (value as readonly GrpcValue[]) : [value as GrpcValue];
    return values.flatMap((one) => {
      const bytes = Buffer.from(one);
      return [varint(Number(number) * 8 + LENGTH_DELIMITED), varint(bytes.length), bytes];
    });
  });
  return Buffer.concat(parts);
}

/**
 * Decodes length-delimited fields. Fields of other wire types are skipped.
 * @throws MalformedError TRUSTEE_GRPC_MALFORMED
 */
export function decodeFields(bytes: Uint8Array): GrpcMessage {
  const fields = new Map<number, Uint8Array[]>();
  let offset = 0;
  const next = (): number => {
    let value = 0;
    for (let shift = 0; shift < MAX_VARINT_BITS; shift += 7) {
      const byte = bytes[offset++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw malformed();
  };
  while (offset < bytes.length) {
    const tag = next();
    const wireType = tag % 8;
    if (wireType === 0) {
      next();
      continue;
    }
    const length = wireType === LENGTH_DELIMITED ? next() : FIXED_BYTES[wireType];
    if (length === undefined || offset + length > bytes.length) throw malformed();
    if (wireType === LENGTH_DELIMITED) {
      const number = Math.floor(tag / 8);
      const values = fields.get(number);
      const value = bytes.subarray(offset, offset + length);
      if (values === undefined) fields.set(number, [value]);
      else values.push(value);
    }
    offset += length;
  }
  return fields;
}

/** The last value of a field as text; undefined when there is none. */
export function textOf(message: GrpcMessage, field: number): string | undefined {
  const bytes = message.get(field)?.at(-1);
  return bytes === undefined ? undefined : fromUtf8(bytes);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function malformed(): MalformedError {
  return new MalformedError('TRUSTEE_GRPC_MALFORMED', 'no Protocol Buffers message');
}
