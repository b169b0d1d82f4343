import { randomBytes } from 'node:crypto';

/** The well-known credential of the Azurite emulator, published by Microsoft. */
export const AZURITE_ACCOUNT = 'devstoreaccount1';
export const AZURITE_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
/** Where `npm run test:azurite` started it; undefined elsewhere. */
export const azuriteUrl = process.env['HOLDFAST_AZURITE_URL'];

/** A container of its own. */
export async function azuriteContainer(): Promise<{ readonly container: string; remove(): Promise<void> }> {
  const { ContainerClient, StorageSharedKeyCredential } = await import('@azure/storage-blob');
  const container = `suite-${randomBytes(6).toString('hex')}`;
  const client = new ContainerClient(
    `${azuriteUrl}/${container}`,
    new StorageSharedKeyCredential(AZURITE_ACCOUNT, AZURITE_KEY),
  );
  await client.create();
  return {
    container,
    async remove() {
      await client.deleteIfExists();
    },
  };
}
