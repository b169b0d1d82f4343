import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';

import type { AttestationExpectations, SnpEvidenceOptions, SnpTcb } from '@holdfast/attestation';
import { concatBytes, errorMessage, fromBase64, fromUtf8, RequestError, toHex, toUtf8 } from '@holdfast/base';

import type { VerifyFlags } from '../commands/evidence.ts';

/** Reference values of whoever asks: what evidence has to show beside being genuine. */
export interface ExpectedValues {
  /** 64 bytes. */
  readonly reportData?: Uint8Array;
  readonly runtimeData?: Uint8Array;
  readonly nonce?: string;
  /** 32 bytes. */
  readonly hostData?: Uint8Array;
  /** 48 bytes. */
  readonly measurement?: Uint8Array;
  readonly minimumTcb?: SnpTcb;
  readonly providers?: readonly string[];
  readonly vmpls?: readonly number[];
  readonly issuer?: string;
}

const FLAGS: Readonly<Record<keyof ExpectedValues, string>> = {
  reportData: '--report-data',
  runtimeData: '--runtime-data',
  nonce: '--nonce',
  hostData: '--host-data or --policy',
  measurement: '--measurement',
  minimumTcb: '--min-tcb',
  providers: '--provider',
  vmpls: '--vmpl',
  issuer: '--issuer',
};

const MAX_FILE_BYTES = 2 * 1024 * 1024;

/**
 * The expectations that a command line states; files are read.
 * @throws RequestError EVIDENCE_EXPECTATION_INVALID
 */
export async function loadExpectations(flags: VerifyFlags, cwd: string): Promise<ExpectedValues> {
  const { reportData, nonce, hostData, measurement, minTcb, provider, vmpl, issuer } = flags;
  if (reportData !== undefined && flags.runtimeData !== undefined)
    throw invalid('--report-data and --runtime-data both say what the report data are');
  if (hostData !== undefined && flags.policy !== undefined)
    throw invalid('--host-data and --policy both say what the host data are');
  const policy = flags.policy === undefined ? undefined : await readPolicy(flags.policy, cwd);
  const measured = policy === undefined ? hostData : sha256(policy);
  return {
    ...(reportData === undefined ? {} : { reportData }),
    ...(flags.runtimeData === undefined ? {} : { runtimeData: await read('--runtime-data', flags.runtimeData, cwd) }),
    ...(nonce === undefined ? {} : { nonce }),
    ...(measured === undefined ? {} : { hostData: measured }),
    ...(measurement === undefined ? {} : { measurement }),
    ...(minTcb === undefined ? {} : { minimumTcb: minTcb }),
    ...(provider === undefined ? {} : { providers: provider }),
    ...(vmpl === undefined ? {} : { vmpls: vmpl }),
    ...(issuer === undefined ? {} : { issuer }),
  };
}

/**
 * Hands out expectations and remembers which were. One that nothing in the evidence could be compared with must not pass for
 * one that holds.
 */
export class Expectations {
  readonly #values: ExpectedValues;
  readonly #used = new Set<string>();

  constructor(values: ExpectedValues) {
    this.#values = values;
  }

  /** The flags whose values were never asked for. */
  get unused(): readonly string[] {
    return Object.keys(this.#values)
      .filter((name) => !this.#used.has(name))
      .map((name) => FLAGS[name as keyof ExpectedValues]);
  }

  take<K extends keyof ExpectedValues>(name: K): ExpectedValues[K] {
    this.#used.add(name);
    return this.#values[name];
  }

  /** REPORT_DATA, given whole or as the data whose digest it starts with; `own` is what the evidence brings itself. */
  reportData(own: Uint8Array | undefined): Uint8Array | undefined {
    const runtimeData = this.take('runtimeData') ?? own;
    return this.take('reportData') ?? (runtimeData === undefined ? undefined : padded(sha256(runtimeData)));
  }

  /** What a hardware report is compared with, whatever else binds it; `policy` is the one beside the evidence. */
  ofReport(policy: Uint8Array | undefined): Omit<SnpEvidenceOptions, 'reportData' | 'noFreshness'> {
    const hostData = this.take('hostData') ?? (policy === undefined ? undefined : sha256(policy));
    const [measurement, minimumTcb] = [this.take('measurement'), this.take('minimumTcb')];
    const [providers, vmpls] = [this.take('providers'), this.take('vmpls')];
    return {
      ...(hostData === undefined ? {} : { hostData }),
      ...(measurement === undefined ? {} : { measurement }),
      ...(minimumTcb === undefined ? {} : { minimumTcb }),
      ...(providers === undefined ? {} : { allowedCspIds: providers }),
      ...(vmpls === undefined ? {} : { allowedVmpls: vmpls }),
    };
  }

  /** What the claims of a token are compared with. */
  ofToken(): AttestationExpectations {
    const [nonce, runtimeData, hostData] = [this.take('nonce'), this.take('runtimeData'), this.take('hostData')];
    const [measurement, tcb, vmpls] = [this.take('measurement'), this.take('minimumTcb'), this.take('vmpls')];
    return {
      ...(nonce === undefined ? {} : { nonce }),
      ...(runtimeData === undefined ? {} : { runtimeData }),
      ...(hostData === undefined ? {} : { hostData: [toHex(hostData)] }),
      ...(measurement === undefined ? {} : { launchMeasurements: [toHex(measurement)] }),
      ...(vmpls === undefined ? {} : { allowedVmpls: vmpls }),
      ...(tcb === undefined
        ? {}
        : {
            minimumSvn: { bootloader: tcb.bootloader, tee: tcb.tee, snpFirmware: tcb.snp, microcode: tcb.microcode },
          }),
    };
  }
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

/** A digest as REPORT_DATA holds it: followed by zeros to 64 bytes. */
export function padded(digest: Uint8Array): Uint8Array {
  return concatBytes(digest, new Uint8Array(64 - digest.length));
}

/** The bytes of a nonce: text, or hexadecimal after `hex:`. */
export function nonceBytes(nonce: string): Uint8Array {
  return nonce.startsWith('hex:') ? new Uint8Array(Buffer.from(nonce.slice(4), 'hex')) : toUtf8(nonce);
}

/** A policy as text, or as the Base64 that annotations and security-context folders hold. */
async function readPolicy(file: string, cwd: string): Promise<Uint8Array> {
  const bytes = await read('--policy', file, cwd);
  try {
    return fromBase64(fromUtf8(bytes).trim());
  } catch (cause) {
    // A policy text is never Base64: it holds white space and braces. Only a file named for Base64 has to be it.
    if (!basename(file).endsWith('-base64')) return bytes;
    throw invalid(`--policy ${file}: ${errorMessage(cause)}`, cause);
  }
}

async function read(flag: string, file: string, cwd: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await readFile(resolve(cwd, file)));
  } catch (cause) {
    throw invalid(`${flag} ${file}: ${errorMessage(cause)}`, cause);
  }
  if (bytes.length > MAX_FILE_BYTES) throw invalid(`${flag} ${file}: more than ${MAX_FILE_BYTES} bytes`);
  return bytes;
}

function invalid(problem: string, cause?: unknown): RequestError {
  return new RequestError('EVIDENCE_EXPECTATION_INVALID', problem, {
    cause,
    action: 'Give each expectation once, and files that can be read.',
  });
}
