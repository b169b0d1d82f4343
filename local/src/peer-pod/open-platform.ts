import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  createSimulatedPlatform,
  generateSimulatedPlatformKeys,
  restoreSimulatedPlatform,
} from '@holdfast/attestation';
import type { SimulatedPlatform } from '@holdfast/attestation';
import { errorMessage, MalformedError } from '@holdfast/base';
import type { Clock, RandomBytes } from '@holdfast/base';
import { writeFileAtomic } from '@holdfast/process';

const RECORD = 'platform.json';
const PRIVATE = 0o600;

export interface OpenedPlatform {
  readonly platform: SimulatedPlatform;
  /** Whether it was made just now. */
  readonly created: boolean;
  /** PEM: the root for `holdfast.simulated_root_file` of a key broker. */
  readonly rootFile: string;
  /** PEM: the certificates above that of the chip, for `holdfast.snp_issuer_files`. */
  readonly issuersFile: string;
}

/**
 * The simulated SEV-SNP hardware of a folder; makes it when the folder has none. The folder `snp` of a local cloud's home will
 * do as well.
 * @param rsaBits size of the keys of its root; 4096 as on real hardware when missing
 * @throws MalformedError SIMULATED_PLATFORM_RECORD_INVALID
 */
export async function openSimulatedPlatform(
  folder: string,
  options: { readonly clock: Clock; readonly randomBytes: RandomBytes; readonly rsaBits?: number },
): Promise<OpenedPlatform> {
  const { clock: now, randomBytes: random, rsaBits } = options;
  const record = await readRecord(join(folder, RECORD));
  const platform =
    record === undefined
      ? createSimulatedPlatform({
          random,
          now,
          keys: await generateSimulatedPlatformKeys(rsaBits === undefined ? {} : { rsaModulusLength: rsaBits }),
        })
      : restoreSimulatedPlatform(record, { random, now });
  const rootFile = join(folder, 'root.pem');
  const issuersFile = join(folder, 'issuers.pem');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFileAtomic(rootFile, platform.rootPem, { mode: PRIVATE });
  await writeFileAtomic(issuersFile, platform.thimCertificates().certificateChain, { mode: PRIVATE });
  if (record === undefined) {
    const text = `${JSON.stringify(platform.toRecord(), undefined, 2)}\n`;
    await writeFileAtomic(join(folder, RECORD), text, { mode: PRIVATE });
  }
  return { platform, created: record === undefined, rootFile, issuersFile };
}

async function readRecord(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unreadable(file, cause);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function unreadable(file: string, cause: unknown): MalformedError {
  // The text of a JSON error may repeat a piece of a key.
  const reason = cause instanceof SyntaxError ? 'it is no JSON' : errorMessage(cause);
  return new MalformedError('SIMULATED_PLATFORM_RECORD_INVALID', `cannot use ${file}: ${reason}`, {
    action: 'Restore the file, or delete the folder; the next start makes new hardware.',
  });
}
