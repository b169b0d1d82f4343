import { SNP_REPORT_SIZE } from '@holdfast/attestation';
import { DependencyError } from '@holdfast/base';

/** The attester as this process reaches it. */
export interface SnpReportSource {
  /** Whether reports come from a development platform and prove nothing. */
  readonly simulated: boolean;
  /**
   * A signed report (1184 bytes) over 64 bytes of report data.
   * @throws DependencyError SNP_DEVICE_UNAVAILABLE outside an SEV-SNP guest
   * @throws DependencyError SNP_REPORT_UNAVAILABLE when the source is there and yields no report
   */
  report(reportData: Uint8Array): Promise<Uint8Array>;
}

/** Refuses what is not the size of a report. */
export function checkedReport(bytes: Uint8Array): Uint8Array {
  if (bytes.length === SNP_REPORT_SIZE) return bytes;
  throw reportUnavailable(`the report source yielded ${bytes.length} bytes, expected ${SNP_REPORT_SIZE}`);
}

export function reportUnavailable(message: string, cause?: unknown): DependencyError {
  return new DependencyError('SNP_REPORT_UNAVAILABLE', message, {
    retryable: true,
    cause,
    action: 'See the cause; a report source that is busy works again by itself.',
  });
}
