import type { JsonValue } from '@holdfast/attestation';
import { RequestError } from '@holdfast/base';

/** The platforms that a peer pod's machine can be simulated on. */
export const PEER_POD_PLATFORMS = ['azure-snp-vtpm', 'snp', 'sample'] as const;

export type PeerPodPlatform = (typeof PEER_POD_PLATFORMS)[number];

/** A simulated machine that was started with initdata: it measured them once, before anything else ran. */
export interface Machine {
  /** The kind of its evidence, as the KBS protocol names it. */
  readonly tee: 'az-snp-vtpm' | 'snp' | 'sample';
  /** Where the initdata are measured, and the value there in lower-case hex; nothing is measured on `sample`. */
  readonly measured: { readonly register: 'PCR 8' | 'HOST_DATA'; readonly value: string } | undefined;
  /** Whether its attestation agent is given the document, to pass it on. In peer pods with a virtual TPM it is not. */
  readonly passesInitdata: boolean;
  /**
   * What Trustee's default policy compares the evidence of this machine with, by name. Take the values from a machine that
   * you built yourself; asking the machine that is to be judged proves nothing.
   */
  readonly referenceValues: Readonly<Record<string, JsonValue>>;
  /**
   * Evidence that carries `reportData`.
   * @throws RequestError PEER_POD_REPORT_DATA_INVALID
   */
  evidence(reportData: Uint8Array): JsonValue;
  /** Extends a register of the virtual TPM with a digest of 32 bytes; undefined where there is none. */
  readonly extend?: (register: number, digest: Uint8Array) => void;
}

const MAX_REPORT_DATA = 64;

/** @throws RequestError PEER_POD_REPORT_DATA_INVALID */
export function checkReportData(reportData: Uint8Array): void {
  if (reportData.length > 0 && reportData.length <= MAX_REPORT_DATA) return;
  const problem = `the evidence takes 1 to ${MAX_REPORT_DATA} bytes of runtime data, not ${reportData.length}`;
  throw new RequestError('PEER_POD_REPORT_DATA_INVALID', problem, {
    action: 'Pass a digest of what is to be bound.',
  });
}
