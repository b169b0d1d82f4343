import { toBase64 } from '@holdfast/base';

import type { ClientRecord } from '../../src/index.ts';

export { AuthorizableStore } from '../../src/index.ts';

/** The secret of a client as its holder has it. */
export function toClientSecret(client: ClientRecord): string {
  return toBase64(client.secret.export());
}
