import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { vectorsFolder } from '@holdfast/base/testing';

import { certificatesToPem, parseCertificate } from '../../src/index.ts';

const folder = vectorsFolder();

/** Whether the real evidence is at hand; suites that need it skip visibly otherwise. */
export const haveVectors = folder !== undefined;

/** A file of the SNP vectors, as bytes. */
export function vectorBytes(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(folder ?? '', 'snp', name)));
}

/** A file of the SNP vectors, as text without surrounding white space. */
export function vectorText(name: string): string {
  return readFileSync(join(folder ?? '', 'snp', name), 'utf8').trim();
}

/** A certificate vector in DER, as PEM. */
export function vectorPem(name: string): string {
  return certificatesToPem([parseCertificate(vectorBytes(name))]);
}

export function fromBase64Text(text: string, encoding: 'base64' | 'base64url' | 'hex' = 'base64'): Uint8Array {
  return new Uint8Array(Buffer.from(text, encoding));
}
