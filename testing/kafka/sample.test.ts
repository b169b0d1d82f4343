import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { freePortBase, isListening, RunningCommand, runHoldfast, waitFor } from '../src/index.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const kafka = inject('kafka');
const executablePath = inject('chromium');
const scratch = temporaryFolder();
const HTML = '<img src=x onerror="document.title=1"><b>Azure</b> & "Confidential" Computing';
const BASE64 = /^[A-Za-z0-9+/]{512}$/;

/** Everything below a folder that is a file, as text. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
}

describe.skipIf(kafka === undefined)('holdfast sample encrypted-kafka', () => {
  let portBase = 0;
  let home = '';
  let browser: Browser | undefined;
  beforeAll(async () => {
    portBase = await freePortBase(12);
    home = join(scratch, 'home');
    if (executablePath !== undefined) {
      // The sandbox of Chromium refuses to run as root, as containers do.
      browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    }
  });
  afterAll(async () => {
    await browser?.close();
  });

  const pageUrl = (): string => `http://127.0.0.1:${portBase + 11}/`;
  const args = (topic: string, ...more: readonly string[]): string[] => [
    'sample',
    'encrypted-kafka',
    '--kafka',
    kafka?.address ?? '',
    '--topic',
    topic,
    '--home',
    home,
    '--port-base',
    String(portBase),
    '--port',
    String(portBase + 11),
    ...more,
  ];
  const started = async (topic: string, ...more: readonly string[]): Promise<RunningCommand> => {
    const command = new RunningCommand(args(topic, ...more));
    await command.prints('partition 0, offset ');
    return command;
  };
  /** A page of the browser; every request that leaves the sample is an error. */
  const open = async (javaScriptEnabled: boolean): Promise<AsyncDisposable & { page: Page; errors: string[] }> => {
    if (browser === undefined) throw new Error('no browser');
    const context = await browser.newContext({ javaScriptEnabled });
    context.setDefaultTimeout(60_000);
    const page = await context.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(pageUrl())) errors.push(`asked for ${request.url()}`);
    });
    await page.goto(pageUrl());
    return { page, errors, [Symbol.asyncDispose]: () => context.close() };
  };
  const text = async (page: Page, id: string): Promise<string> => (await page.locator(`#${id}`).textContent()) ?? '';

  it('--check proves that messages of all partitions are decrypted in the pod', async () => {
    const { code, stdout, stderr } = await runHoldfast(args('checked', '--check', '--json'));
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      version: 1,
      partitions: 3,
      hostData: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      example: expect.stringMatching(/^Msg \d+: Azure Confidential Computing$/) as string,
      key: 'Key kafka-encryption-demo (RSA, 3072 bits) was released to this pod.',
    });
    expect(filesIn(join(home, 'logs')).join('\n')).not.toMatch(/"d\\?":|PRIVATE KEY/);
  });

  it('--check --tamper proves that a changed policy leaves nothing but ciphertext', async () => {
    const { code, stdout } = await runHoldfast(args('tampered', '--check', '--tamper', '--json'));
    const proof = JSON.parse(stdout) as { example: string; key: string };
    expect([code, proof.example]).toEqual([0, expect.stringMatching(BASE64)]);
    expect(proof.key).toContain('does not meet key release policy requirements');
    expect(readFileSync(join(home, 'logs', 'vault.log'), 'utf8')).toContain('x-ms-sevsnpvm-hostdata: different');
  });

  it.each([
    ['image', /storages: .*layer|root.?hash/],
    ['command', /--inspect/],
    ['variable', /NODE_OPTIONS/],
  ])('--tamper %s shows that the pod is denied, and why', async (what, why) => {
    const { code, stdout, stderr } = await runHoldfast(args('denied', '--tamper', what));
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^the pod was not started: PolicyDenied: .*\n$/)]);
    expect(stdout).toMatch(why);
    expect(stderr).toContain('container 2 (kafka-golang-consumer)');
  });

  it('--check --outside-tee proves the same for an ordinary pod without the sidecar', async () => {
    const { code, stdout } = await runHoldfast(args('outside', '--check', '--outside-tee', '--json'));
    const proof = JSON.parse(stdout) as { example: string; key: string; hostData: null };
    expect([code, proof.hostData, proof.example]).toEqual([0, null, expect.stringMatching(BASE64)]);
    expect(proof.key).toMatch(/^No sidecar answers at http/);
  });

  it('brokers that cannot be reached are one clear error, and nothing is started', async () => {
    const elsewhere = join(scratch, 'never-made');
    const nowhere = ['--kafka', '127.0.0.1:1', '--home', elsewhere];
    const { code, stderr } = await runHoldfast(['sample', 'encrypted-kafka', '--check', ...nowhere]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/connection refused.*\[KAFKA_UNREACHABLE\]/)]);
    expect(existsSync(elsewhere)).toBe(false);
  });

  describe.skipIf(executablePath === undefined)('its page in a browser', () => {
    it('shows decrypted messages as they arrive, and HTML in them as text', async () => {
      await using command = await started('page', '--message', HTML);
      await using shown = await open(true);
      const { page, errors } = shown;
      expect(await page.title()).toBe('Confidential Containers on AKS');
      const heading = page.getByRole('heading', { level: 1 });
      expect(await heading.textContent()).toBe('Welcome to Confidential Containers on AKS!');
      expect(await heading.getByRole('link').textContent()).toBe('Confidential Containers on AKS!');
      expect(await page.getByRole('heading', { level: 2 }).textContent()).toBe('Unencrypted Kafka Message:');
      expect(await page.locator('code#message').textContent()).toMatch(/^Msg \d+: <img src=x onerror=/);
      const first = await text(page, 'message');
      expect(first.endsWith(HTML)).toBe(true);
      await waitFor(
        async () => (await text(page, 'message')) !== first,
        90_000,
        () => first,
      );
      expect((await text(page, 'message')).endsWith(HTML)).toBe(true);
      expect(await page.locator('main img, main b').count()).toBe(0);
      expect(await page.title()).toBe('Confidential Containers on AKS');
      expect(await text(page, 'live')).toBe('Live: new messages appear by themselves.');
      // A message a second goes to the three partitions in turn, so the third may still be on its way.
      const partitions = async () => new Set(await page.locator('#messages tr td:nth-child(2)').allTextContents());
      await waitFor(
        async () => (await partitions()).size === 3,
        90_000,
        () => 'messages of fewer than three partitions are shown',
      );
      expect(await partitions()).toEqual(new Set(['0', '1', '2']));
      expect(errors).toEqual([]);

      const sidecar = portBase + 8;
      expect(await isListening(sidecar)).toBe(true);
      expect(await command.stop()).toBe(0);
      for (const port of [4, 5, 6, 8, 9]) expect(await isListening(portBase + port)).toBe(false);
      await waitFor(
        async () => (await text(page, 'live')).startsWith('The connection to this page was lost'),
        90_000,
        () => 'the page does not say that it is cut off',
      );
    });

    it('works without JavaScript: each load shows the newest message', async () => {
      await using _command = await started('plain');
      await using shown = await open(false);
      const { page, errors } = shown;
      const first = await text(page, 'message');
      expect(first).toMatch(/^Msg \d+: Azure Confidential Computing$/);
      expect(await text(page, 'live')).toBe('Reload the page to see newer messages.');
      await waitFor(
        async () => {
          await page.reload();
          return (await text(page, 'message')) !== first;
        },
        90_000,
        () => first,
      );
      expect(errors).toEqual([]);
    });

    it('says after a changed policy that the key was refused and why, and shows the ciphertext', async () => {
      await using _command = await started('page-tampered', '--tamper');
      await using shown = await open(true);
      const { page, errors } = shown;
      expect(await text(page, 'message')).toMatch(BASE64);
      expect(await text(page, 'heading')).toBe('Encrypted Kafka Message:');
      expect(await text(page, 'explanation')).toContain('this pod did not get the key');
      expect(await text(page, 'key')).toContain('does not meet key release policy requirements');
      expect(await text(page, 'key')).toContain('Compare the policy digest of this pod');
      expect(errors).toEqual([]);
    });

    it('says outside a confidential guest that no sidecar is there', async () => {
      await using _command = await started('page-outside', '--outside-tee');
      await using shown = await open(true);
      expect(await text(shown.page, 'message')).toMatch(BASE64);
      expect(await text(shown.page, 'key')).toMatch(/^No sidecar answers at http/);
    });
  });
});
