import { fromBase64, fromUtf8, MalformedError } from '@holdfast/base';

import { fitInitdataDigest, type Initdata, initdataDigest, initdataDocument, parseInitdata } from './initdata.ts';
import type { KataProfile } from './policy-data.ts';

/** What the policy annotation of a pod holds. */
export interface KataAnnotation {
  readonly profile: KataProfile;
  /** Text of the policy. */
  readonly policyText: string;
  /** Upstream: the initdata document and its bytes as they were found, which are what is measured. */
  readonly initdata?: Initdata & { readonly document: string };
  /** Hex of the digest that the guest is measured with, as its algorithm gives it. */
  readonly digest: string;
  /** Hex of the 32 bytes that an SEV-SNP guest has as HOST_DATA. */
  readonly hostData: string;
}

/**
 * Reads the value of a pod's policy annotation: base64 of the policy (`io.katacontainers.config.agent.policy`) in the MS profile,
 * base64 of a gzip of an initdata document (`io.katacontainers.config.hypervisor.cc_init_data`) upstream.
 * @throws MalformedError KATA_POLICY_MALFORMED; for initdata, the errors of `initdataDocument` and `parseInitdata`
 */
export function readKataAnnotation(profile: KataProfile, value: string): KataAnnotation {
  if (profile === 'ms') {
    const policyText = decodePolicy(value);
    const digest = initdataDigest(policyText, 'sha256');
    return { profile, policyText, digest, hostData: digest };
  }
  const document = initdataDocument(value);
  const initdata = parseInitdata(document);
  const policyText = Object.hasOwn(initdata.data, 'policy.rego') ? initdata.data['policy.rego'] : undefined;
  if (policyText === undefined) {
    throw new MalformedError('KATA_POLICY_MALFORMED', 'The initdata document has no entry "policy.rego".');
  }
  const digest = initdataDigest(document, initdata.algorithm);
  return {
    profile,
    policyText,
    initdata: { ...initdata, document },
    digest,
    hostData: fitInitdataDigest(digest, 'snp'),
  };
}

function decodePolicy(value: string): string {
  try {
    return fromUtf8(fromBase64(value));
  } catch (cause) {
    throw new MalformedError('KATA_POLICY_MALFORMED', 'The annotation is not base64 of UTF-8 text.', { cause });
  }
}
