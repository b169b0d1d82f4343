import type { Certificate, RevocationList, ThimCertificates, VtpmEvidence } from '@holdfast/attestation';

/** One thing that a file holds. A file can hold several, such as a report and its certificates. */
export type EvidenceItem =
  | { readonly kind: 'report'; readonly bytes: Uint8Array }
  | { readonly kind: 'certificates'; readonly certificates: readonly Certificate[] }
  | { readonly kind: 'host-certificates'; readonly thim: ThimCertificates }
  | { readonly kind: 'revocation-list'; readonly list: RevocationList }
  | { readonly kind: 'endorsement'; readonly cose: Uint8Array }
  | { readonly kind: 'vtpm-evidence'; readonly evidence: VtpmEvidence }
  | { readonly kind: 'paravisor-report'; readonly bytes: Uint8Array }
  | { readonly kind: 'attestation-token'; readonly token: string }
  | { readonly kind: 'key-set'; readonly json: Uint8Array }
  | { readonly kind: 'runtime-data'; readonly data: Uint8Array }
  | { readonly kind: 'security-policy'; readonly policy: Uint8Array };

export type EvidenceKind = EvidenceItem['kind'];

/** An item and the file it came from. */
export interface EvidenceInput {
  readonly file: string;
  readonly item: EvidenceItem;
}

/** What people call each kind. */
export const KIND_NAMES: Readonly<Record<EvidenceKind, string>> = {
  report: 'SEV-SNP attestation report',
  certificates: 'certificates',
  'host-certificates': 'host certificates (THIM)',
  'revocation-list': 'revocation list',
  endorsement: 'endorsement of a utility VM (COSE)',
  'vtpm-evidence': 'vTPM evidence of a confidential VM',
  'paravisor-report': 'paravisor report (HCL)',
  'attestation-token': 'attestation token (JWT)',
  'key-set': 'key set (JWKS)',
  'runtime-data': 'runtime data',
  'security-policy': 'security policy',
};
