import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ProgressEvent } from '../../src/up/progress.ts';
import { startLocalCloud } from '../../src/up/start-local-cloud.ts';
import type { LocalCloud, LocalCloudOptions } from '../../src/up/start-local-cloud.ts';
import { fakeOperatorImages } from '../../testing/fake-images.ts';
import { fakeServeCommand } from '../../testing/fake-serve-command.ts';
import { freePortBase } from '../../testing/free-port-base.ts';
import { plainDeploy } from '../../testing/plain-deploy.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

const SERVE = fakeServeCommand();
const SALTS = 20;

/** A home made once; tests copy it, because making keys takes long. */
let made: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  made = await temporaryFolder();
  const cloud = await startLocalCloud({
    home: join(made.path, 'home'),
    portBase: await freePortBase(11),
    salts: SALTS,
    only: ['azure'],
    serve: SERVE,
    operatorImages: fakeOperatorImages(),
    environment: { ...process.env, HOLDFAST_IMAGES: join(made.path, 'images') },
    platformRsaBits: 2048,
  });
  await cloud.stop();
});
afterAll(() => made[Symbol.asyncDispose]());

class Trial implements AsyncDisposable {
  readonly home: string;
  readonly portBase: number;
  readonly events: ProgressEvent[] = [];
  readonly #dispose: () => Promise<void>;
  #cloud: LocalCloud | undefined;

  constructor(home: string, portBase: number, dispose: () => Promise<void>) {
    this.home = home;
    this.portBase = portBase;
    this.#dispose = dispose;
  }

  async start(changes: Partial<LocalCloudOptions> = {}): Promise<LocalCloud> {
    this.#cloud = await startLocalCloud({
      home: this.home,
      portBase: this.portBase,
      serve: SERVE,
      deploy: plainDeploy,
      operatorImages: fakeOperatorImages(),
      environment: { ...process.env, HOLDFAST_IMAGES: join(made.path, 'images') },
      onProgress: (event) => this.events.push(event),
      backOff: { initialMs: 1, maxMs: 1, resetAfterMs: 600_000 },
      ...changes,
    });
    return this.#cloud;
  }

  async stop(): Promise<void> {
    await this.#cloud?.stop();
    this.#cloud = undefined;
  }

  /** Names services that end with a complaint as soon as they are started. */
  async letDie(...names: string[]): Promise<void> {
    await mkdir(join(this.home, 'logs'), { recursive: true });
    await writeFile(join(this.home, 'logs', 'dying.json'), JSON.stringify(names));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cloud?.stop();
    await this.#dispose();
  }
}

async function trial(): Promise<Trial> {
  const folder = await temporaryFolder();
  const home = join(folder.path, 'home');
  await cp(join(made.path, 'home'), home, { recursive: true });
  return new Trial(home, await freePortBase(11), async () => folder[Symbol.asyncDispose]());
}

