import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import {
  CLOUD_PORTS,
  freePortBase,
  HoldfastProcess,
  isRunning,
  openCloudPorts,
  runHoldfast,
  waitFor,
} from '../src/index.ts';
import type { CommandResult } from '../src/index.ts';
import { copySeededHome } from './home-copy.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/uid2-aks.yaml', import.meta.url));

/** A home folder whose cloud nobody has started yet. */
class Home implements AsyncDisposable {
  readonly folder = copySeededHome();
  readonly portBase: number;

  constructor(portBase: number) {
    this.portBase = portBase;
  }

  /** The smallest apply: registrations alone. */
  apply(): Promise<CommandResult> {
    const args = ['apply', '-f', EXAMPLE, '--target', 'local', '--home', this.folder, '--yes', '--stage', 'S1'];
    return runHoldfast(args, { HOLDFAST_PORT_BASE: String(this.portBase) });
  }

  /** The process that `holdfast down` has stopped; null when there was none. */
  async down(): Promise<number | null> {
    const { code, stdout, stderr } = await runHoldfast(['down', '--home', this.folder, '--json']);
    if (code !== 0 || stderr !== '') throw new Error(`holdfast down ended with ${code}:\n${stdout}${stderr}`);
    return (JSON.parse(stdout) as { stopped: number | null }).stopped;
  }

  openPorts(): Promise<number[]> {
    return openCloudPorts(this.portBase);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }
}

/** What a command says of the cloud it has started; the process outlives it. */
function startedProcess({ code, stderr }: CommandResult): number {
  expect([code, stderr]).toEqual([0, expect.stringContaining('starting one in the background')]);
  return Number(/It runs \(process (\d+), log /.exec(stderr)?.[1]);
}

describe('a local cloud that apply starts in the background', () => {
  it('outlives the command, serves the next one, and ends with holdfast down', async () => {
    await using home = new Home(await freePortBase(CLOUD_PORTS));
    const pid = startedProcess(await home.apply());
    expect(isRunning(pid)).toBe(true);
    expect(await home.openPorts()).not.toEqual([]);
    const again = await home.apply();
    expect([again.code, again.stderr]).toEqual([0, expect.not.stringContaining('starting')]);
    expect(await home.down()).toBe(pid);
    expect([isRunning(pid), await home.openPorts(), existsSync(join(home.folder, 'cloud.json'))]).toEqual([
      false,
      [],
      false,
    ]);
    expect(await home.down()).toBeNull();
  });

  it('that was killed is no cloud to stop, and the next apply starts another, even if its number is another process', async () => {
    await using home = new Home(await freePortBase(CLOUD_PORTS));
    const pid = startedProcess(await home.apply());
    process.kill(pid, 'SIGKILL');
    await waitFor(
      async () => !isRunning(pid) && (await home.openPorts()).length === 0,
      90_000,
      () => `process ${pid} or what it started still runs`,
    );
    const file = join(home.folder, 'cloud.json');
    const cloud = JSON.parse(readFileSync(file, 'utf8')) as object;
    expect(cloud).toMatchObject({ pid });
    writeFileSync(file, JSON.stringify({ ...cloud, pid: process.pid }));
    expect(await home.down()).toBeNull();
    const next = startedProcess(await home.apply());
    expect(await home.down()).toBe(next);
  });

  it('and the cloud of another home leave each other alone', async () => {
    const portBase = await freePortBase(CLOUD_PORTS);
    await using other = new HoldfastProcess({ home: copySeededHome(), portBase, args: ['--only', 'azure,core'] });
    const { core } = await other.ready();
    const isUp = async (): Promise<boolean> => (await fetch(`${core.url}/ops/healthcheck`)).status === 200;

    await using unlucky = new Home(portBase);
    const refused = await unlucky.apply();
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/port \d+, meant for .*is already in use/),
    ]);
    expect(refused.stderr).toContain('[LOCAL_CLOUD_NOT_STARTED]');
    expect(await unlucky.down()).toBeNull();
    expect(await isUp()).toBe(true);

    await using home = new Home(await freePortBase(CLOUD_PORTS));
    const pid = startedProcess(await home.apply());
    expect(await isUp()).toBe(true);
    expect(await home.down()).toBe(pid);
    expect(await isUp()).toBe(true);
  });
});
