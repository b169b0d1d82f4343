export { AZURITE_ACCOUNT, AZURITE_KEY, azuriteContainer, azuriteUrl } from './azurite.ts';
export { startFakeBlobService } from './fake-blob-service.ts';
export type { FakeBlobService } from './fake-blob-service.ts';
