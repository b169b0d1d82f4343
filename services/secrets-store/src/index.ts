import type { ExitCodes, StartService } from '@holdfast/process';

import { startSecretsStore } from './main.ts';

export { configSchema, readConfig } from './config.ts';
export type { SecretsStoreConfig } from './config.ts';
export { azureProvider, createSecretsStore } from './context.ts';
export type { StandaloneOptions } from './context.ts';
export { sdkVaults } from './azure/sdk-vault-reader.ts';
export type { VaultPlace, VaultSettings } from './azure/sdk-vault-reader.ts';
export { customResourceDefinitions } from './driver/custom-resources.ts';
export { readVolume, writeVolume } from './driver/atomic-writer.ts';
export type { PodObject } from './driver/objects.ts';
export { DRIVER_NAME } from './driver/objects.ts';
export type { PodEvent, RecordPodEvent } from './driver/pod-event.ts';
export { mountFailure, SecretsStore, volumeFolders } from './driver/secrets-store.ts';
export type { IssueToken, SecretsStoreOptions, ServiceAccountToken } from './driver/secrets-store.ts';
export { VolumeDriver } from './driver/volume-driver.ts';
export type { DriverCluster, MountProvider, PublishOutcome, VolumeDriverOptions } from './driver/volume-driver.ts';
export { errorCodes } from './error-codes.ts';
export { createEvents } from './events.ts';
export type { Events } from './events.ts';
export { mountObjects } from './provider/provider.ts';
export type {
  MountedFile,
  MountRequest,
  MountResult,
  ObjectVersion,
  OpenVault,
  ProviderOptions,
} from './provider/provider.ts';
export { BINDING_AUDIENCE, EXCHANGE_AUDIENCE } from './provider/service-account-tokens.ts';
export { startSecretsStore };

export const service: { readonly name: string; readonly start: StartService; readonly exitCodes: ExitCodes } = {
  name: 'secrets-store',
  start: startSecretsStore,
  exitCodes: {},
};
