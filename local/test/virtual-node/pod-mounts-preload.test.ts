import { spawn } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import type { MountTable } from '../../src/virtual-node/mount-paths.ts';
import { programEnvironment } from '../../src/virtual-node/mounted-environment.ts';
import { writePodPreloads } from '../../src/virtual-node/pod-preloads.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

const HELPERS = `
  import fs from 'node:fs'; import { readFileSync, existsSync } from 'node:fs'; import * as named from 'node:fs/promises';
  import { Worker } from 'node:worker_threads'; import { promisify } from 'node:util';
  const code = async (work) => { try { await work(); return 'done'; } catch (e) { return e.code + ' ' + (e.path ?? ''); } };
  const say = (value) => console.log(JSON.stringify(value));
`;

/** Runs a program in a container with a volume for reading, one for writing, and one that covers /tmp. */
async function inContainer(folder: string, program: string): Promise<unknown> {
  const mounts: MountTable['mounts'] = [
    { mountPath: '/mnt/config', folder: join(folder, 'config'), readOnly: true },
    { mountPath: '/data', folder: join(folder, 'data'), readOnly: false },
    { mountPath: '/tmp', folder: join(folder, 'tmp'), readOnly: false },
  ];
  const place = { guestVariables: { CA: join(folder, 'ca.pem') }, workingDirectory: folder, mounts };
  await writePodPreloads(folder);
  const env = programEnvironment({ root: folder, environment: { TOKEN: '/mnt/config/token', OTHER: '/mnt/x' } }, place);
  const child = spawn(process.execPath, ['--input-type=module', '-e', `${HELPERS}${program}`], {
    env,
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const piece of child.stdout) text += String(piece);
  return JSON.parse(text);
}

describe('the volumes of a program', () => {
  let folder: string;
  beforeAll(async () => {
    const made = await temporaryFolder();
    folder = made.path;
    for (const name of ['config', 'config/..now', 'data', 'tmp']) await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, 'config/..now/token'), 'secret');
    await writeFile(join(folder, 'ca.pem'), 'authority');
    await symlink('..now', join(folder, 'config/..data'));
    await symlink('..data/token', join(folder, 'config/token'));
    return async () => made[Symbol.asyncDispose]();
  });

  it('are read by all functions of node:fs under the path of the mount, however they are imported', async () => {
    const seen = await inContainer(
      folder,
      `const stream = fs.createReadStream('/mnt/config/token', 'utf8'); let streamed = ''; for await (const piece of stream) streamed += piece;
       const handle = await named.open('/mnt/config/token'); const opened = (await handle.readFile()).toString(); await handle.close();
       say([readFileSync('/mnt/config/token', 'utf8'), await named.readFile(new URL('file:///mnt/config/token'), 'utf8'),
         await promisify(fs.readFile)(Buffer.from('/mnt/config/token'), 'utf8'), streamed, opened, fs.readdirSync('/mnt/config').sort(),
         existsSync('/mnt/config/none'), fs.statSync('/mnt/config').isDirectory()]);`,
    );
    expect(seen).toEqual([...Array.from({ length: 5 }, () => 'secret'), ['..data', '..now', 'token'], false, true]);
  });

  it('have their own paths in what a program is told, and variables that name them lead to the folder', async () => {
    const seen = await inContainer(
      folder,
      `say([fs.realpathSync('/mnt/config/token'), await named.realpath('/mnt/config/token'), fs.realpathSync.native('/mnt/config/token'),
         await new Promise((done) => fs.realpath('/mnt/config/token', (e, path) => done(path))),
         fs.mkdtempSync('/data/x-').slice(0, 8), process.env.TOKEN, process.env.OTHER, readFileSync(process.env.TOKEN, 'utf8')]);`,
    );
    const real = '/mnt/config/..now/token';
    expect(seen).toEqual([real, real, real, real, '/data/x-', join(folder, 'config/token'), '/mnt/x', 'secret']);
  });

  it('take writes where they are mounted for writing, and refuse them as the kernel does elsewhere', async () => {
    const seen = await inContainer(
      folder,
      `fs.writeFileSync('/data/a', '1'); await named.appendFile('/data/a', '2'); fs.renameSync('/data/a', '/data/b');
       const stream = fs.createWriteStream('/mnt/config/new'); const streamed = await new Promise((done) => stream.once('error', (e) => done(e.code)));
       say([readFileSync('/data/b', 'utf8'), streamed, await code(() => fs.writeFileSync('/mnt/config/new', '')),
         await code(() => named.rm('/mnt/config/token')), await code(() => promisify(fs.unlink)('/mnt/config/token')),
         await code(() => named.rename('/data/b', '/mnt/config/b')), await code(() => named.open('/mnt/config/token', 'a')),
         await code(() => fs.openSync('/mnt/config/token', fs.constants.O_RDWR)), await code(() => fs.openSync(process.env.TOKEN, 'w')),
         await code(() => named.copyFile('/mnt/config/token', '/data/c'))]);`,
    );
    expect(seen).toEqual([
      '12',
      'EROFS',
      'EROFS /mnt/config/new',
      'EROFS /mnt/config/token',
      'EROFS /mnt/config/token',
      'EROFS /mnt/config/b',
      'EROFS /mnt/config/token',
      'EROFS /mnt/config/token',
      'EROFS /mnt/config/token',
      'done',
    ]);
    expect(await readFile(join(folder, 'data/c'), 'utf8')).toBe('secret');
  });

  it('may cover a folder in which the node keeps files of its own, hold in worker threads and after chdir', async () => {
    const seen = await inContainer(
      folder,
      `fs.writeFileSync('/tmp/mine', 'mine'); process.chdir('/mnt/config');
       const worker = new Worker("import { parentPort } from 'node:worker_threads'; import fs from 'node:fs'; parentPort.postMessage(fs.readFileSync('/mnt/config/token', 'utf8'))", { eval: true });
       say([readFileSync(process.env.CA, 'utf8'), readFileSync('token', 'utf8'), await new Promise((done) => worker.once('message', done))]);`,
    );
    expect(seen).toEqual(['authority', 'secret', 'secret']);
    expect(await readFile(join(folder, 'tmp/mine'), 'utf8')).toBe('mine');
  });

  it('leave a container the options for Node that it has itself', () => {
    const life = { root: '/image', environment: { NODE_OPTIONS: '--stack-size=900' } };
    const place = { guestVariables: { NODE_OPTIONS: '--import=network' }, workingDirectory: '/pod', mounts: [] };
    expect(programEnvironment(life, place)['NODE_OPTIONS']).toBe('--stack-size=900 --import=network');
    const mounts = [{ mountPath: '/m', folder: '/pod/m', readOnly: true }];
    const { NODE_OPTIONS = '' } = programEnvironment(life, { ...place, mounts });
    expect(NODE_OPTIONS.split(' ').slice(0, 2)).toEqual(['--stack-size=900', '--import=network']);
    expect(programEnvironment({ root: '/image', environment: {} }, { ...place, guestVariables: {} })).toEqual({});
  });
});
