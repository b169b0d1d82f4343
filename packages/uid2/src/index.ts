export { apiKeyBody, apiKeyId, generateApiKey, hashApiKey, saltApiKey, siteIdOfApiKey } from './api-keys/api-key.ts';
export type { ApiKeyDescription, ApiKeyEnvironment, ApiKeyHolder, GeneratedApiKey } from './api-keys/api-key.ts';
export { AuthorizableStore, refusalOf } from './api-keys/authorizable-store.ts';
export type { Authorizable, KeyRefusal } from './api-keys/authorizable-store.ts';
export type { ClientRecord } from './api-keys/client-record.ts';
export type { OperatorRecord, OperatorType } from './api-keys/operator-record.ts';
export { exactRole, roleOf, ROLES, sortRoles } from './api-keys/roles.ts';
export type { Role } from './api-keys/roles.ts';
export { clientSideAdditionalData } from './client-side/additional-data.ts';
export {
  CLIENT_SIDE_IV_LENGTH,
  decodeClientSideResponse,
  encodeClientSideResponse,
  openClientSidePayload,
  sealClientSideRequest,
} from './client-side/client-side-exchange.ts';
export type { ClientSideSealing, SealedClientSideRequest } from './client-side/client-side-exchange.ts';
export {
  agreeOnClientSideKey,
  clientSidePrivateKeyText,
  generateClientSideKeys,
  importClientPublicKey,
  importClientSidePrivateKey,
  importClientSidePublicKey,
} from './client-side/client-side-key.ts';
export type { ClientSideKeyTexts } from './client-side/client-side-key.ts';
export { parseClientSideRequest } from './client-side/client-side-request.ts';
export type { ClientSideRequest } from './client-side/client-side-request.ts';
export { isOriginAllowed, originDomain } from './client-side/origin-rule.ts';
export type { PublicSuffixList } from './client-side/origin-rule.ts';
export { isConsentSufficient, parseTcfConsent } from './consent/tcf-consent.ts';
export type { TcfConsent } from './consent/tcf-consent.ts';
export {
  attestationTokenExpiry,
  createAttestationToken,
  deriveAttestationTokenKey,
  verifyAttestationToken,
} from './core/attestation-token.ts';
export {
  mintOperatorJwt,
  operatorJwtClaims,
  operatorJwtSubject,
  operatorVersionClaim,
  parseJwtPublicKeys,
  verifyOperatorJwt,
} from './core/operator-jwt.ts';
export type { OperatorJwtClaims, OperatorJwtExpectation } from './core/operator-jwt.ts';
export { scopedFilePath, scopedMetadataPath } from './core/scope-path.ts';
export type { StoreScope } from './core/scope-path.ts';
export { decodeLenientBase64, decodeLenientBase64Url } from './encoding/lenient-base64.ts';
export { isJsonObject, parseJsonObject, parseLenientJson, textMember } from './envelope/lenient-json.ts';
export type { JsonObject, JsonValue } from './envelope/lenient-json.ts';
export {
  encodeRequestEnvelope,
  ENVELOPE_NONCE_LENGTH,
  openRequestBody,
  parseEnvelopePayload,
  parseRequestEnvelope,
  readRequestBody,
} from './envelope/request-envelope.ts';
export type {
  EnvelopeContext,
  EnvelopeMode,
  OpenedRequest,
  ReceivedRequest,
  RequestEnvelope,
} from './envelope/request-envelope.ts';
export {
  decodeRefreshResponse,
  decodeResponseEnvelope,
  encodeRefreshResponse,
  encodeResponseEnvelope,
} from './envelope/response-envelope.ts';
export type { ResponseEnvelope } from './envelope/response-envelope.ts';
export { errorCodes } from './error-codes.ts';
export {
  firstLevelHash,
  hashDii,
  identityHash,
  parseIdentityHash,
  replaceUnpairedSurrogates,
} from './identity/identity-hash.ts';
export type { DiiKind, HashedIdentity, IdentityEnvironment, IdentityScope, IdentityType } from './identity/identity.ts';
export { normalizeEmail } from './identity/normalize-email.ts';
export { normalizePhone } from './identity/normalize-phone.ts';
export { createTestIdentities } from './identity/test-identities.ts';
export type { TestIdentities, TestIdentityBehaviour } from './identity/test-identities.ts';
export { KeysetSnapshot } from './keysets/keyset-snapshot.ts';
export {
  FALLBACK_PUBLISHER_SITE_ID,
  MASTER_KEYSET_ID,
  MASTER_KEYSET_ID_FOR_SDKS,
  REFRESH_KEYSET_ID,
} from './keysets/keyset.ts';
export type { Keyset, KeysetKey } from './keysets/keyset.ts';
export { parseKeysetKeys, parseKeysets } from './keysets/parse-keysets.ts';
export { BloomFilter, idealBloomCapacity } from './optout/bloom-filter.ts';
export {
  floorToSlot,
  formatOptOutFileName,
  optOutFileBaseName,
  optOutFilePath,
  parseOptOutFileName,
  replicaIdOfHostName,
  secondsBeforeNextSlot,
  SYNTHETIC_REPLICA_ID,
  utcDate,
} from './optout/optout-file-name.ts';
export type { OptOutFileName } from './optout/optout-file-name.ts';
export { decodeDeltaFile, encodeDeltaFile, encodePartitionFile, optOutRecordCount } from './optout/optout-files.ts';
export type { DeltaFile } from './optout/optout-files.ts';
export { OptOutIndex } from './optout/optout-index.ts';
export type { OptOutIndexData } from './optout/optout-index.ts';
export { formatOptOutList, parseOptOutLocations, selectOptOutFiles } from './optout/optout-list.ts';
export type { OptOutList, OptOutListEntry, OptOutSelection } from './optout/optout-list.ts';
export {
  decodeOptOutRecord,
  encodeOptOutRecord,
  OPTOUT_RECORD_LENGTH,
  readOptOutTime,
  writeOptOutTime,
} from './optout/optout-record.ts';
export type { OptOutRecord } from './optout/optout-record.ts';
export { parseOptOutFile, segmentSize, takeOverOptOutFile } from './optout/optout-segment.ts';
export type { OptOutSegment } from './optout/optout-segment.ts';
export {
  countPending,
  countPublished,
  exceedsTrafficLimit,
  parseTrafficLimit,
  trafficWindowStart,
} from './optout/traffic-calculation.ts';
export type { TrafficLimit } from './optout/traffic-calculation.ts';
export { isDenied, parseDenyRules } from './optout/traffic-filter.ts';
export type { DenyRule } from './optout/traffic-filter.ts';
export { IDENTITY_BATCH_CAPACITY, IdentityBatch, INVALID, MAPPED, OPTED_OUT } from './raw-uid/identity-batch.ts';
export type { IdentityBatchWorld } from './raw-uid/identity-batch.ts';
export { asRawUid, mapIdentity, previousRawUid, rawUid, refreshFrom } from './raw-uid/raw-uid.ts';
export type { MappedIdentity, RawUid, RawUidOptions } from './raw-uid/raw-uid.ts';
export { createBucketIdEncoder } from './salts/bucket-id.ts';
export { parseSaltFile, SaltFileParser } from './salts/salt-file.ts';
export type { SaltFileOptions } from './salts/salt-file.ts';
export { parseSaltMetadata } from './salts/salt-metadata.ts';
export type { SaltFileMetadata, SaltMetadata } from './salts/salt-metadata.ts';
export { selectSaltSnapshot } from './salts/salt-snapshot.ts';
export type { SaltSnapshot, SelectedSaltSnapshot } from './salts/salt-snapshot.ts';
export { SaltTable } from './salts/salt-table.ts';
export type { SaltKeyMaterial, SaltTableData } from './salts/salt-table.ts';
export { parseClientSideKeypairs, writeClientSideKeypairs } from './seed-files/client-side-keypairs.ts';
export type { ClientSideKeypair } from './seed-files/client-side-keypairs.ts';
export { parseClients, writeClients } from './seed-files/clients.ts';
export {
  activeCloudEncryptionKey,
  cloudEncryptionKeyJson,
  parseCloudEncryptionKeys,
  parseCloudEncryptionKeysResponse,
  writeCloudEncryptionKeys,
} from './seed-files/cloud-encryption-keys.ts';
export type { CloudEncryptionKey } from './seed-files/cloud-encryption-keys.ts';
export { parseEnclaves, writeEnclaves } from './seed-files/enclaves.ts';
export type { EnclaveRecord } from './seed-files/enclaves.ts';
export { decryptCloudFile, encryptCloudFile } from './seed-files/encrypted-file.ts';
export { writeKeysetKeys, writeKeysets } from './seed-files/keysets.ts';
export { parseOperators, writeOperators } from './seed-files/operators.ts';
export { parsePartners } from './seed-files/partners.ts';
export type { PartnerRecord } from './seed-files/partners.ts';
export { PRIVATE_STORES, PrivateViews } from './seed-files/private-view.ts';
export type { PrivateStore, StoreTexts } from './seed-files/private-view.ts';
export {
  parseRuntimeConfiguration,
  parseRuntimeConfigurationFile,
  writeRuntimeConfigurationFile,
} from './seed-files/runtime-configuration.ts';
export type { RuntimeConfiguration, VersionedRuntimeConfiguration } from './seed-files/runtime-configuration.ts';
export { parseServiceLinks, serviceLinkKey, writeServiceLinks } from './seed-files/service-links.ts';
export type { ServiceLinkRecord } from './seed-files/service-links.ts';
export { parseServices, writeServices } from './seed-files/services.ts';
export type { ServiceRecord } from './seed-files/services.ts';
export { deriveScopedFiles } from './seed-files/scoped-files.ts';
export type { ScopedFile, ScopedFilesInput, StoreMetadataPaths } from './seed-files/scoped-files.ts';
export { parseSites, writeSites } from './seed-files/sites.ts';
export type { SiteRecord } from './seed-files/sites.ts';
export { parseStoreMetadata, writeStoreMetadata } from './seed-files/store-metadata.ts';
export type { StoreMetadata } from './seed-files/store-metadata.ts';
export { decodeAdvertisingToken, encodeAdvertisingToken } from './tokens/advertising-token.ts';
export type {
  AdvertisingToken,
  AdvertisingTokenFields,
  AdvertisingTokenKeys,
  DecodedAdvertisingToken,
} from './tokens/advertising-token.ts';
export { decryptCbc, encryptCbc } from './tokens/cbc.ts';
export { decryptGcm, encryptGcm, GCM_OVERHEAD } from './tokens/gcm.ts';
export { unwrapRefreshToken, wrapRefreshToken } from './tokens/refresh-token-wrapper.ts';
export type { UnwrappedRefreshToken, WrappedRefreshToken } from './tokens/refresh-token-wrapper.ts';
export { decodeRefreshToken, encodeRefreshToken } from './tokens/refresh-token.ts';
export type { DecodedRefreshToken, RefreshTokenFields } from './tokens/refresh-token.ts';
export { PRIVACY_BITS_CLIENT_SIDE, PRIVACY_BITS_DEFAULT, WRAPPED_REFRESH_TOKEN_LENGTH } from './tokens/token-format.ts';
export type { TokenVersion } from './tokens/token-format.ts';
export { prepareSecret } from './tokens/token-key.ts';
export type { TokenKey, TokenKeySource } from './tokens/token-key.ts';
export { checkTokenLifetimes } from './tokens/token-lifetimes.ts';
export type { TokenLifetimes } from './tokens/token-lifetimes.ts';
