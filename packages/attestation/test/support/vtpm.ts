import { createHash, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { ByteWriter, concatBytes, fromHex, toUtf8 } from '@holdfast/base';

import type { JsonValue, VtpmEvidence } from '../../src/index.ts';

/** 24 registers with values of their own. */
export const PCRS: readonly Uint8Array[] = Array.from({ length: 24 }, (_, index) => new Uint8Array(32).fill(index));

/** Runtime data as a paravisor writes them, with this attestation key. */
export function runtimeDataFor(key: KeyObject, changes: Readonly<Record<string, JsonValue>> = {}): Uint8Array {
  const { n, e } = key.export({ format: 'jwk' });
  const keys = [{ kid: 'HCLAkPub', key_ops: ['sign'], kty: 'RSA', e, n }];
  return toUtf8(
    JSON.stringify({ keys, 'vm-configuration': { 'secure-boot': true }, 'user-data': '00'.repeat(64), ...changes }),
  );
}

/** REPORT_DATA that binds runtime data. */
export function bindingOf(runtimeData: Uint8Array): Uint8Array {
  return concatBytes(createHash('sha256').update(runtimeData).digest(), new Uint8Array(32));
}

/** A paravisor report of 2600 bytes; `fields` replaces header fields at byte offsets. */
export function hclReport(
  snpReport: Uint8Array,
  runtimeData: Uint8Array,
  fields: Readonly<Record<number, number>> = {},
): Uint8Array {
  const header = new ByteWriter(32);
  header
    .bytes(toUtf8('HCLA'))
    .uint32le(1)
    .uint32le(1236 + runtimeData.length)
    .uint32le(2)
    .uint32le(0)
    .skip(12);
  const data = new ByteWriter(20);
  data
    .uint32le(20 + runtimeData.length)
    .uint32le(1)
    .uint32le(2)
    .uint32le(1)
    .uint32le(runtimeData.length);
  const used = concatBytes(header.done(), snpReport, data.done(), runtimeData);
  const report = concatBytes(used, new Uint8Array(Math.max(0, 2600 - used.length)));
  const view = new DataView(report.buffer);
  for (const [offset, value] of Object.entries(fields)) view.setUint32(Number(offset), value, true);
  return report;
}

/** What a TPM signs for a quote over all registers. */
export function quoteMessage(
  options: {
    readonly nonce?: Uint8Array;
    readonly bank?: string;
    readonly bitmap?: string;
    readonly pcrs?: readonly Uint8Array[];
  } = {},
): Uint8Array {
  const { nonce = toUtf8('challenge'), bank = '000b', bitmap = 'ffffff', pcrs = PCRS } = options;
  const digest = createHash('sha256')
    .update(concatBytes(...pcrs))
    .digest();
  return concatBytes(
    fromHex('ff5443478018'),
    sized(new Uint8Array(34).fill(7)),
    sized(nonce),
    new Uint8Array(25),
    fromHex(`00000001${bank}`),
    Uint8Array.of(bitmap.length / 2),
    fromHex(bitmap),
    sized(digest),
  );
}

/** Evidence whose quote is signed with `key`. */
export function signedEvidence(
  parts: Omit<VtpmEvidence, 'signature' | 'pcrs'> & { readonly pcrs?: readonly Uint8Array[] },
  key: KeyObject,
): VtpmEvidence {
  return { pcrs: PCRS, ...parts, signature: sign('sha256', parts.message, key) };
}

function sized(bytes: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes);
}
