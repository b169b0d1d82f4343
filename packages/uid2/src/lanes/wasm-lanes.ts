import { instantiate } from '../wasm/instantiate.ts';
import { aes256Function, aes256RoundConstants } from './aes256-program.ts';
import { base64Function, base64Pairs } from './base64-program.ts';
import type { Lanes } from './lanes.ts';
import { ROUND_CONSTANTS, sha256Function } from './sha256-program.ts';

type Functions = Pick<Lanes, 'sha256' | 'base64Of32' | 'base64Of33' | 'aes256'>;

const PAGE_BYTES = 65_536;

// Where the constants of the programs lie.
const SHA256_CONSTANTS = 0;
const AES256_CONSTANTS = 256;
const BASE64_PAIRS = 2048;
const START = BASE64_PAIRS + 8192;

/** `Lanes` in WebAssembly with 128-bit vectors; undefined where the runtime or the processor has none. */
export function wasmLanes(bytes: number): Lanes | undefined {
  const program = instantiate<Functions>(
    [
      sha256Function(SHA256_CONSTANTS),
      base64Function(32, BASE64_PAIRS),
      base64Function(33, BASE64_PAIRS),
      aes256Function(AES256_CONSTANTS),
    ],
    Math.ceil((START + bytes) / PAGE_BYTES),
  );
  if (program === undefined) return undefined;
  const { memory, sha256, base64Of32, base64Of33, aes256 } = program;
  const { buffer } = memory;
  new Uint32Array(buffer, SHA256_CONSTANTS).set(ROUND_CONSTANTS);
  new Uint8Array(buffer, AES256_CONSTANTS).set(aes256RoundConstants());
  new Uint16Array(buffer, BASE64_PAIRS).set(base64Pairs());
  return { memory: new Uint8Array(buffer), start: START, sha256, base64Of32, base64Of33, aes256 };
}
