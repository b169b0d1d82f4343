import type { KeyObject } from 'node:crypto';

import { encodeCbor } from '../cbor/encode.ts';
import type { CborValue } from '../cbor/value.ts';
import { signCoseSign1 } from '../cose/sign1.ts';

export interface NitroDocumentFields {
  readonly moduleId: string;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** DER of the signing certificate, and of its issuers with the root first. */
  readonly certificate: Uint8Array;
  readonly caBundle: readonly Uint8Array[];
  readonly publicKey?: Uint8Array;
  readonly userData?: Uint8Array;
  /** P-384, the key of `certificate`. */
  readonly signingKey: KeyObject;
}

/** An attestation document as the Nitro hypervisor makes it, under whatever root the caller has: for tests and simulation. */
export function createNitroDocument(fields: NitroDocumentFields): Uint8Array {
  const payload = new Map<string, CborValue>([
    ['module_id', fields.moduleId],
    ['digest', 'SHA384'],
    ['timestamp', fields.timestamp],
    ['pcrs', new Map(fields.pcrs)],
    ['certificate', fields.certificate],
    ['cabundle', fields.caBundle],
    ['public_key', fields.publicKey ?? null],
    ['user_data', fields.userData ?? null],
    ['nonce', null],
  ]);
  return signCoseSign1({
    algorithm: 'ES384',
    protectedHeader: new Map(),
    payload: encodeCbor(payload),
    signingKey: fields.signingKey,
  });
}
