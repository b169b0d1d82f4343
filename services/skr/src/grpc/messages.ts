import { MalformedError } from '@holdfast/base';

/** A message whose fields are all texts or bytes: values by field number. */
export type FlatMessage = ReadonlyMap<number, Uint8Array>;

const LENGTH_DELIMITED = 2;
const MAX_FIELD = 1024 * 1024;

/**
 * Encodes length-delimited fields (Protocol Buffers, wire type 2). Empty values are left out, as proto3 does.
 */
export function encodeMessage(fields: Readonly<Record<number, string | Uint8Array>>): Buffer {
  const parts = Object.entries(fields).flatMap(([number, value]) => {
    const bytes = Buffer.from(value);
    return bytes.length === 0 ? [] : [varint((Number(number) << 3) | LENGTH_DELIMITED), varint(bytes.length), bytes];
  });
  return Buffer.concat(parts);
}

/**
 * Decodes length-delimited fields; the last of a repeated field counts. Fields of other wire types are skipped.
 * @throws MalformedError GRPC_MESSAGE_MALFORMED
 */
export function decodeMessage(bytes: Uint8Array): FlatMessage {
  const fields = new Map<number, Uint8Array>();
  let offset = 0;
  const next = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
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
    const length = wireType === LENGTH_DELIMITED ? next() : wireType === 1 ? 8 : wireType === 5 ? 4 : -1;
    if (wireType === 0) next();
    else if (length < 0 || length > MAX_FIELD || offset + length > bytes.length) throw malformed();
    else {
      if (wireType === LENGTH_DELIMITED) fields.set(tag >>> 3, bytes.subarray(offset, offset + length));
      offset += length;
    }
  }
  return fields;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function malformed(): MalformedError {
  return new MalformedError('GRPC_MESSAGE_MALFORMED', 'not a Protocol Buffers message of texts and bytes');
}
