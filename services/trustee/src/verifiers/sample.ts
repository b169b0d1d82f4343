import { isJsonObject, member } from '@holdfast/attestation';
import { equalSecretBytes, fromBase64, toBase64 } from '@holdfast/base';

import { malformedEvidence, refusedEvidence } from './verifier.ts';
import type { EvidenceVerifier } from './verifier.ts';

/** Evidence without hardware, for tests: nothing is signed, only the binding to the session is checked. */
export function createSampleVerifier(teeClass: 'cpu' | 'gpu'): EvidenceVerifier {
  return async (evidence, expected) => {
    if (!isJsonObject(evidence)) throw malformedEvidence('it is no object');
    const svn = member(evidence, 'svn');
    const reportData = member(evidence, 'report_data');
    if (typeof svn !== 'string' || typeof reportData !== 'string') {
      throw malformedEvidence('"svn" and "report_data" have to be texts');
    }
    if (expected.reportData !== undefined && !equalSecretBytes(decode(reportData), expected.reportData)) {
      throw refusedEvidence('the report data are not those of the session');
    }
    return {
      teeClass,
      claims: { svn, launch_digest: 'abcde', platform_version: { major: 1, minor: 4 }, debug: false },
      reportData,
      initData: expected.initDataHash === undefined ? undefined : toBase64(expected.initDataHash),
    };
  };
}

function decode(text: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch (cause) {
    throw malformedEvidence('"report_data" is no Base64', cause);
  }
}
