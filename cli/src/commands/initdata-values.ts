import { fromHex } from '@holdfast/base';
import type { InitdataRegister } from '@holdfast/initdata';

/** Names of registers on the command line, with what a person calls them. */
export const REGISTERS: ReadonlyMap<string, { readonly register: InitdataRegister; readonly label: string }> = new Map([
  ['digest', { register: 'digest', label: 'digest' }],
  ['host-data', { register: 'hostData', label: 'SEV-SNP HOST_DATA' }],
  ['mr-config-id', { register: 'mrConfigId', label: 'TDX MRCONFIGID' }],
  ['cca', { register: 'ccaField', label: 'Arm CCA' }],
  ['sgx', { register: 'sgxField', label: 'SGX CONFIGID' }],
  ['se', { register: 'seField', label: 'Secure Execution' }],
  ['pcr8', { register: 'pcr8', label: 'vTPM PCR 8' }],
]);

/** An entry of a document and the file with its text. */
export interface DataFile {
  readonly name: string;
  readonly file: string;
}

/** `NAME=FILE`. */
export function dataFile(text: string): DataFile {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1)
    throw new SyntaxError(`"${text}" is not a name and a file, such as x.toml=x.toml`);
  return { name: text.slice(0, at), file: text.slice(at + 1) };
}

/** A value that a register must have, or any register when none is named. */
export interface Expectation {
  readonly register: string | undefined;
  readonly value: Uint8Array;
}

/** `[REGISTER=]HEX`. */
export function expectation(text: string): Expectation {
  const [, register, digits = ''] = /^(?:([a-z0-9-]+)=)?([0-9a-fA-F]+)$/.exec(text) ?? [];
  if (digits === '' || digits.length % 2 === 1 || (register !== undefined && !REGISTERS.has(register))) {
    const names = [...REGISTERS.keys()].join(', ');
    throw new SyntaxError(`"${text}" is not hexadecimal, or REGISTER=hexadecimal with one of ${names}`);
  }
  return { register, value: fromHex(digits) };
}
