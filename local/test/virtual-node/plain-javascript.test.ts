import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { REPOSITORY } from '../../src/images/image-folders.ts';
import { plainJavaScript } from '../../src/virtual-node/plain-javascript.ts';

it('plainJavaScript takes types out and keeps every line and column where it is', async () => {
  const file = join(REPOSITORY, 'local/src/virtual-node/pod-network-preload.ts');
  const lengths = (text: string): readonly number[] => text.split('\n').map((line) => line.length);
  const [plain, source] = [plainJavaScript(file), await readFile(file, 'utf8')];
  expect(lengths(plain)).toEqual(lengths(source));
  expect(plain).not.toContain(': string');
  expect(plain).toContain(`from '../process/machine-port.js'`);
});
