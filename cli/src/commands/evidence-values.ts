import type { SnpTcb } from '@holdfast/attestation';
import { fromHex } from '@holdfast/base';

/** A date or a time, in UTC unless it says otherwise, as milliseconds since the epoch. */
export function instant(text: string): number {
  const time = /^\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2}))?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new SyntaxError(`"${text}" is not a date such as 2025-06-01 or 2025-06-01T12:00:00Z`);
  return time;
}

/** REPORT_DATA: 128 hexadecimal digits, or 64 that are followed by zeros as digests are. */
export function reportData(text: string): Uint8Array {
  const digits = text.length === 64 ? text.padEnd(128, '0') : text;
  return hexOf(digits, 64, '128 hexadecimal digits, or 64 that zeros follow');
}

export function hostData(text: string): Uint8Array {
  return hexOf(text, 32, '64 hexadecimal digits');
}

export function measurement(text: string): Uint8Array {
  return hexOf(text, 48, '96 hexadecimal digits');
}

const COMPONENTS = ['bootloader', 'tee', 'snp', 'microcode', 'fmc'] as const;

/** A TCB by its components, such as `snp=24,microcode=219`; those that are left out may be anything. */
export function tcb(text: string): SnpTcb {
  const given = new Map<string, number>();
  for (const part of text.split(',')) {
    const [, name = '', value = ''] = /^([a-z]+)=(\d{1,3})$/.exec(part.trim()) ?? [];
    const isComponent = (COMPONENTS as readonly string[]).includes(name);
    if (!isComponent || Number(value) > 255 || given.has(name)) {
      throw new SyntaxError(
        `"${part}" is not one of ${COMPONENTS.join(', ')} with a number from 0 to 255, such as snp=24`,
      );
    }
    given.set(name, Number(value));
  }
  const [bootloader = 0, tee = 0, snp = 0, microcode = 0, fmc] = COMPONENTS.map((name) => given.get(name));
  return { bootloader, tee, snp, microcode, ...(fmc === undefined ? {} : { fmc }) };
}

export function vmpl(text: string): number {
  if (!/^[0-3]$/.test(text)) throw new SyntaxError(`"${text}" is not a VMPL from 0 to 3`);
  return Number(text);
}

/** Text that is compared exactly, or bytes in hexadecimal after `hex:`. An empty one would be no expectation at all. */
export function nonce(text: string): string {
  if (text === '' || (text.startsWith('hex:') && !/^hex:(?:[0-9a-f]{2})+$/i.test(text)))
    throw new SyntaxError(`"${text}" is neither a text nor hex: with pairs of hexadecimal digits`);
  return text;
}

function hexOf(text: string, size: number, form: string): Uint8Array {
  if (text.length !== 2 * size || !/^[0-9a-fA-F]*$/.test(text)) throw new SyntaxError(`"${text}" is not ${form}`);
  return fromHex(text.toLowerCase());
}
