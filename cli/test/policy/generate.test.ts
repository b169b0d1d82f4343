import { createHash } from 'node:crypto';
import { join } from 'node:path';

import { loadVectors, vectorsFolder } from '@holdfast/base/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { operatorImages, operatorManifest, policyWorkspace } from './workspace.ts';
import type { PolicyWorkspace } from './workspace.ts';

let workspace: PolicyWorkspace;
beforeEach(async () => {
  workspace = await policyWorkspace();
  await workspace.write('operator.yaml', operatorManifest);
  await workspace.write('images.json', operatorImages);
});
afterEach(() => workspace.remove());

const OFFLINE = ['--image-facts', 'images.json'];
const generate = (...args: string[]) => workspace.policy(['generate', ...args]);

const ANNOTATION = 'microsoft.containerinstance.virtualnode.ccepolicy';
const annotationLine = (text: string): string =>
  text.split('\n').find((line) => line.includes(ANNOTATION)) ?? 'no annotation';

const armTemplate = JSON.stringify(
  {
    resources: [
      {
        type: 'Microsoft.ContainerInstance/containerGroups',
        name: 'group',
        properties: {
          confidentialComputeProperties: { ccePolicy: '' },
          containers: [{ name: 'skr', properties: { image: 'registry.example/skr:2.7' } }],
        },
      },
    ],
  },
  null,
  4,
);

describe('holdfast policy generate into a document', () => {
  it('adds the annotation to manifests and leaves every other byte alone', async () => {
    const { exitCode, stdout, stderr } = await generate('operator.yaml', ...OFFLINE);
    expect(exitCode).toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/Deployment operator: policy for 3 containers, HOST_DATA must equal [0-9a-f]{64}/u);
    expect(stderr).toContain('the document has no policy here yet');
    const written = await workspace.read('operator.yaml');
    const without = written.split('\n').filter((line) => !line.includes(ANNOTATION) && line.trim() !== 'annotations:');
    expect(without.join('\n')).toBe(operatorManifest);
    const text = Buffer.from(/ccepolicy: (\S+)/u.exec(written)?.[1] ?? '', 'base64');
    expect(stderr).toContain(createHash('sha256').update(text).digest('hex'));
  });

  it('fills the field of an ARM template and keeps its indentation', async () => {
    await workspace.write('arm.json', armTemplate);
    expect((await generate('arm.json', ...OFFLINE)).exitCode).toBe(0);
    const written = await workspace.read('arm.json');
    expect(written.replace(/"ccePolicy": "[A-Za-z0-9+/=]+"/u, '"ccePolicy": ""')).toBe(armTemplate);
    expect(written).not.toBe(armTemplate);
  });

  it('does nothing the second time', async () => {
    await generate('operator.yaml', ...OFFLINE);
    const first = await workspace.read('operator.yaml');
    const { exitCode, stderr } = await generate('operator.yaml', ...OFFLINE);
    expect(exitCode).toBe(0);
    expect(stderr).toContain('carries these policies already');
    expect(await workspace.read('operator.yaml')).toBe(first);
  });

  it('replaces another policy only when told to', async () => {
    await generate('operator.yaml', ...OFFLINE);
    const first = await workspace.read('operator.yaml');
    const refused = await generate('operator.yaml', '--disable-stdio', ...OFFLINE);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('CONFIRMATION_REQUIRED');
    expect(await workspace.read('operator.yaml')).toBe(first);
    expect((await generate('operator.yaml', '--disable-stdio', '--yes', ...OFFLINE)).exitCode).toBe(0);
    expect(annotationLine(await workspace.read('operator.yaml'))).not.toBe(annotationLine(first));
  });

  it('asks at a terminal, and takes no for an answer', async () => {
    await generate('operator.yaml', ...OFFLINE);
    const first = await workspace.read('operator.yaml');
    const args = ['generate', 'operator.yaml', '--disable-stdio', ...OFFLINE];
    const { exitCode, stderr } = await workspace.policy(args, { terminal: true, typed: 'n\n' });
    expect(stderr).toContain('Go on? [y/N]');
    expect(exitCode).toBe(1);
    expect(await workspace.read('operator.yaml')).toBe(first);
  });

  it('writes the document to standard output with --print, and for standard input', async () => {
    const printed = await generate('operator.yaml', '--print', ...OFFLINE);
    expect(await workspace.read('operator.yaml')).toBe(operatorManifest);
    const piped = await workspace.policy(['generate', '-', ...OFFLINE], { stdin: operatorManifest });
    expect(piped.stdout).toBe(printed.stdout);
    expect(annotationLine(printed.stdout)).toMatch(/ccepolicy: [A-Za-z0-9+/]+={0,2}$/u);
  });
});

