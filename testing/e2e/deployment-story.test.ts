import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { findRedisServer } from '@holdfast/local';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CLOUD_PORTS, freePortBase, HoldfastProcess, runHoldfast, uid2ClientOf } from '../src/index.ts';
import type { CommandResult, ReadyFile } from '../src/index.ts';
import { keepSeededHome } from './home-copy.ts';

const STEP_MS = 120_000;
const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));
/** `npm run test:redis` has more of that story. */
const hasRedis = findRedisServer(process.env) !== undefined;
const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;

const home = keepSeededHome();
const folder = mkdtempSync(join(tmpdir(), 'holdfast-story-'));
let up: HoldfastProcess;
let ready: ReadyFile;
let portBase: number;

beforeAll(async () => {
  portBase = await freePortBase(CLOUD_PORTS);
  up = new HoldfastProcess({ home: home.folder, portBase, args: ['--only', 'azure,attestation,core,optout'] });
  ready = await up.ready();
}, STEP_MS);

afterAll(async () => {
  await up.stop();
  home.remove();
  rmSync(folder, { recursive: true, force: true });
}, STEP_MS);

/** Runs a command on a configuration in the local cloud. */
function onCloud(command: readonly string[], file: string, ...flags: readonly string[]): Promise<CommandResult> {
  return runHoldfast([...command, '-f', file, '--target', 'local', '--home', home.folder, ...flags]);
}

async function succeeds(result: Promise<CommandResult>): Promise<CommandResult> {
  const ended = await result;
  if (ended.code !== 0) throw new Error(`it ended with ${ended.code}:\n${ended.stdout}\n${ended.stderr}`);
  return ended;
}

function kubectl(...args: readonly string[]): string {
  const ended = spawnSync('kubectl', ['--kubeconfig', join(home.folder, 'kubeconfig'), ...args], { encoding: 'utf8' });
  expect([ended.status, ended.stderr]).toEqual([0, '']);
  return ended.stdout;
}

/** Asks the operator for tokens, one after the other, until it is told to stop. */
class Traffic {
  readonly failures: string[] = [];
  tokens = 0;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor() {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const client = uid2ClientOf(`http://127.0.0.1:${portBase}`, ready.client);
    while (!this.#stop.signal.aborted) {
      try {
        const outcome = await client.generateToken({ kind: 'email', value: `user.${this.tokens}@example.com` });
        if (outcome.status === 'success') this.tokens += 1;
        else this.failures.push(outcome.status);
      } catch (error) {
        this.failures.push(error instanceof Error ? error.message : String(error));
      }
    }
    await client.close();
  }
}

/** Runs a step while tokens are asked for: none of the requests may fail. */
async function underTraffic(step: () => Promise<unknown>): Promise<void> {
  const traffic = new Traffic();
  try {
    await step();
  } finally {
    await traffic.stop();
  }
  expect(traffic.failures).toEqual([]);
  expect(traffic.tokens).toBeGreaterThan(0);
}

