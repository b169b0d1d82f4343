export {
  parseCertificate,
  parseCertificates,
  certificatesToPem,
  verifyCertificateSignature,
} from './x509/certificate.ts';
export type { Certificate, CertificateExtension, KeyUsage, SignatureAlgorithm } from './x509/certificate.ts';
export {
  authorityKeyIdentifierExtension,
  basicConstraintsExtension,
  createCertificate,
  extendedKeyUsageExtension,
  keyUsageExtension,
  subjectAltNameExtension,
  subjectKeyIdentifierExtension,
} from './x509/create-certificate.ts';
export type { CreateCertificateOptions, CreateSignatureAlgorithm } from './x509/create-certificate.ts';
export { createAuthorityCertificate, createServerCertificate } from './x509/tls-certificates.ts';
export type { AuthorityCertificateRequest, ServerCertificateOptions, TlsAuthority } from './x509/tls-certificates.ts';
export { commonName } from './x509/name.ts';
export type { DistinguishedName, NameAttribute } from './x509/name.ts';
export { formatJson, isJsonObject, member, parseJson, parseJsonObject } from './json/json.ts';
export type { JsonObject, JsonValue } from './json/json.ts';
export { buildSnpReport, parseSnpReport, SNP_REPORT_SIGNED_SIZE, SNP_REPORT_SIZE } from './snp/report.ts';
export type { SnpFirmwareVersion, SnpGuestPolicy, SnpReport, SnpReportFields, SnpSigningKey } from './snp/report.ts';
export { signSnpReport, verifySnpReportSignature } from './snp/signature.ts';
export { decodeTcb, encodeTcb } from './snp/tcb.ts';
export type { SnpTcb } from './snp/tcb.ts';
export { productFromCpuid } from './snp/product.ts';
export type { SnpProduct } from './snp/product.ts';
export { amdRoots, simulatedRoot, spkiSha256 } from './snp/roots.ts';
export type { SnpTrustedRoot } from './snp/roots.ts';
export { readPkcs12 } from './x509/pkcs12.ts';
export type { Pkcs12Content } from './x509/pkcs12.ts';
export { createRevocationList, parseRevocationList } from './x509/revocation-list.ts';
export type { RevocationList } from './x509/revocation-list.ts';
export { appraiseSnpCertificates, SnpChainCache } from './snp/certificates.ts';
export type { SnpCertificateAppraisal, SnpCertificateBundle, SnpChainTrust } from './snp/certificates.ts';
export { snpValidityProblems } from './snp/chain.ts';
export type { SnpChain, SnpChainProblem } from './snp/chain.ts';
export { certificateChainPath, revocationListPath, vcekPath } from './snp/key-service.ts';
export type { SnpRevocation } from './snp/revocation.ts';
export { appraiseSnpEvidence, verifySnpEvidence } from './snp/evidence.ts';
export type { AppraisalCheck } from './appraisal/check-list.ts';
export type { SnpEvidence, SnpEvidenceOptions, SnpVerdict, SnpVerifiedEvidence } from './snp/evidence.ts';
export { readEndorsementExtensions } from './snp/endorsement-certificate.ts';
export type { EndorsementExtensions, SnpKeyKind } from './snp/endorsement-certificate.ts';
export { parseSnpCertificateTable } from './snp/certificate-table.ts';
export { formatThimCertificates, parseThimCertificates, thimCertificateBundle, thimTcb } from './snp/thim.ts';
export type { ThimCertificates } from './snp/thim.ts';
export {
  productionUvmTrust,
  readUvmEndorsement,
  verifyLedgerTrustList,
  verifyUvmEndorsement,
} from './uvm/endorsement.ts';
export { CborTagged } from './cbor/value.ts';
export type { CborMap, CborValue } from './cbor/value.ts';
export { encodeCbor } from './cbor/encode.ts';
export { coseAlgorithm, coseHeader, decodeCoseSign1, verifyCoseSign1 } from './cose/sign1.ts';
export type { CoseAlgorithm, CoseSign1 } from './cose/sign1.ts';
export { readSigningChain } from './uvm/issued-envelope.ts';
export { resolveDidX509 } from './x509/did-x509.ts';
export type { UnverifiedUvmEndorsement, UvmEndorsement } from './uvm/endorsement.ts';
export type { UvmTrustEntry } from './uvm/issued-envelope.ts';
export { parseLedgerKeys } from './uvm/ledger-keys.ts';
export type { LedgerKeys } from './uvm/ledger-keys.ts';
export type { TransparencyReceipt } from './uvm/receipt.ts';
export {
  createSimulatedPlatform,
  generateSimulatedPlatformKeys,
  restoreSimulatedPlatform,
} from './simulated/platform.ts';
export type {
  SimulatedAttester,
  SimulatedKeyPair,
  SimulatedPlatform,
  SimulatedPlatformKeys,
  SimulatedPlatformRecord,
  SimulatedReportRequest,
} from './simulated/platform.ts';
export { parseHclReport } from './vtpm/hcl-report.ts';
export type { HclReport } from './vtpm/hcl-report.ts';
export { parseTpmQuote } from './vtpm/quote.ts';
export type { TpmQuote } from './vtpm/quote.ts';
export { appraiseVtpmEvidence, parseVtpmEvidence, verifyVtpmEvidence } from './vtpm/evidence.ts';
export type { VtpmEvidence, VtpmEvidenceOptions, VtpmVerdict } from './vtpm/evidence.ts';
export { formatAttestSevSnpVmRequest, parseAttestSevSnpVmRequest } from './maa/request.ts';
export type { AttestedData, AttestSevSnpVmRequest } from './maa/request.ts';
export { appraiseSevSnpVm, maaErrorResponse } from './maa/appraise.ts';
export { sevSnpVmClaims, SEV_SNP_VM, TEST_ROOT_CLAIM } from './maa/claims.ts';
export type { SevSnpVmClaimsInput } from './maa/claims.ts';
export { attestationPolicyHash, DEFAULT_ATTESTATION_POLICY } from './maa/policy.ts';
export type { AttestationPolicy } from './maa/policy.ts';
export { parseAttestationPolicy } from './maa/policy-parser.ts';
export type { AppraiseSevSnpVmOptions, SevSnpVmAppraisal } from './maa/appraise.ts';
export { createTokenSigner, issueAttestationToken, jwksFor } from './maa/token.ts';
export type { AttestationJwk, TokenSigner } from './maa/token.ts';
export { parseAttestationJwks } from './maa/jwks.ts';
export type { AttestationKey, AttestationKeySet, AttestationKeySetEntry } from './maa/jwks.ts';
export { verifyAttestationToken, verifyAttestationTokenSignature } from './maa/verify-token.ts';
export type {
  AttestationExpectations,
  SevSnpVmClaims,
  TokenAlgorithm,
  VerifiedAttestationToken,
  VerifyAttestationTokenOptions,
} from './maa/verify-token.ts';
export {
  AWS_NITRO_ROOT_SHA256,
  isNitroSignatureValid,
  nitroChainProblem,
  parseNitroDocument,
} from './nitro/document.ts';
export type { NitroDocument } from './nitro/document.ts';
export { createNitroDocument } from './nitro/create-document.ts';
export type { NitroDocumentFields } from './nitro/create-document.ts';
export { canonicalJson } from './json/canonical-json.ts';
export { createEarSigner, issueEarToken } from './ear/ear-token.ts';
export type { EarAppraisal, EarSigner, EarTokenOptions } from './ear/ear-token.ts';
export { readTrustVector, TRUST_CLAIMS, TRUST_TIERS, trustStatus, trustTier } from './ear/trust-vector.ts';
export type { TrustClaimName, TrustTier, TrustVector } from './ear/trust-vector.ts';
export { errorCodes } from './error-codes.ts';
