import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { writeFileAtomic } from '@holdfast/process';
import { parseEnclaves, parseStoreMetadata, writeEnclaves, writeStoreMetadata } from '@holdfast/uid2';

/** Under this name the local world registers the policy that `up` generates. */
export const LOCAL_ENCLAVE_NAME = 'local private operator';

/**
 * Registers a new policy of the local operator with UID2 Core, in place of the one registered before; other enclaves stay.
 * Core picks it up as it does any change of its allow-list.
 * @param bucket Core's bucket.
 * @param enclaveId Lower-case hex SHA-256 of the policy.
 * @param now Milliseconds since the epoch.
 * @throws MalformedError when the store is damaged
 */
export async function acceptEnclave(bucket: string, enclaveId: string, now: number): Promise<void> {
  const metadataFile = join(bucket, 'enclaves', 'metadata.json');
  const metadata = parseStoreMetadata(await readFile(metadataFile, 'utf8'), 'enclaves');
  const kept = parseEnclaves(await readFile(join(bucket, metadata.location), 'utf8')).filter(
    ({ name }) => name !== LOCAL_ENCLAVE_NAME,
  );
  const version = Math.max(now, metadata.version + 1);
  // A reader that still follows the old metadata finds the old file as it was.
  const location = `enclaves/enclaves.${version}.json`;
  const created = Math.floor(now / 1000);
  await writeFileAtomic(
    join(bucket, location),
    writeEnclaves([...kept, { name: LOCAL_ENCLAVE_NAME, protocol: 'azure-cc', identifier: enclaveId, created }]),
    { mode: 0o600 },
  );
  await writeFileAtomic(metadataFile, writeStoreMetadata('enclaves', { version, generated: created, location }), {
    mode: 0o600,
  });
}