describe('holdfast policy generate for other inputs', () => {
  it('prints Base64 of a policy for images', async () => {
    const { stdout, stderr } = await generate('--image', 'registry.example/skr:2.7', ...OFFLINE);
    const text = Buffer.from(stdout, 'base64').toString();
    expect(text).toContain('"registry.example/skr:2.7"');
    expect(stderr).toContain(createHash('sha256').update(text).digest('hex'));
  });

  it('reads a JSON configuration by its content or by --input', async () => {
    const config = { version: '1.0', containers: [{ name: 'skr', properties: { image: 'registry.example/skr:2.7' } }] };
    await workspace.write('config.json', JSON.stringify(config));
    const byContent = await generate('config.json', '--raw', ...OFFLINE);
    const byOption = await generate('--input', 'config.json', '--raw', ...OFFLINE);
    expect(byContent.stdout).toContain('"name":"skr"');
    expect(byOption.stdout).toBe(byContent.stdout);
  });

  it('merges container definitions that it made before', async () => {
    const made = await generate('operator.yaml', '--definitions', ...OFFLINE);
    await workspace.write('definitions.json', made.stdout);
    const { exitCode, stdout } = await generate('--container-definitions', 'definitions.json', '--raw');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('"uid2-operator"');
  });

  it('makes fragments', async () => {
    const args = ['--fragment-namespace', 'mine', '--fragment-svn', '3', '--raw', ...OFFLINE];
    const { stdout } = await generate('--image', 'registry.example/skr:2.7', ...args);
    expect(stdout).toMatch(/^package mine\n\nsvn := "3"/u);
  });

  it('says everything as JSON', async () => {
    const { stdout, stderr } = await generate('operator.yaml', '--json', '--base64', ...OFFLINE);
    const { policies, written } = JSON.parse(stdout) as {
      policies: readonly { owner: string; text: string; sha256: string }[];
      written: null;
    };
    expect(stderr).toBe('');
    expect(written).toBeNull();
    expect(policies).toHaveLength(1);
    expect(policies[0]?.owner).toBe('Deployment operator');
    expect(policies[0]?.sha256).toBe(
      createHash('sha256')
        .update(policies[0]?.text ?? '')
        .digest('hex'),
    );
  });

  it('records the facts it used, and works from them alone', async () => {
    await generate('operator.yaml', '--raw', '--output', 'first.rego', '--save-image-facts', 'kept.json', ...OFFLINE);
    await generate('operator.yaml', '--raw', '--output', 'second.rego', '--image-facts', 'kept.json');
    expect(await workspace.read('second.rego')).toBe(await workspace.read('first.rego'));
  });

  it('compares the policy that is there with the input', async () => {
    await generate('operator.yaml', ...OFFLINE);
    expect((await generate('operator.yaml', '--diff', ...OFFLINE)).exitCode).toBe(0);
    const changed = (await workspace.read('operator.yaml')).replace('my-vault', 'other-vault');
    await workspace.write('operator.yaml', changed);
    const { exitCode, stdout } = await generate('operator.yaml', '--diff', ...OFFLINE);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('VAULT_NAME');
  });

  it('shows the policy that is there', async () => {
    await generate('operator.yaml', ...OFFLINE);
    expect((await generate('operator.yaml', '--print-existing-policy')).stdout).toMatch(/^package policy\n/u);
  });

  it('takes Kata pods for what they are', async () => {
    const pod =
      'apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  runtimeClassName: kata-cc-isolation\n  containers:\n    - {name: c, image: "registry.example/skr:2.7"}\n';
    await workspace.write('pod.yaml', pod);
    const pause = JSON.parse(operatorImages) as { images: { reference: string }[] };
    const named = pause.images.map((image, index) =>
      index === 0 ? { ...image, reference: 'mcr.microsoft.com/oss/v2/kubernetes/pause:3.6' } : image,
    );
    await workspace.write('images.json', JSON.stringify({ version: 1, images: named }));
    const { exitCode, stderr } = await generate('pod.yaml', ...OFFLINE);
    expect(stderr).toContain('Pod p: policy for 2 containers');
    expect(exitCode).toBe(0);
    expect(await workspace.read('pod.yaml')).toMatch(/io\.katacontainers\.config\.agent\.policy"?: /u);
  });
});

describe('holdfast policy generate refuses in one sentence', () => {
  it.each([
    [['missing.yaml'], 3, 'there is no such file'],
    [['.'], 3, 'it is a folder'],
    [[], 64, 'exactly one input'],
    [['operator.yaml', '--image', 'x'], 64, 'exactly one input'],
    [['operator.yaml', '--raw', '--print', ...OFFLINE], 64, 'exclude one another'],
    [['operator.yaml', '--disable-stdio', '--enable-stdio', ...OFFLINE], 64, 'contradict'],
    [['operator.yaml', '--policy-flag', 'nothing=true', ...OFFLINE], 64, 'is not a flag of policies'],
    [['operator.yaml', '--policy-flag', 'nothing', ...OFFLINE], 64, 'NAME=true'],
    [['operator.yaml', '--tar', 'missing.tar'], 64, 'is named by a digest'],
    [['--image', 'app:1', '--tar', 'missing.tar'], 3, 'missing.tar'],
    [['--image', 'unknown:1', ...OFFLINE], 3, 'nothing is recorded'],
    [['--image', 'registry.example/skr:2.7', '--print', ...OFFLINE], 64, 'can carry policies'],
    [['images.json', ...OFFLINE], 3, 'not an ARM template'],
    [['operator.yaml', '--image-facts', 'operator.yaml'], 3, 'it is not JSON'],
    [['operator.yaml', '--raw', '--output', 'no/such/folder', ...OFFLINE], 1, 'cannot be written'],
  ] as const)('%j', async (args, code, sentence) => {
    const { exitCode, stdout, stderr } = await generate(...args);
    const lines = stderr.split('\n').filter((line) => line.startsWith('holdfast: '));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(sentence);
    expect(exitCode).toBe(code);
    expect(stdout).toBe('');
    expect(await workspace.read('operator.yaml')).toBe(operatorManifest);
  });

  it.each([
    ['binary', 'a\u0000b'],
    ['empty', ' \n'],
    ['unknown', 'hello\n'],
    ['half a template', '{"resources": ['],
    ['half a manifest', 'kind: Pod\nspec: {containers: [\n'],
    ['a manifest without pods', 'kind: Service\napiVersion: v1\n'],
  ])('%s text', async (_, text) => {
    await workspace.write('input', text);
    const { exitCode, stderr } = await generate('input', ...OFFLINE);
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/^holdfast: input[: ].*\n$/u);
  });
});

