import {
  AWS_NITRO_ROOT_SHA256,
  isNitroSignatureValid,
  nitroChainProblem,
  parseNitroDocument,
} from '@holdfast/attestation';
import type { NitroDocument } from '@holdfast/attestation';
import { equalBytes, PlatformError, toBase64 } from '@holdfast/base';
import type { Clock } from '@holdfast/base';

import type { AllowList } from '../allow-list.ts';
import { areEquivalentUrls } from './url-equivalence.ts';
import { refuse } from './verifier.ts';
import type { EvidenceVerifier } from './verifier.ts';

export const AWS_NITRO = 'aws-nitro';

export interface AwsNitroOptions {
  readonly corePublicUrl: string;
  readonly allowList: AllowList;
  readonly clock: Clock;
  /** SHA-256 of trusted root certificates, hex; the root of AWS when missing. */
  readonly roots?: readonly string[];
}

/**
 * The protocol `aws-nitro`: evidence is an attestation document of an AWS Nitro enclave. The enclave id is PCR0, the digest of
 * the enclave image. Unlike the reference, the certificate that signed the document must lead to the root itself, and a
 * document without a key is refused: the token could not be encrypted for anybody.
 */
export function createAwsNitroVerifier(options: AwsNitroOptions): EvidenceVerifier {
  const roots = options.roots ?? [AWS_NITRO_ROOT_SHA256];
  return {
    async verify(evidence, publicKey) {
      let document: NitroDocument;
      try {
        document = parseNitroDocument(evidence);
      } catch (error) {
        // CBOR of another shape is thrown on: the reference takes it for trouble of its own.
        if (!(error instanceof PlatformError) || error.code !== 'CBOR_MALFORMED') throw error;
        return refuse('document-format', 'BAD_FORMAT');
      }
      if (!isNitroSignatureValid(document)) return refuse('document-signature', 'BAD_PAYLOAD');
      const proved = document.publicKey;
      if (publicKey.length > 0 && (proved === undefined || !equalBytes(proved, publicKey))) {
        return refuse('public-key-bound', 'BAD_PAYLOAD');
      }
      const problem = nitroChainProblem(document, { roots, now: options.clock() });
      if (problem !== undefined) return refuse(`certificate-chain: ${problem}`, 'BAD_CERTIFICATE');

      const url = document.userData === undefined ? undefined : Buffer.from(document.userData).toString('utf8');
      if (url !== undefined && !areEquivalentUrls(url, options.corePublicUrl)) {
        return refuse('attestation-url', 'UNKNOWN_ATTESTATION_URL');
      }
      const pcr0 = toBase64(document.pcrs.get(0) ?? new Uint8Array());
      const enclaveId = `nitro: ${pcr0}`;
      if (!options.allowList.allows(AWS_NITRO, pcr0))
        return { ...refuse('allow-list', 'FORBIDDEN_ENCLAVE'), enclaveId };
      if (proved === undefined) return { ...refuse('public-key-present', 'BAD_FORMAT'), enclaveId };
      return { accepted: true, enclaveId, publicKey: proved };
    },
  };
}
