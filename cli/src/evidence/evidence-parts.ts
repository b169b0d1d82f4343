import { parseCertificates, parseHclReport, thimCertificateBundle } from '@holdfast/attestation';
import type { Certificate, RevocationList, ThimCertificates, VtpmEvidence } from '@holdfast/attestation';
import { RequestError } from '@holdfast/base';

import { KIND_NAMES } from './evidence-item.ts';
import type { EvidenceInput, EvidenceItem, EvidenceKind } from './evidence-item.ts';

/** Inputs by the role they play in one judgement. */
export interface EvidenceParts {
  readonly report: Uint8Array | undefined;
  readonly paravisorReport: Uint8Array | undefined;
  readonly vtpm: VtpmEvidence | undefined;
  readonly certificates: readonly Certificate[];
  readonly thim: ThimCertificates | undefined;
  readonly revocationLists: readonly RevocationList[];
  readonly endorsements: readonly Uint8Array[];
  readonly token: string | undefined;
  readonly keySet: Uint8Array | undefined;
  readonly runtimeData: Uint8Array | undefined;
  readonly policy: Uint8Array | undefined;
}

const JUDGED: readonly EvidenceKind[] = [
  'report',
  'paravisor-report',
  'vtpm-evidence',
  'certificates',
  'host-certificates',
  'endorsement',
  'attestation-token',
];
const HARDWARE: readonly EvidenceKind[] = ['report', 'paravisor-report', 'vtpm-evidence'];
const SINGLE: readonly EvidenceKind[] = [
  'host-certificates',
  'attestation-token',
  'key-set',
  'runtime-data',
  'security-policy',
];

/**
 * Sorts inputs into the parts of one piece of evidence.
 * @throws RequestError EVIDENCE_AMBIGUOUS when a part is there twice, EVIDENCE_NOTHING_TO_JUDGE when none can be judged
 */
export function partsOf(inputs: readonly EvidenceInput[]): EvidenceParts {
  const items = inputs.map(({ item }) => item);
  const count = (kinds: readonly EvidenceKind[]): number => items.filter(({ kind }) => kinds.includes(kind)).length;
  const doubled = SINGLE.find((kind) => count([kind]) > 1);
  if (count(HARDWARE) > 1) throw ambiguous('more than one report');
  if (doubled !== undefined) throw ambiguous(`more than one of: ${KIND_NAMES[doubled]}`);
  if (count(JUDGED) === 0) {
    const names = items.map(({ kind }) => KIND_NAMES[kind]).join(', ');
    throw new RequestError('EVIDENCE_NOTHING_TO_JUDGE', `${names}: nothing of that can be judged by itself`, {
      action: 'Give the evidence it belongs to as well, or use holdfast evidence inspect.',
    });
  }
  const only = <K extends EvidenceKind>(kind: K): Extract<EvidenceItem, { kind: K }> | undefined =>
    ofKind(items, kind)[0];
  return {
    report: only('report')?.bytes,
    paravisorReport: only('paravisor-report')?.bytes,
    vtpm: only('vtpm-evidence')?.evidence,
    certificates: ofKind(items, 'certificates').flatMap(({ certificates }) => certificates),
    thim: only('host-certificates')?.thim,
    revocationLists: ofKind(items, 'revocation-list').map(({ list }) => list),
    endorsements: ofKind(items, 'endorsement').map(({ cose }) => cose),
    token: only('attestation-token')?.token,
    keySet: only('key-set')?.json,
    runtimeData: only('runtime-data')?.data,
    policy: only('security-policy')?.policy,
  };
}

function ofKind<K extends EvidenceKind>(
  items: readonly EvidenceItem[],
  kind: K,
): readonly Extract<EvidenceItem, { kind: K }>[] {
  return items.filter((item): item is Extract<EvidenceItem, { kind: K }> => item.kind === kind);
}

function ambiguous(problem: string): RequestError {
  return new RequestError('EVIDENCE_AMBIGUOUS', `${problem}: it is not clear what is to be judged`, {
    action: 'Give the files of one piece of evidence at a time.',
  });
}

/** The hardware report of whichever form, and the certificates beside it; undefined when there is none. */
export function hardwareReport(
  parts: EvidenceParts,
): { readonly report: Uint8Array; readonly certificates: readonly Certificate[] } | undefined {
  const { report, paravisorReport, vtpm, certificates, thim } = parts;
  const hcl = vtpm?.hclReport ?? paravisorReport;
  const bytes = report ?? (hcl === undefined ? undefined : parseHclReport(hcl).snpReport);
  if (bytes === undefined) return undefined;
  const ofHost = thim === undefined ? [] : parseCertificates(thimCertificateBundle(thim));
  const ofVtpm = vtpm === undefined ? [] : parseCertificates(vtpm.vcek);
  return { report: bytes, certificates: [...certificates, ...ofHost, ...ofVtpm] };
}
