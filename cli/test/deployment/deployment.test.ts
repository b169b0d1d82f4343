import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { operatorSkeleton } from '@holdfast/deployment';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { DoctorFlags, ExportFlags } from '../../src/commands/deployment.ts';
import { runDoctorCommand } from '../../src/deployment/run-doctor.ts';
import { runExport } from '../../src/deployment/run-export.ts';
import { failureOf } from '../../src/failure.ts';
import { fakeContext } from './fake-context.ts';
import type { Captured } from './fake-context.ts';

const SUBSCRIPTION = 'subscriptionId: 00000000-0000-0000-0000-000000000001\n';
const GOOD = `profile: uid2-vn2\n${SUBSCRIPTION}aks: {kubernetesVersion: "1.34"}\n`;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-deployment-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function save(text: string, name = 'holdfast.yaml'): Promise<void> {
  return writeFile(join(folder, name), text);
}

async function doctor(flags: Partial<DoctorFlags> = {}, env: Readonly<Record<string, string>> = {}): Promise<Captured> {
  const captured = fakeContext(folder, env);
  await runDoctorCommand(captured.context, {
    file: 'holdfast.yaml',
    offline: true,
    strict: false,
    verbose: false,
    json: false,
    ...flags,
  });
  return captured;
}

async function write(what: 'arm' | 'yaml' | 'all', flags: Partial<ExportFlags> = {}): Promise<Captured> {
  const captured = fakeContext(folder);
  await runExport(captured.context, { file: 'holdfast.yaml', json: false, ...flags }, what);
  return captured;
}