describe('the operator from one configuration file', () => {
  const first = join(folder, 'first.yaml');
  const second = join(folder, 'second.yaml');
  const release = join(folder, 'release');

  it('acceptance 1: is deployed, and everything says so', { timeout: STEP_MS }, async () => {
    const example = readFileSync(join(EXAMPLES, 'uid2-aks.yaml'), 'utf8');
    // A vault of its own: the name of a deleted one stays taken.
    const own = example.replace('my-vn-aks-vault', 'holdfast-story-vault');
    writeFileSync(first, own.replace('replicas: 3', 'replicas: 1\n  minReadySeconds: 0'));
    await succeeds(onCloud(['apply'], first, '--yes'));
    const { stdout } = await succeeds(onCloud(['status'], first, '--verbose'));
    expect(stdout).toMatch(/^healthy; /m);
    expect(stdout).toMatch(/^ +ok +container groups: 1 for 1 running pods$/m);
    expect((await succeeds(onCloud(['plan'], first))).stdout).toContain('Nothing changes.');
    await underTraffic(() => onCloud(['status'], first));
  });

  it.skipIf(!hasKubectl)('kubectl sees the nodes, the pods and the Service', () => {
    expect(kubectl('get', 'nodes')).toMatch(/^virtualnode-0 +Ready/m);
    expect(kubectl('get', 'pods')).toMatch(/^operator-0-1-0-\S+ +2\/2 +Running/m);
    expect(kubectl('get', 'service', 'operator-svc')).toMatch(/LoadBalancer +\S+ +127\./);
  });

  it(
    'acceptance 17: is upgraded to another release, and no request fails meanwhile',
    { timeout: STEP_MS },
    async () => {
      const images = join(home.folder, 'images');
      await succeeds(runHoldfast(['release', 'build', '--version', '0.2.0', '--out', release, '--layout', images]));
      const { policy, bundle } = JSON.parse(readFileSync(join(release, 'release.json'), 'utf8')) as {
        policy: { sha256: string };
        bundle: { file: string };
      };
      await succeeds(runHoldfast(['uid2', 'enclave', 'add', 'second', policy.sha256, '--home', home.folder]));
      const named = `  bundle: { path: ${join(release, bundle.file)}, digest: ${policy.sha256} }\n`;
      writeFileSync(second, readFileSync(first, 'utf8').replace('  replicas: 1\n', `  replicas: 1\n${named}`));
      await underTraffic(() =>
        succeeds(
          onCloud(
            ['upgrade', 'operator'],
            second,
            '--yes',
            '--canary',
            '1s',
            '--observe',
            '1s',
            '--rollback-window',
            '1h',
          ),
        ),
      );
      expect((await operatorPods()).some((name) => name.startsWith('operator-0-2-0'))).toBe(true);
    },
  );

  it('goes back to the release before, and no request fails meanwhile', { timeout: STEP_MS }, async () => {
    await underTraffic(() => succeeds(onCloud(['rollback', 'operator'], second, '--yes')));
    expect((await succeeds(onCloud(['status'], first))).stdout).toContain('operator-0-1-0');
  });

  it('gets another operator key, and then runs with that', { timeout: STEP_MS }, async () => {
    const listed = await succeeds(runHoldfast(['uid2', 'operator', 'list', '--home', home.folder, '--json']));
    const created = await succeeds(
      runHoldfast([
        'uid2',
        'operator',
        'create',
        'rotated',
        '--site',
        siteIn(listed.stdout),
        '--home',
        home.folder,
        '--json',
      ]),
    );
    const keyFile = join(folder, 'key');
    writeFileSync(keyFile, keyIn(created.stdout));
    await underTraffic(() => succeeds(onCloud(['rotate-key'], first, '--yes', '--key-file', keyFile)));
  });

  it('acceptance 18: is removed, and status says that it is absent', { timeout: STEP_MS }, async () => {
    await succeeds(onCloud(['destroy'], first, '--yes', '--no-keep-vault'));
    expect((await onCloud(['status'], first)).code).toBe(9);
  });

  async function operatorPods(): Promise<readonly string[]> {
    const answer = await fetch(`${ready.virtualNode.url}/pods`);
    return ((await answer.json()) as { pods: { name: string }[] }).pods.map(({ name }) => name);
  }
});

describe('each example of a profile', () => {
  // uid2-aks is the story above.
  it.each(['kata-cc', 'peer-pods'])(
    '%s is applied, found unchanged, and removed',
    async (name) => {
      const file = join(EXAMPLES, `${name}.yaml`);
      await succeeds(onCloud(['apply'], file, '--yes'));
      expect((await succeeds(onCloud(['plan'], file))).stdout).toContain('Nothing changes.');
      await succeeds(onCloud(['destroy'], file, '--yes', '--no-keep-vault'));
    },
    STEP_MS,
  );

  it('private-link is applied, found unchanged, and removed', { timeout: STEP_MS }, async () => {
    const file = join(EXAMPLES, 'private-link.yaml');
    // Its application needs a real Redis; without one nobody answers in the last stages.
    if (hasRedis) {
      await succeeds(onCloud(['apply'], file, '--yes'));
      expect((await succeeds(onCloud(['plan'], file))).stdout).toContain('Nothing changes.');
    } else {
      for (const stage of ['S1', 'S2', 'S3', 'S4', 'S5a', 'S6']) {
        await succeeds(onCloud(['apply'], file, '--yes', '--stage', stage));
      }
    }
    await succeeds(onCloud(['destroy'], file, '--yes', '--no-keep-vault'));
  });
});

function siteIn(text: string): string {
  return String(/"site(?:_i|I)d": ?(\d+)/.exec(text)?.[1]);
}

function keyIn(text: string): string {
  return String(/"operatorKey": ?"([^"]+)"/.exec(text)?.[1]);
}
