import { rm } from 'node:fs/promises';

import { writeFileAtomic } from '@holdfast/process';

/** What a running local cloud tells programs: the content of the ready file. Parts that were not started are null. */
export interface ReadyFile {
  readonly version: 1;
  readonly operator: { readonly url: string; readonly metricsUrl: string; readonly pid: number } | null;
  readonly core: { readonly url: string; readonly pid: number } | null;
  readonly optout: { readonly url: string; readonly pid: number } | null;
  readonly azure: {
    readonly armUrl: string | null;
    readonly authorityUrl: string | null;
    readonly vaultUrl: string | null;
    readonly attestationUrl: string | null;
    readonly caFile: string;
  };
  readonly virtualNode: { readonly url: string } | null;
  readonly client: {
    readonly apiKey: string;
    readonly secret: string;
    readonly siteId: number;
    readonly name: string;
  };
  /** Measured policy of the running operator, or the one Core accepts when none runs. */
  readonly enclaveId: string;
  readonly home: string;
}

/** Writes the ready file whole, readable by its owner only: it holds the client's secret. */
export async function writeReadyFile(file: string, ready: ReadyFile): Promise<void> {
  await writeFileAtomic(file, `${JSON.stringify(ready, undefined, 2)}\n`, { mode: 0o600 });
}

/** Takes the ready file away, so that nobody mistakes an old one for a running cloud. */
export async function removeReadyFile(file: string): Promise<void> {
  await rm(file, { force: true });
}
