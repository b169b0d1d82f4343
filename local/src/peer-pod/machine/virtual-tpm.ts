import { createHash, generateKeyPair, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

import { ByteWriter, concatBytes, toUtf8 } from '@holdfast/base';

const REGISTERS = 24;
const REGISTER_BYTES = 32;
const AK_BITS = 2048;
const MAGIC = 0xff544347;
const TYPE_QUOTE = Uint8Array.of(0x80, 0x18);
const CLOCK_AND_FIRMWARE_BYTES = 25;
const SHA256_BANK = Uint8Array.of(0x00, 0x0b);
const ALL_REGISTERS = Uint8Array.of(0xff, 0xff, 0xff);
const generate = promisify(generateKeyPair);

/** A quote of all registers of the SHA-256 bank. */
export interface Quote {
  /** TPMS_ATTEST. */
  readonly message: Uint8Array;
  /** RSASSA-PKCS1-v1_5 with SHA-256 over the message. */
  readonly signature: Uint8Array;
  readonly registers: readonly Uint8Array[];
}

/** A simulated TPM 2.0 with one attestation key and the SHA-256 bank of registers. */
export class VirtualTpm {
  readonly attestationKey: KeyObject;
  readonly #privateKey: KeyObject;
  readonly #registers: Uint8Array[];

  private constructor(keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }) {
    this.attestationKey = keys.publicKey;
    this.#privateKey = keys.privateKey;
    // 17 to 22 belong to the dynamic root of trust: ones until it is used.
    this.#registers = Array.from({ length: REGISTERS }, (_, register) =>
      new Uint8Array(REGISTER_BYTES).fill(register >= 17 && register <= 22 ? 0xff : 0),
    );
  }

  static async create(): Promise<VirtualTpm> {
    return new VirtualTpm(await generate('rsa', { modulusLength: AK_BITS }));
  }

  /** TPM2_PCR_Extend with a digest of 32 bytes. */
  extend(register: number, digest: Uint8Array): void {
    const value = this.#registers[register];
    if (value === undefined || digest.length !== REGISTER_BYTES) throw new RangeError('no such register or digest');
    this.#registers[register] = new Uint8Array(createHash('sha256').update(value).update(digest).digest());
  }

  register(register: number): Uint8Array {
    const value = this.#registers[register];
    if (value === undefined) throw new RangeError('no such register');
    return value;
  }

  /** TPM2_Quote over all registers, with `nonce` as qualifying data (TCG TPM 2.0 Library, part 2, TPMS_ATTEST). */
  quote(nonce: Uint8Array): Quote {
    const registers = [...this.#registers];
    const digest = createHash('sha256')
      .update(concatBytes(...registers))
      .digest();
    const signer = concatBytes(
      SHA256_BANK,
      createHash('sha256')
        .update(this.attestationKey.export({ type: 'spki', format: 'der' }))
        .digest(),
    );
    const message = concatBytes(
      uint32(MAGIC),
      TYPE_QUOTE,
      sized(signer),
      sized(nonce),
      new Uint8Array(CLOCK_AND_FIRMWARE_BYTES),
      uint32(1),
      SHA256_BANK,
      Uint8Array.of(ALL_REGISTERS.length),
      ALL_REGISTERS,
      sized(digest),
    );
    return { message, signature: new Uint8Array(sign('sha256', message, this.#privateKey)), registers };
  }
}

/** The digest that a boot stage extends a register with. */
export function eventDigest(event: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(toUtf8(event)).digest());
}

/** TPM2B: a length of two bytes, big-endian, then the bytes. */
function sized(bytes: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes);
}

function uint32(value: number): Uint8Array {
  return new ByteWriter(4)
    .uint8(value >>> 24)
    .uint8((value >>> 16) & 0xff)
    .uint8((value >>> 8) & 0xff)
    .uint8(value & 0xff)
    .done();
}
