import { writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { LayerEntry } from '@holdfast/oci';
import { beforeEach, describe, expect, it } from 'vitest';

import { buildLocalImage } from '../../src/images/build-local-image.ts';
import type { LocalImage } from '../../src/images/build-local-image.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

/** A repository of one service and a command line that loads it. */
const FILES = {
  'package-lock.json': '{}',
  'package.json': '{"type":"module"}',
  'cli/bin/holdfast.mjs': `import { answer } from '../../services/small/answer.ts';\nconsole.log(answer);\n`,
  'services/small/package.json': '{"name":"@holdfast/small","type":"module"}',
  'services/small/answer.ts': 'export const answer: string = "the first";\n',
};
const LONG_AGO = new Date('2020-01-01');

describe('buildLocalImage', () => {
  let folder: string;
  beforeEach(async () => {
    const made = await temporaryFolder();
    folder = made.path;
    for (const [name, text] of Object.entries(FILES)) {
      await mkdir(join(folder, 'repository', name, '..'), { recursive: true });
      await writeFile(join(folder, 'repository', name), text);
    }
    return async () => made[Symbol.asyncDispose]();
  });

  const build = async (files: readonly LayerEntry[] = []): Promise<LocalImage> =>
    buildLocalImage(join(folder, 'layout'), join(folder, 'repository'), {
      reference: 'small:1',
      services: ['services/small'],
      config: {},
      formats: ['ext4'],
      files,
    });
  const layerText = async ({ layerFiles: [layer = ''] }: LocalImage): Promise<string> => readFile(layer, 'utf8');

  it('builds nothing as long as no source changes', async () => {
    const image = await build();
    expect(await layerText(image)).toContain('the first');
    const index = join(folder, 'layout/index.json');
    await utimes(index, LONG_AGO, LONG_AGO);
    expect(await build()).toEqual(image);
    expect((await stat(index)).mtime).toEqual(LONG_AGO);
  });

  it('builds another image when a source changes', async () => {
    const image = await build();
    await writeFile(
      join(folder, 'repository/services/small/answer.ts'),
      'export const answer: string = "the second";\n',
    );
    expect(await layerText(await build())).toContain('the second');
    await writeFile(join(folder, 'repository/services/small/answer.ts'), FILES['services/small/answer.ts']);
    expect(await build()).toEqual(image);
  });

  it('builds the image again when a source changed while it was built', async () => {
    const source = join(folder, 'repository/services/small/answer.ts');
    // Is read when the program has been made and the layer is written.
    const meddling = {
      kind: 'file',
      path: '/app/other',
      get source() {
        writeFileSync(source, FILES['services/small/answer.ts']);
        return new Uint8Array(1);
      },
    } as const;
    await build([meddling]);
    const index = join(folder, 'layout/index.json');
    await utimes(index, LONG_AGO, LONG_AGO);
    await build([{ kind: 'file', path: '/app/other', source: new Uint8Array(1) }]);
    expect((await stat(index)).mtime).not.toEqual(LONG_AGO);
  });

  it.each(['{"fingerprint":"1","facts":{}}', '{"fing', ''])('builds anew over a record %j', async (record) => {
    const image = await build();
    const names = await readdir(join(folder, 'layout'));
    const [name = ''] = names.filter((file) => /^[0-9a-f]{16}\.json$/.test(file));
    await writeFile(join(folder, 'layout', name), record);
    expect(await build()).toEqual(image);
  });
});
