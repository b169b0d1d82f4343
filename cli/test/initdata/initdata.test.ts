import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { toBase64, toUtf8 } from '@holdfast/base';
import {
  buildInitdata,
  encodeInitdata,
  measureInitdata,
  parseInitdata,
  PLACEHOLDER_INITDATA,
} from '@holdfast/initdata';
import { temporaryFolder } from '@holdfast/local/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { capture } from '../captured-io.ts';
import type { CapturedRun } from '../captured-io.ts';

const AA = '[token_configs.kbs]\nurl = "http://kbs.example.test:8080"\n';
const CDH = '[kbc]\nname = "cc_kbc"\nurl = "http://kbs.example.test:8080"\n';
const POLICY = 'package agent_policy\n\ndefault ExecProcessRequest := false\n';
const ANNOTATION = 'io.katacontainers.config.hypervisor.cc_init_data';
const document = buildInitdata({
  data: new Map([
    ['aa.toml', AA],
    ['cdh.toml', CDH],
    ['policy.rego', POLICY],
  ]),
});
const pcr8 = Buffer.from(measureInitdata(document).pcr8).toString('hex');
let home: Awaited<ReturnType<typeof temporaryFolder>>;

function pod(annotation = '', name = 'web'): string {
  const annotations = annotation === '' ? '' : `  annotations:\n    ${annotation}\n`;
  return `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n${annotations}spec:\n  containers:\n    - name: a\n      image: b\n`;
}

