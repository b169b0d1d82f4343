import { DependencyError, errorMessage } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';

import { checkedReport, reportUnavailable } from './report-source.ts';
import type { SnpReportSource } from './report-source.ts';

/**
 * Reports of a simulated platform on this machine: 64 bytes of report data in a POST, 1184 bytes back. The firmware decides
 * everything else in the report, host data included. No production root covers such a report.
 */
export function createSimulatedReportSource(options: {
  readonly url: string;
  readonly client: Pick<HttpClient, 'send'>;
}): SnpReportSource {
  return {
    simulated: true,
    async report(reportData) {
      try {
        const answer = await options.client.send({
          method: 'POST',
          url: options.url,
          headers: { 'content-type': 'application/octet-stream' },
          body: reportData,
          timeoutMs: 5_000,
          maxBytes: 4096,
        });
        if (answer.status !== 200)
          throw reportUnavailable(`the simulated firmware answered with status ${answer.status}`);
        return checkedReport(answer.body);
      } catch (cause) {
        if (cause instanceof DependencyError && cause.code === 'SNP_REPORT_UNAVAILABLE') throw cause;
        throw reportUnavailable(`the simulated firmware yielded no report: ${errorMessage(cause)}`, cause);
      }
    },
  };
}
