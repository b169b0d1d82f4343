/** What an administrator does to a UID2 world, as pure operations: a world in, a new world and its consequences out. */
export { checkWorld } from './check-world.ts';
export { CLIENT_ROLES, createClient, findClient, rotateClient, setClientEnabled, updateClient } from './clients.ts';
export type { ClientFields, ClientPatch, IssuedClient, RotatedClient } from './clients.ts';
export { rotateCloudKeys, withCloudKeys } from './cloud-keys.ts';
export type { RotatedCloudKeys } from './cloud-keys.ts';
export { addEnclave, removeEnclave } from './enclaves.ts';
export { importConsequences } from './import-consequences.ts';
export { createKeypair, setKeypairEnabled } from './keypairs.ts';
export type { KeypairFields } from './keypairs.ts';
export {
  activeKeyOf,
  addKey,
  DEFAULT_KEY_SCHEDULE,
  EXPIRED_KEY_RETENTION_DAYS,
  expireKey,
  findKeyset,
  rotateKeys,
} from './keys.ts';
export type { KeyRotation, KeySchedule, KeySelection, RotatedKeys } from './keys.ts';
export { createKeyset, setKeysetEnabled, updateKeyset } from './keysets.ts';
export type { ChangedKeyset, KeysetFields } from './keysets.ts';
export {
  ATTESTATION_PROTOCOLS,
  createOperator,
  findOperator,
  OPERATOR_ROLES,
  setOperatorEnabled,
  updateOperator,
} from './operators.ts';
export type { AttestationProtocol, IssuedOperator, OperatorFields, OperatorPatch } from './operators.ts';
export { saltAges } from './salt-ages.ts';
export type { SaltAgeRow, SaltAges } from './salt-ages.ts';
export { saltKeyIds } from './salt-key-ids.ts';
export { writeSaltLine } from './salt-line.ts';
export type { SaltLine, SaltLineKey } from './salt-line.ts';
export {
  planSaltRotation,
  rebuildSalts,
  rotateSalts,
  SALT_AGE_THRESHOLDS,
  SALT_SNAPSHOT_LIFETIME_DAYS,
  startOfUtcDay,
} from './salt-rotation.ts';
export type { SaltMaterial, SaltRotationPlan, SaltRotationRequest, SaltWindow } from './salt-rotation.ts';
export { publishedSnapshots, snapshotInUse, snapshotState } from './salt-snapshots.ts';
export type { SaltSnapshotState } from './salt-snapshots.ts';
export {
  createService,
  createServiceLink,
  disableService,
  enableService,
  findService,
  setServiceLinkEnabled,
} from './services.ts';
export type { DisabledService, ServiceFields, ServiceLinkFields } from './services.ts';
export { CLIENT_TYPES, createSite, disableSite, enableSite, findSite, updateSite } from './sites.ts';
export type { ClientType, DisabledSite, SiteFields } from './sites.ts';
export { changedStores, readWorld, WORLD_STORES, writeLegacyKeys } from './world-stores.ts';
export type { WorldStore } from './world-stores.ts';
export { keyNamingOf } from './world.ts';
export type { AdministrationContext, Change, KeyNaming, World, WorldRecords } from './world.ts';
