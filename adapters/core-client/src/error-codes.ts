import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  EVIDENCE_NOT_READY: {
    family: 'dependency',
    meaning: 'The evidence source cannot give evidence yet, so nothing was sent to Core.',
    action: 'Wait; the next download or renewal tries again.',
  },
  SKR_UNREACHABLE: {
    family: 'dependency',
    meaning: 'The attestation sidecar did not answer.',
    action: 'Check that the sidecar container runs in the same pod and listens on the configured address.',
  },
  SKR_REFUSED: {
    family: 'dependency',
    meaning: 'The attestation sidecar answered with an error instead of a token.',
    action: 'Read the sidecar log; the attestation service or the certificate cache may be out of reach.',
  },
  SKR_ANSWER_INVALID: {
    family: 'malformed',
    meaning: 'The answer of the attestation sidecar holds no token.',
    action: 'Check that the configured address belongs to the attestation sidecar and its version fits.',
  },
  CORE_ATTEST_REFUSED: {
    family: 'verification',
    meaning: 'Core refused the operator key (401) or the evidence (403).',
    action: 'Check that the operator key is enabled and that this release is on the allow-list of Core.',
  },
  CORE_ATTEST_FAILED: {
    family: 'dependency',
    meaning: 'Core could not attest this operator for a reason that is not a refusal.',
    action: 'Wait for Core to recover; attestation is tried again.',
  },
  CORE_UNREACHABLE: {
    family: 'dependency',
    meaning: 'Core gave no answer to the attestation request.',
    action: 'Check DNS, outbound port 443 and the configured address of Core.',
  },
  CORE_ANSWER_INVALID: {
    family: 'malformed',
    meaning: 'Core answered the attestation with 200 but without a usable token and expiry.',
    action: 'Check that the configured address belongs to UID2 Core; attestation is tried again.',
  },
  CORE_DOWNLOAD_FAILED: {
    family: 'dependency',
    meaning: 'A metadata or content download failed (error E12 of the operator guides).',
    action:
      'Check the operator key, outbound port 443, DNS and the state of the service named; the download is repeated.',
  },
  CORE_LOCATION_UNSUPPORTED: {
    family: 'unsupported',
    meaning: 'A link to data is neither an http nor an https URL.',
    action: 'Let Core sign links of its storage instead of answering bare paths.',
  },
  CORE_CONTENT_TOO_LARGE: {
    family: 'dependency',
    meaning: 'A data file is larger than any valid one.',
    action: 'Check which file the metadata points to.',
  },
  OPTOUT_URL_UNKNOWN: {
    family: 'dependency',
    meaning:
      'Core has not told this operator where the Opt-Out service is, and the configuration does not say it either.',
    action: 'Configure optout_url at Core, or an absolute optout_metadata_path here.',
  },
  STORE_NOT_LOADED: {
    family: 'internal',
    meaning: 'A store was read before its first load.',
    action: 'Report this as a defect.',
  },
};