function configMap(value: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: peer-pods-cm\ndata:\n  INITDATA: ${value}\n`;
}

beforeAll(async () => {
  home = await temporaryFolder();
  const files = {
    'aa.toml': AA,
    'cdh.toml': CDH,
    'policy.rego': POLICY,
    'policy.b64': `${toBase64(toUtf8(POLICY))}\n`,
    'bad-cdh.toml': '[kbc]\nname = "x"\n',
    'extra.txt': 'extra\r\n',
    'initdata.toml': document,
    'initdata.b64': encodeInitdata(document),
    'broken.toml': 'version = "0.1.0"\nalgorithm = "sha256"\n[data]\n"aa.toml" = oops\n',
    'placeholder.toml': PLACEHOLDER_INITDATA,
    'pod.yaml': pod(),
    'annotated.yaml': pod(`${ANNOTATION}: ${encodeInitdata(document)}`),
    'legacy.yaml': pod(`io.katacontainers.config.runtime.cc_init_data: ${encodeInitdata(document)}`),
    'damaged.yaml': pod(`${ANNOTATION}: '@@'`),
    'ms.yaml': pod(`io.katacontainers.config.agent.policy: ${toBase64(toUtf8(POLICY))}`),
    'cm.yaml': configMap(encodeInitdata(PLACEHOLDER_INITDATA)),
  };
  await Promise.all(Object.entries(files).map(async ([name, text]) => writeFile(join(home.path, name), text)));
});

afterAll(async () => {
  await home[Symbol.asyncDispose]();
});

async function run(...args: string[]): Promise<CapturedRun> {
  return capture(['initdata', ...args], { cwd: home.path });
}

async function json(...args: string[]): Promise<{ readonly exitCode: number; readonly value: unknown }> {
  const { exitCode, stdout } = await run(...args, '--json');
  return { exitCode, value: JSON.parse(stdout) };
}

const all = ['--aa', 'aa.toml', '--cdh', 'cdh.toml', '--policy', 'policy.rego'];

describe('holdfast initdata build', () => {
  it('writes the document to standard output and its measurements to standard error', async () => {
    const { exitCode, stdout, stderr } = await run('build', ...all);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: document });
    expect(stderr).toContain(pcr8);
  });

  it('writes the value of the annotation', async () => {
    const { stdout } = await run('build', ...all, '--base64');
    expect(stdout).toBe(`${encodeInitdata(document)}\n`);
  });

  it.each([
    ['Base64 of a policy', 'policy.b64'],
    ['the agent policy of a pod', 'ms.yaml'],
    ['the initdata of a pod', 'annotated.yaml'],
  ])('takes the policy out of %s', async (_, file) => {
    const { stdout } = await run('build', '--aa', 'aa.toml', '--cdh', 'cdh.toml', '--policy', file);
    expect(stdout).toBe(document);
  });

  it('sets the annotation in the pods of manifests and changes nothing else', async () => {
    const { exitCode, stdout } = await run('build', '--from', 'initdata.toml', '--manifest', 'pod.yaml');
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`${ANNOTATION}: ${encodeInitdata(document)}`);
    const added = stdout.split('\n').filter((line) => !pod().split('\n').includes(line));
    expect(added).toHaveLength(2);
  });

  it('writes a file and keeps what an entry has in place of line ends', async () => {
    const { exitCode, stdout } = await run('build', ...all, '--data', 'x.txt=extra.txt', '--output', 'out.toml');
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
    const written = await readFile(join(home.path, 'out.toml'), 'utf8');
    expect(written).not.toContain('\r');
    expect(parseInitdata(written).data.get('x.txt')).toBe('extra\r\n');
  });

  it('replaces entries of --from and keeps its others', async () => {
    const { value } = await json('build', '--from', 'initdata.b64', '--aa', 'aa.toml', '--algorithm', 'sha384');
    expect(value).toMatchObject({ version: 1, algorithm: 'sha384', document: document.replace('sha256', 'sha384') });
  });

  it('writes nothing when a component would refuse an entry', async () => {
    const { exitCode, stdout, stderr } = await run('build', '--cdh', 'bad-cdh.toml', '--output', 'never.toml');
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain('CDH_KBC_UNKNOWN');
    await expect(readFile(join(home.path, 'never.toml'))).rejects.toThrow('ENOENT');
  });

  it.each([
    ['nothing to build of', []],
    ['two forms', [...all, '--base64', '--annotation']],
    ['an entry given twice', [...all, '--data', 'aa.toml=aa.toml']],
    ['data without a file', ['--data', 'x']],
    ['a missing file', ['--aa', 'missing.toml']],
    ['an unknown algorithm', [...all, '--algorithm', 'md5']],
  ])('ends with 64 for %s', async (_, args) => {
    expect((await run('build', ...args)).exitCode).toBe(64);
  });
});

describe('holdfast initdata inspect', () => {
  it.each(['initdata.toml', 'initdata.b64', 'annotated.yaml'])('lists the entries and digests of %s', async (file) => {
    const { exitCode, stdout } = await run('inspect', file);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('policy.rego, 58 bytes');
    expect(stdout).toContain(pcr8);
  });

  it('reads standard input', async () => {
    const { stdout } = await capture(['initdata', 'inspect', '-', '--json'], { stdin: encodeInitdata(document) });
    expect(JSON.parse(stdout)).toMatchObject({ version: 1, items: [{ carrier: 'base64', initdata: { pcr8 } }] });
  });

  it('ends with 1 for a broken document, and says where and what a pod would do', async () => {
    const { exitCode, value } = await json('inspect', 'broken.toml');
    expect(exitCode).toBe(1);
    expect(value).toMatchObject({
      items: [
        { findings: [{ code: 'INITDATA_TOML_INVALID', line: 4, consumers: { goShim: 'The pod is not created.' } }] },
      ],
    });
  });

  it('names the pod whose annotation cannot be decoded', async () => {
    const { exitCode, stdout } = await run('inspect', 'damaged.yaml');
    expect(exitCode).toBe(1);
    expect(stdout).toContain('damaged.yaml, Pod web');
    expect(stdout).toContain('INITDATA_BASE64_INVALID');
  });

  it('warns of the annotation of older releases', async () => {
    expect((await run('inspect', 'legacy.yaml')).stdout).toContain('INITDATA_CARRIER_LEGACY');
  });

  it('shows what a pod starts with beside a global value', async () => {
    const own = await json('inspect', 'annotated.yaml', '--global', 'cm.yaml');
    expect(own.value).toMatchObject({ items: [{ carrier: 'annotation', initdata: { pcr8 } }] });
    const shared = await json('inspect', 'pod.yaml', '--global', 'cm.yaml');
    expect(shared.value).toMatchObject({ items: [{ carrier: 'config-map' }] });
    const none = await json('inspect', 'pod.yaml', '--global', 'pod.yaml');
    expect(none.value).toMatchObject({ items: [{ carrier: 'placeholder' }] });
  });

  it('writes the document or an entry without adding a byte', async () => {
    expect((await run('inspect', 'annotated.yaml', '--document')).stdout).toBe(document);
    expect((await run('inspect', 'annotated.yaml', '--entry', 'policy.rego')).stdout).toBe(POLICY);
    expect((await run('inspect', 'annotated.yaml', '--entry', 'other')).exitCode).toBe(64);
  });

  it('shows no control characters of a document', async () => {
    const text = document.replace('[data]', '[data]\n"\\u001b[31m" = ""');
    const { stdout } = await capture(['initdata', 'inspect', '-'], { stdin: text });
    expect(stdout).toContain('?[31m');
    expect(stdout).not.toContain('\u001b');
  });

  it('ends with 64 for manifests without initdata', async () => {
    expect((await run('inspect', 'pod.yaml')).exitCode).toBe(64);
  });
});

describe('holdfast initdata measure', () => {
  it('computes all registers', async () => {
    const { exitCode, value } = await json('measure', 'annotated.yaml');
    expect(exitCode).toBe(0);
    const [item] = (value as { items: { registers: Record<string, string> }[] }).items;
    const lengths = Object.entries(item?.registers ?? {}).map(([name, hex]) => [name, hex.length / 2]);
    expect(Object.fromEntries(lengths)).toEqual({
      digest: 32,
      'host-data': 32,
      'mr-config-id': 48,
      cca: 64,
      sgx: 64,
      se: 256,
      pcr8: 32,
    });
    expect(item?.registers['pcr8']).toBe(pcr8);
  });

  it('compares with expected values and ends with 1 when one is missed', async () => {
    expect((await run('measure', 'initdata.toml', '--expect', `pcr8=${pcr8}`)).exitCode).toBe(0);
    expect((await run('measure', 'initdata.toml', '--expect', pcr8.toUpperCase())).exitCode).toBe(0);
    const missed = await run('measure', 'initdata.toml', '--expect', `host-data=${pcr8}`);
    expect(missed.exitCode).toBe(1);
    expect(missed.stdout).toContain('SEV-SNP HOST_DATA is not');
    expect((await run('measure', 'initdata.toml', 'placeholder.toml', '--expect', pcr8)).exitCode).toBe(1);
    expect((await run('measure', 'initdata.toml', '--expect', 'pcr9=00')).exitCode).toBe(64);
  });

  it('writes the reference value that Trustee needs', async () => {
    const args = ['measure', 'initdata.toml', '--reference-value', 'azure-snp', '--expires', '2030-01-01'];
    const { exitCode, stdout } = await run(...args);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual([{ name: 'snp_pcr08', expiration: '2030-01-01T00:00:00Z', value: [pcr8] }]);
  });

  it('makes no reference value of the placeholder', async () => {
    const { exitCode, stdout, stderr } = await run('measure', 'placeholder.toml', '--reference-value', 'azure-snp');
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain('INITDATA_REFERENCE_INVALID');
  });

  it('names the file and the line of a broken document', async () => {
    const { exitCode, stderr } = await run('measure', 'broken.toml');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('broken.toml: the initdata document, line 4, column 13');
  });
});