async function answers(url: string): Promise<boolean> {
  try {
    await fetch(url, { signal: AbortSignal.timeout(2000) });
    return true;
  } catch {
    return false;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('startLocalCloud', () => {
  it('brings everything up, proves it, and leaves nothing behind when it stops', async () => {
    await using attempt = await trial();
    const cloud = await attempt.start();
    const { ready } = cloud;
    expect(ready).toMatchObject({
      version: 1,
      operator: { url: `http://127.0.0.1:${attempt.portBase}`, pid: expect.any(Number) },
      core: { pid: expect.any(Number) },
      enclaveId: expect.stringMatching(/^[0-9a-f]{64}$/),
      home: attempt.home,
    });
    expect(JSON.parse(await readFile(join(attempt.home, 'ready.json'), 'utf8'))).toEqual(ready);
    expect((await cloud.verify()).map(({ name }) => name)).toEqual(['health', 'token', 'map', 'opt-out']);
    expect(attempt.events.filter(({ kind }) => kind === 'done').map((event) => 'step' in event && event.step)).toEqual([
      'images',
      'world',
      'Azure endpoints',
      'attestation service',
      'UID2 Core',
      'UID2 Opt-Out',
      'S1 Everything',
      'proof',
    ]);
    const enclaves = await readFile(join(attempt.home, 'world/core/enclaves/enclaves.json'), 'utf8');
    expect(enclaves).toContain(ready.enclaveId);
    const pids = [ready.operator?.pid, ready.core?.pid, ready.optout?.pid].map((pid) => pid ?? 0);
    expect(pids.map(isRunning)).toEqual([true, true, true]);
    await cloud.stop();
    expect(pids.map(isRunning)).toEqual([false, false, false]);
    expect(await answers(ready.operator?.url ?? '')).toBe(false);
    expect(await answers(ready.virtualNode?.url ?? '')).toBe(false);
    const left = await readdir(attempt.home);
    expect(left).not.toContain('lock');
    expect(left).not.toContain('ready.json');
  });

  it('starts only the parts that were named', async () => {
    await using attempt = await trial();
    const cloud = await attempt.start({ only: ['core'] });
    expect(cloud.ready).toMatchObject({ operator: null, optout: null, virtualNode: null, azure: { vaultUrl: null } });
    expect(cloud.ready.core?.url).toBe(`http://127.0.0.1:${attempt.portBase + 2}`);
    expect(await cloud.verify()).toEqual([]);
  });

  it('refuses a part that does not exist', async () => {
    await using attempt = await trial();
    await expect(attempt.start({ only: ['core', 'nonsense'] })).rejects.toMatchObject({
      code: 'LOCAL_CLOUD_PART_UNKNOWN',
    });
  });

  it('refuses a home that another cloud uses, and lets two homes run at once', async () => {
    await using first = await trial();
    await using second = await trial();
    await first.start({ only: ['core'] });
    // This process holds the lock itself, so the second start is made to look like one of another process.
    await writeFile(join(first.home, 'lock'), `${process.ppid}\n`);
    await expect(
      startLocalCloud({ home: first.home, portBase: second.portBase, serve: SERVE, environment: process.env }),
    ).rejects.toMatchObject({ code: 'HOME_IN_USE' });
    await expect(second.start({ only: ['core'] })).resolves.toMatchObject({ salts: SALTS });
    await writeFile(join(first.home, 'lock'), `${process.pid}\n`);
  });

  it('names a port in use before anything starts, and gives the home free', async () => {
    await using attempt = await trial();
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(attempt.portBase + 3, '127.0.0.1', resolve);
    });
    await expect(attempt.start()).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining('optout'),
    });
    expect(attempt.events).toEqual([]);
    expect(await readdir(attempt.home)).not.toContain('lock');
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });

  it('stops what it started when a service ends, and passes on its last words', async () => {
    await using attempt = await trial();
    await attempt.letDie('core');
    await expect(attempt.start({ only: ['attestation', 'core'] })).rejects.toMatchObject({
      code: 'SERVICE_EXITED',
      message: 'core ended with exit code 41: core was told to die [TOLD_TO_DIE]',
      action: 'Do not tell it to.',
    });
    expect(await answers(`https://127.0.0.1:${attempt.portBase + 4}/certs`)).toBe(false);
    expect(await readdir(attempt.home)).not.toContain('lock');
  });

  it('fails at once when the operator ends and waiting makes no sense', async () => {
    await using attempt = await trial();
    await attempt.letDie('operator');
    await expect(attempt.start({ failFast: true, only: ['azure', 'operator'] })).rejects.toMatchObject({
      code: 'OPERATOR_EXITED',
      message: 'uid2-operator ended with exit code 41: operator was told to die [TOLD_TO_DIE]',
      details: { container: 'uid2-operator', exitCode: 41 },
    });
    expect(await answers(`https://127.0.0.1:${attempt.portBase + 6}`)).toBe(false);
  });

  it('tells that the operator is started again, and waits until it is ready', async () => {
    await using attempt = await trial();
    await attempt.letDie('operator');
    const cloud = await attempt.start({
      only: ['azure', 'operator'],
      onProgress: (event) => {
        attempt.events.push(event);
        if (event.kind === 'notice') void rm(join(attempt.home, 'logs', 'dying.json'), { force: true });
      },
    });
    expect(cloud.ready.operator?.pid).toBeGreaterThan(0);
    expect(attempt.events.find(({ kind }) => kind === 'notice')).toEqual({
      kind: 'notice',
      text: 'uid2-operator ended with exit code 41: operator was told to die [TOLD_TO_DIE]; started again in 0.001 s',
    });
  });

  it('says what the virtual node could not start', async () => {
    await using attempt = await trial();
    await expect(attempt.start({ only: ['operator'] })).rejects.toMatchObject({ code: 'OPERATOR_NEEDS_AZURE' });
    const manifest = join(attempt.home, 'operator.yaml');
    await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('skr:2.14', 'skr:9.99'));
    await expect(attempt.start({ only: ['azure', 'operator'] })).rejects.toMatchObject({
      code: 'OPERATOR_NOT_STARTED',
      message: expect.stringContaining('ErrImagePull'),
    });
  });

  describe('when the images have changed since the last start', () => {
    const changed = fakeOperatorImages().map((image) => ({
      ...image,
      files: [...image.files, { kind: 'file' as const, path: '/changed', source: new Uint8Array([1]) }],
    }));

    it('makes a new policy, registers it with Core, and runs it', async () => {
      await using attempt = await trial();
      const before = (await attempt.start({ failFast: true })).ready.enclaveId;
      await attempt.stop();
      const { ready } = await attempt.start({ failFast: true, operatorImages: changed });
      expect(ready.enclaveId).not.toBe(before);
      const metadata = JSON.parse(await readFile(join(attempt.home, 'world/core/enclaves/metadata.json'), 'utf8')) as {
        enclaves: { location: string };
      };
      const enclaves = await readFile(join(attempt.home, 'world/core', metadata.enclaves.location), 'utf8');
      expect(enclaves).toContain(ready.enclaveId);
      expect(enclaves).not.toContain(before);
      await attempt.stop();
      expect((await attempt.start({ failFast: true, operatorImages: changed })).ready.enclaveId).toBe(ready.enclaveId);
    });

    it('runs the policy that is there when told to keep it, and it denies the new images', async () => {
      await using attempt = await trial();
      await attempt.start({ failFast: true });
      await attempt.stop();
      await expect(attempt.start({ operatorImages: changed, keepPolicy: true })).rejects.toMatchObject({
        code: 'OPERATOR_NOT_STARTED',
        message: expect.stringContaining('mount_device is denied'),
      });
    });

    it('never replaces a policy that somebody else wrote', async () => {
      await using attempt = await trial();
      await attempt.start({ failFast: true });
      await attempt.stop();
      const file = join(attempt.home, 'operator.yaml');
      const own = Buffer.from('package policy\n').toString('base64');
      await writeFile(file, (await readFile(file, 'utf8')).replace(/(ccepolicy: )\S+/, `$1${own}`));
      await expect(attempt.start({ operatorImages: changed })).rejects.toMatchObject({ code: 'OPERATOR_NOT_STARTED' });
      expect(await readFile(file, 'utf8')).toContain(own);
    });
  });

  it('tells when a service ends later, and keeps the rest running', async () => {
    await using attempt = await trial();
    const notice = Promise.withResolvers<string>();
    const cloud = await attempt.start({
      only: ['azure', 'core', 'operator'],
      onProgress: (event) => {
        if (event.kind === 'notice') notice.resolve(event.text);
      },
    });
    process.kill(cloud.ready.core?.pid ?? 0, 'SIGKILL');
    expect(await notice.promise).toBe('core ended with signal SIGKILL');
    expect(await answers(cloud.ready.operator?.url ?? '')).toBe(true);
  });

  it('gives up a start that is interrupted, and stops everything', async () => {
    await using attempt = await trial();
    const stop = new AbortController();
    await expect(
      attempt.start({
        only: ['azure', 'core', 'operator'],
        signal: stop.signal,
        onProgress: (event) => {
          if (event.kind === 'begin' && event.step === 'S1 Everything') stop.abort();
        },
      }),
    ).rejects.toMatchObject({ name: 'AbortError' });
    expect(await answers(`http://127.0.0.1:${attempt.portBase + 2}`)).toBe(false);
    expect(await readdir(attempt.home)).not.toContain('lock');
  });

  it('ends every child at once when it is told to', async () => {
    await using attempt = await trial();
    const kill = new AbortController();
    const cloud = await attempt.start({ only: ['azure', 'core', 'operator'], killSignal: kill.signal });
    const pids = [cloud.ready.operator?.pid ?? 0, cloud.ready.core?.pid ?? 0];
    kill.abort();
    await cloud.stop();
    expect(pids.map(isRunning)).toEqual([false, false]);
  });

  it("refuses the virtual node's settings when they are damaged", async () => {
    await using attempt = await trial();
    await writeFile(join(attempt.home, 'virtual-node.json'), '{"guest":{"debug":"yes"}}');
    await expect(attempt.start({ only: ['azure'] })).rejects.toMatchObject({ code: 'NODE_SETTINGS_INVALID' });
  });
});
