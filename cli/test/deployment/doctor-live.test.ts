import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { DependencyError, RequestError } from '@holdfast/base';
import type { GatherPorts } from '@holdfast/deployment';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { DoctorFlags } from '../../src/commands/deployment.ts';
import { connectDoctor } from '../../src/deployment/doctor-facts.ts';
import type { ConnectDoctor } from '../../src/deployment/doctor-facts.ts';
import { runDoctorCommand } from '../../src/deployment/run-doctor.ts';
import { fakeContext } from './fake-context.ts';
import type { Captured } from './fake-context.ts';

const NOW = Date.UTC(2026, 10, 1);
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-doctor-'));
  const subscription = 'subscriptionId: 00000000-0000-0000-0000-000000000001';
  await writeFile(join(folder, 'holdfast.yaml'), `profile: uid2-vn2\n${subscription}\n`);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A cloud in which the subscription is disabled and locations are refused; nothing else exists. */
const connect: ConnectDoctor = (_context, { config }) => {
  const arm: Partial<GatherPorts['arm']> = {
    subscription: () => Promise.resolve({ tenantId: 'tenant', state: 'Warned' }),
    caller: () => Promise.resolve({ objectId: 'me', tenantId: 'tenant', expiresAt: NOW + 3_600_000 }),
    read: () => Promise.resolve(undefined),
    post: () => Promise.resolve(undefined),
    list: (path) =>
      path.endsWith('/locations')
        ? Promise.reject(new DependencyError('AZURE_REQUEST_FAILED', 'AuthorizationFailed', { retryable: false }))
        : Promise.resolve([]),
  };
  const sleep: GatherPorts['sleep'] = (_ms, signal) =>
    new Promise((resolve) => {
      signal?.addEventListener('abort', () => {
        resolve();
      });
    });
  const ports = { arm: arm as GatherPorts['arm'], clock: () => NOW, sleep };
  return Promise.resolve({ ports, config, close: () => Promise.resolve() });
};

async function doctor(flags: Partial<DoctorFlags>, connecting: ConnectDoctor = connect): Promise<Captured> {
  const captured = fakeContext(folder);
  const usual = { file: 'holdfast.yaml', offline: false, strict: false, verbose: false, json: false };
  await runDoctorCommand(captured.context, { ...usual, ...flags }, connecting);
  return captured;
}

interface Report {
  readonly notes: readonly { readonly subject: string; readonly reason: string }[];
  readonly checks: readonly { readonly id: string; readonly verdict: string; readonly reason: string | null }[];
}

describe('connectDoctor', () => {
  it('says how to start the local cloud when there is none', async () => {
    const run = await doctor({ target: 'local' }, connectDoctor);
    expect(run.stderr()).toContain('Azure was not asked: no local cloud runs in');
    expect(run.stderr()).toContain('holdfast up');
  });

  it('does not guess a subscription', async () => {
    await writeFile(join(folder, 'holdfast.yaml'), 'profile: uid2-vn2\n');
    const run = await doctor({}, connectDoctor);
    expect(run.stderr()).toContain('the configuration names no subscription. Set subscriptionId');
  });
});

describe('holdfast doctor with a connection', () => {
  it('judges what Azure says', async () => {
    const run = await doctor({});
    expect(run.exitCode()).toBe(3);
    expect(run.stdout()).toContain('SB-01  error');
    expect(run.stdout()).toContain('the subscription is Warned');
  });

  it('says what could not be found out, and why', async () => {
    const run = await doctor({});
    expect(run.stdout()).toContain('not known: the regions: could not check: AuthorizationFailed');
    const report = JSON.parse((await doctor({ json: true })).stdout()) as Report;
    expect(report.notes).toContainEqual({ subject: 'the cluster', reason: 'the cluster does not exist yet' });
    expect(report.checks.find(({ id }) => id === 'CL-01')).toMatchObject({
      verdict: 'not-checked',
      reason: 'the cluster does not exist yet',
    });
  });

  it('asks the cloud that was named', async () => {
    const asked: string[] = [];
    const remember: ConnectDoctor = (context, loaded, target, home) => {
      asked.push(target);
      return connect(context, loaded, target, home);
    };
    await doctor({ target: 'local' }, remember);
    await doctor({}, remember);
    expect(asked).toEqual(['local', 'azure']);
  });

  it('goes on without Azure when there is no credential, and says why', async () => {
    const refuse: ConnectDoctor = () =>
      Promise.reject(new RequestError('AZURE_CREDENTIAL_MISSING', 'no credential', { action: 'Run az login.' }));
    const run = await doctor({}, refuse);
    expect(run.exitCode()).toBe(0);
    expect(run.stderr()).toBe('Azure was not asked: no credential. Run az login.\n');
    const report = JSON.parse((await doctor({ json: true }, refuse)).stdout()) as Report;
    expect(report.checks.find(({ id }) => id === 'SB-01')).toMatchObject({
      verdict: 'not-checked',
      reason: 'no credential',
    });
  });

  it('asks nobody with --offline', async () => {
    const never: ConnectDoctor = () => Promise.reject(new Error('asked'));
    const run = await doctor({ offline: true }, never);
    expect(run.stderr()).toBe('');
    expect(run.stdout()).not.toContain('not known');
  });
});