/** How a command line would end with what was thrown. */
async function failing(run: Promise<unknown>): Promise<ReturnType<typeof failureOf>> {
  return failureOf(
    await run.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
}

describe('holdfast doctor', () => {
  it('ends with 0 for the values of the guide, and names the warning with its line', async () => {
    await save(GOOD);
    const run = await doctor();
    expect(run.exitCode()).toBe(0);
    expect(run.stdout()).toContain('NW-06  warning');
    expect(run.stdout()).toContain('holdfast.yaml:3: aks.serviceCidr:');
  });

  it('ends with 4 for warnings when it is strict', async () => {
    await save(GOOD);
    expect((await doctor({ strict: true })).exitCode()).toBe(4);
  });

  it('ends with 3 for Europe, and says what to do', async () => {
    await save(`${GOOD}location: uksouth\n`);
    const run = await doctor();
    expect(run.exitCode()).toBe(3);
    expect(run.stdout()).toContain(
      'holdfast.yaml:4: location: UID2 private operators are not supported in Europe or China',
    );
    expect(run.stdout()).toContain('Choose a region outside Europe');
  });

  it('writes one JSON document', async () => {
    await save(GOOD);
    const report = JSON.parse((await doctor({ json: true, only: ['nw-06'] })).stdout()) as unknown;
    expect(report).toMatchObject({
      version: 1,
      profile: 'uid2-vn2',
      summary: { errors: 0, warnings: 1 },
      checks: [
        { id: 'NW-06', verdict: 'failed', severity: 'warning', findings: [{ path: 'aks.serviceCidr', line: 3 }] },
      ],
    });
  });

  it('refuses a check that does not exist', async () => {
    await save(GOOD);
    expect(await failing(doctor({ only: ['XX-01'] }))).toMatchObject({ code: 'CHECK_UNKNOWN', exitCode: 64 });
  });

  it('ends with 78 and all problems for a configuration that cannot be read', async () => {
    await save('profile: uid2-vn2\nlocaton: x\naks: {pool: {count: many}}\nlocation: westeurope\n');
    const captured = fakeContext(folder);
    const flags: DoctorFlags = { file: 'holdfast.yaml', offline: true, strict: false, verbose: false, json: false };
    const failure = await failing(runDoctorCommand(captured.context, flags));
    expect(failure).toMatchObject({
      code: 'DEPLOYMENT_CONFIG_INVALID',
      exitCode: 78,
      message: '3 problems in holdfast.yaml',
    });
    expect(
      captured
        .stderr()
        .split('\n')
        .slice(0, 3)
        .map((line) => line.split(':').slice(0, 2).join(':')),
    ).toEqual(['holdfast.yaml:2', 'holdfast.yaml:3', 'holdfast.yaml:4']);
  });

  it('reads the key from where the configuration says, and never shows it', async () => {
    await save(`${GOOD}operator: {environment: prod, keySource: {env: KEY}}\n`);
    const run = await doctor({ verbose: true }, { KEY: 'UID2-O-I-77-MARKER' });
    expect(run.stdout()).toContain('OK-03  error');
    expect(run.stdout() + run.stderr()).not.toContain('MARKER');
    expect((await doctor({ only: ['OK-01'] })).stdout()).toContain('the operator key is empty');
  });

  it('looks into the bundle', async () => {
    const { deployment, service } = operatorSkeleton();
    await save(`${JSON.stringify(deployment)}\n---\n${JSON.stringify(service)}\n`, 'operator.yaml');
    await save(`${GOOD}operator: {bundle: {path: operator.yaml}}\n`);
    expect((await doctor({ only: ['OB-02'] })).stdout()).toContain('it was never released');
    await save(`${GOOD}operator: {bundle: {path: missing.zip}}\n`);
    expect((await doctor({ only: ['OB-01'] })).stdout()).toContain('missing.zip cannot be read');
  });

  it('ends with 64 when there is no configuration', async () => {
    expect(await failing(doctor())).toMatchObject({ code: 'INPUT_UNREADABLE', exitCode: 64 });
  });
});

describe('holdfast export', () => {
  it('writes templates to standard output', async () => {
    await save(GOOD);
    const templates = JSON.parse((await write('arm')).stdout()) as object;
    expect(Object.keys(templates)).toEqual(['s2.json', 's3.json', 's4.json', 's5a.json', 's5b.json', 's6.json']);
  });

  it('writes YAML to standard output, and what is missing to standard error', async () => {
    await save(GOOD);
    const run = await write('yaml');
    expect(run.stdout().match(/^kind: /gm)).toHaveLength(10);
    expect(run.stderr()).toContain('CCE_POLICY_PLACEHOLDER');
  });

  it('writes everything to a folder, and the same again', async () => {
    await save(GOOD);
    const first = await write('all', { out: 'out' });
    const text = await readFile(join(folder, 'out/arm/s4.json'), 'utf8');
    expect(first.stdout().split('\n')).toContain('out/DEPLOY.md');
    await write('all', { out: 'out', json: true });
    expect(await readFile(join(folder, 'out/arm/s4.json'), 'utf8')).toBe(text);
    expect((await readdir(join(folder, 'out'))).sort()).toEqual(['DEPLOY.md', 'alerts', 'arm', 'k8s']);
  });

  it('needs a folder for everything', async () => {
    await save(GOOD);
    expect(await failing(write('all'))).toMatchObject({ code: 'EXPORT_FOLDER_MISSING', exitCode: 64 });
  });

  it('refuses a configuration with errors, with all of them', async () => {
    await save(`${GOOD}location: chinaeast\nvault: {name: a_b}\n`);
    const failure = await failing(write('arm', { json: true }));
    expect(failure).toMatchObject({ code: 'DEPLOYMENT_CONFIG_INVALID', exitCode: 78 });
    expect(failure.details?.['problems']).toEqual([
      expect.stringContaining('LO-01'),
      expect.stringContaining('LO-04'),
      expect.stringContaining('NM-09'),
    ]);
  });

  it('asks for what only Azure would know', async () => {
    await save('profile: uid2-vn2\nvault: {name: a_b}\n');
    expect(await failing(write('arm'))).toMatchObject({ exitCode: 78, message: '3 problems in holdfast.yaml' });
  });

  it('refuses a bundle that is not what was published', async () => {
    const { deployment, service } = operatorSkeleton();
    await save(`${JSON.stringify(deployment)}\n---\n${JSON.stringify(service)}\n`, 'operator.yaml');
    await save(`${GOOD}operator: {bundle: {path: operator.yaml}}\n`);
    expect(await failing(write('yaml'))).toMatchObject({ code: 'BUNDLE_REFUSED', exitCode: 1 });
  });
});
