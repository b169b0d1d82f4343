import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

import { toHex } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';
import { writeFileAtomic } from '@holdfast/process';

import { readIfPresent } from '../home/read-if-present.ts';

/** The token of the administrator of a home's clusters, made at first use; the file has mode 0600. */
export async function openClusterToken(file: string, randomBytes: RandomBytes): Promise<string> {
  const known = (await readIfPresent(file))?.trim();
  if (known !== undefined && known !== '') return known;
  const token = toHex(randomBytes(24));
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFileAtomic(file, `${token}\n`, { mode: 0o600 });
  return token;
}
