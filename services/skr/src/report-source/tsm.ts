import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { DependencyError, errorMessage, toHex } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

import { checkedReport, reportUnavailable } from './report-source.ts';
import type { SnpReportSource } from './report-source.ts';

/** The file operations on configfs, so that a test can stand in for the kernel. */
export interface ConfigFs {
  makeFolder(path: string): Promise<void>;
  removeFolder(path: string): Promise<void>;
  read(path: string): Promise<Uint8Array>;
  write(path: string, bytes: Uint8Array): Promise<void>;
}

export const linuxConfigFs: ConfigFs = {
  makeFolder: async (path) => mkdir(path),
  removeFolder: async (path) => rmdir(path),
  read: async (path) => readFile(path),
  // configfs takes a binary attribute in one write to an existing file; creating or truncating is not its business.
  write: async (path, bytes) => writeFile(path, bytes, { flag: 'r+' }),
};

/**
 * Reports through the Linux interface configfs-tsm: an entry per request, `inblob` in, `outblob` out. Each request has an
 * entry of its own, so that requests cannot see one another's data; `generation` proves that nobody else wrote to it.
 * @see Linux ABI document configfs-tsm-report
 */
export function createTsmReportSource(options: {
  readonly folder: string;
  readonly random: RandomBytes;
  readonly configFs?: ConfigFs;
}): SnpReportSource {
  const fs = options.configFs ?? linuxConfigFs;
  return {
    simulated: false,
    async report(reportData) {
      const entry = join(options.folder, `holdfast-${toHex(options.random(8))}`);
      try {
        await fs.makeFolder(entry);
      } catch (cause) {
        throw unavailable(`no SEV-SNP report interface at ${options.folder}: ${errorMessage(cause)}`, cause);
      }
      try {
        return await readReport(fs, entry, reportData);
      } finally {
        // The report is complete or the failure is already on its way; a leftover entry harms nobody.
        await fs.removeFolder(entry).catch(() => undefined);
      }
    },
  };
}

async function readReport(fs: ConfigFs, entry: string, reportData: Uint8Array): Promise<Uint8Array> {
  const text = async (name: string): Promise<string> =>
    Buffer.from(await fs.read(join(entry, name)))
      .toString('latin1')
      .trim();
  let provider: string;
  try {
    provider = await text('provider');
  } catch (cause) {
    throw unavailable(`the report interface names no provider: ${errorMessage(cause)}`, cause);
  }
  if (provider !== 'sev_guest') throw unavailable(`the report interface is of ${provider}, not of an SEV-SNP guest`);
  try {
    const before = Number(await text('generation'));
    await fs.write(join(entry, 'inblob'), reportData);
    const report = checkedReport(await fs.read(join(entry, 'outblob')));
    const after = Number(await text('generation'));
    if (after !== before + 1) throw reportUnavailable('another process wrote to the report entry');
    return report;
  } catch (cause) {
    if (cause instanceof DependencyError) throw cause;
    throw reportUnavailable(`the firmware yielded no report: ${errorMessage(cause)}`, cause);
  }
}

function unavailable(message: string, cause?: unknown): DependencyError {
  return new DependencyError(
    'SNP_DEVICE_UNAVAILABLE',
    `${message}; this is not an SEV-SNP guest, there is nothing to attest`,
    {
      retryable: false,
      cause,
      action: 'Run the sidecar in a confidential pod, or choose the simulated report source for development.',
    },
  );
}