interface Expected {
  readonly file: string;
  readonly sha256: string;
}
interface PublishedCase {
  readonly id: string;
  readonly kind: string;
  readonly input: string;
  readonly parameters?: string | null;
  readonly published: {
    readonly generation: string;
    readonly infrastructureSvn: string;
    readonly containersFormat: 'compact' | 'pretty';
    readonly envOrder: string;
    readonly variants: Readonly<
      Record<string, { readonly options: Readonly<Record<string, unknown>>; readonly expected: readonly Expected[] }>
    >;
  };
}

const folder = vectorsFolder();
const published =
  folder === undefined
    ? []
    : (loadVectors('policy/index.json') as { cases: readonly PublishedCase[] }).cases.filter(
        ({ kind }) => kind === 'cce-aci',
      );

describe.skipIf(folder === undefined)('holdfast policy generate writes published policies byte for byte', () => {
  it.each(published)(
    '$id',
    async ({
      input,
      parameters,
      published: { generation, infrastructureSvn, containersFormat, envOrder, variants },
    }) => {
      const at = (file: string) => join(folder ?? '', 'policy', file);
      const { expected = [], options = {} } = variants['policy'] ?? {};
      expect(options).toEqual({});
      const { stdout } = await generate(
        at(input),
        ...(typeof parameters === 'string' ? ['--parameters', at(parameters)] : []),
        '--image-facts',
        at('cce/images.json'),
        '--generation',
        generation,
        '--infrastructure-svn',
        infrastructureSvn,
        ...(envOrder === 'sorted-by-pattern' ? ['--sort-env-rules'] : []),
        containersFormat === 'pretty' ? '--pretty' : '--raw',
        '--approve-wildcards',
      );
      expect(createHash('sha256').update(stdout).digest('hex')).toBe(expected[0]?.sha256);
    },
  );
});
