import { toBase64 } from '@holdfast/base';

import { checkReportData } from './machine.ts';
import type { Machine } from './machine.ts';

/** A machine without hardware protection: its evidence is signed by nobody. Trustee's default resource policy refuses it. */
export function createSampleMachine(): Machine {
  return {
    tee: 'sample',
    measured: undefined,
    passesInitdata: true,
    referenceValues: { svn: ['1'], launch_digest: ['abcde'], major_version: 1, minimum_minor_version: 1 },
    evidence: (reportData) => {
      checkReportData(reportData);
      return { svn: '1', report_data: toBase64(reportData) };
    },
  };
}
