import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { freePortBase, isListening, RunningCommand, runHoldfast } from '../src/index.ts';

const hasRedis = process.env['HOLDFAST_REDIS_SERVER'] !== undefined;
const executablePath = process.env['HOLDFAST_CHROMIUM'];
const CHECKS = [
  'no Secret before the first mount',
  'a Secret after the first mount',
  'votes are counted',
  'votes survive their pod',
];

interface Proof {
  readonly identity: string;
  readonly votes: Readonly<Record<string, number>>;
  readonly checks: readonly { readonly check: string; readonly detail: string }[];
}

describe.skipIf(!hasRedis)('holdfast sample vote', () => {
  let folder = '';
  let portBase = 0;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-vote-'));
    portBase = await freePortBase(11);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const args = (home: string, ...more: readonly string[]): readonly string[] => [
    'sample',
    'vote',
    '--home',
    join(folder, home),
    '--port-base',
    String(portBase),
    ...more,
  ];
  const proofOf = async (home: string, ...more: readonly string[]): Promise<Proof> => {
    const { code, stdout, stderr } = await runHoldfast(args(home, '--check', '--json', ...more));
    if (code !== 0 || stderr !== '') throw new Error(`it ended with ${code}:\n${stdout}\n${stderr}`);
    return JSON.parse(stdout) as Proof;
  };
  const detailOf = ({ checks }: Proof, check: string): string =>
    checks.find((each) => each.check === check)?.detail ?? '';

  it('--check proves the article with pod identity', async () => {
    const first = await proofOf('pod');
    expect(first.checks.map(({ check }) => check)).toEqual([
      ...CHECKS,
      'a pod with another label gets nothing',
      'a vault without a policy refuses',
    ]);
    expect(first).toMatchObject({ identity: 'pod', votes: { Cats: 2, Dogs: 1 } });
    expect(detailOf(first, 'a pod with another label gets nothing')).toContain(
      'nmi response failed with status code: 404, response body: no azure identity found for request clientID',
    );
    expect(detailOf(first, 'a vault without a policy refuses')).toMatch(
      /status 403, code Forbidden.*secrets get permission/,
    );
  });

  it('--check --migrate finds the votes again, and takes the running pod to workload identity with them', async () => {
    const proof = await proofOf('pod', '--migrate');
    expect(proof.votes).toEqual({ Cats: 4, Dogs: 2 });
    expect(detailOf(proof, 'votes survive the way to workload identity')).toBe('Cats 4, Dogs 2');
  });

  it('--check --identity workload proves the same without pod identity', async () => {
    const proof = await proofOf('workload', '--identity', 'workload');
    expect(proof.checks.map(({ check }) => check)).toEqual([
      ...CHECKS,
      'a pod with another service account gets nothing',
      'a vault without a policy refuses',
    ]);
    expect(detailOf(proof, 'a pod with another service account gets nothing')).toContain('AADSTS700213');
  });

  it('leaves the key of Redis in no log', () => {
    const files = readdirSync(join(folder, 'pod', 'logs'), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const logs = files.map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8')).join('\n');
    const vault = readFileSync(join(folder, 'pod', 'azure', 'vault.json'), 'utf8');
    const key = /[A-Za-z0-9+/]{43}=/.exec(vault)?.[0] ?? '';
    expect(key).toHaveLength(44);
    expect(logs).not.toContain(key);
  });

  it.skipIf(executablePath === undefined)('serves its page to a browser, and leaves nothing running', async () => {
    const command = new RunningCommand(args('pod'));
    await command.prints('Ctrl-C stops everything', 200_000);
    const url = /Vote at (\S+)\./.exec(command.output)?.[1] ?? '';
    const browser = await chromium.launch({
      executablePath: executablePath ?? '',
      // The sandbox of Chromium refuses to run as root, as containers do.
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
    });
    try {
      const page = await browser.newPage();
      const results = async (): Promise<string> => (await page.locator('.results').innerText()).trim();
      await page.goto(url);
      expect(await results()).toBe('Cats - 4 | Dogs - 2');
      await page.getByRole('button', { name: 'Cats' }).click();
      await expect.poll(results).toBe('Cats - 5 | Dogs - 2');
      await page.getByRole('button', { name: 'Reset' }).click();
      await expect.poll(results).toBe('Cats - 0 | Dogs - 0');
    } finally {
      await browser.close();
    }
    expect(await command.stop()).toBe(0);
    expect(await isListening(portBase + 5)).toBe(false);
  });
});
