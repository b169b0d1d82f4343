export { aesKeyUnwrapPad, aesKeyWrapPad } from './aes-key-wrap.ts';
export { appraiseRelease, findReleaseCandidates } from './appraise-release.ts';
export type { ReleaseCandidates, ReleaseGrant } from './appraise-release.ts';
export { deriveDiskKey } from './disk-key.ts';
export { findEncryptionKey } from './encryption-key.ts';
export type { EncryptionKey } from './encryption-key.ts';
export { errorCodes } from './error-codes.ts';
export { unwrapKeyMaterial, wrapKeyMaterial } from './key-wrap.ts';
export {
  decodeReleasePolicy,
  encodeReleasePolicy,
  evaluateAuthority,
  formatReleasePolicy,
  isAuthority,
  parseReleasePolicy,
} from './release-policy.ts';
export type {
  ReleaseAuthority,
  ReleaseCondition,
  ReleasePolicy,
  ReleaseValue,
  ReleaseVerdict,
  UnmetCondition,
} from './release-policy.ts';
export { formatReleaseRequest, parseReleaseRequest } from './release-request.ts';
export type { ReleaseRequest } from './release-request.ts';
export { formatReleaseResponse, verifyReleaseResponse } from './release-response.ts';
export type { ReleaseResponse, VerifyReleaseResponseOptions } from './release-response.ts';
export { releasedJwk } from './released-jwk.ts';
export type { PublicJwk } from './released-jwk.ts';
export { openSecret, sealSecret } from './sealed-secret.ts';
export { verifyServerChain } from './server-chain.ts';
export { DEFAULT_WRAP_ALGORITHM, isKeyWrapAlgorithm } from './wrap-algorithm.ts';
export type { KeyWrapAlgorithm } from './wrap-algorithm.ts';
