import { createHash } from 'node:crypto';

import { decodeDenial } from '@holdfast/policy';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { operatorImages, operatorManifest, policyWorkspace } from './workspace.ts';
import type { PolicyWorkspace } from './workspace.ts';

const OFFLINE = ['--image-facts', 'images.json'];
const INJECTED = ['IDENTITY_ENDPOINT', 'IMDS_ENDPOINT', 'APP_IDENTITY_ENDPOINT'];

let workspace: PolicyWorkspace;
beforeEach(async () => {
  workspace = await policyWorkspace();
  await workspace.write('operator.yaml', operatorManifest);
  await workspace.write('images.json', operatorImages);
});
afterEach(() => workspace.remove());

const policy = (...args: string[]) => workspace.policy(args);

/** Puts a policy into the manifest; with dropping off, as the published policy of the private operator has it. */
async function generated(...options: string[]): Promise<void> {
  const { exitCode } = await policy('generate', 'operator.yaml', '--yes', ...OFFLINE, ...options);
  expect(exitCode).toBe(0);
}
const noDropping = ['--policy-flag', 'allow_environment_variable_dropping=false'];

interface Explained {
  readonly denied: boolean;
  readonly policies: readonly { readonly rules: readonly { readonly pattern: string }[] }[];
}

describe('holdfast policy explain of a deployment', () => {
  it('predicts the outage that the managed identity variables cause, and prints the rules that prevent it', async () => {
    await generated(...noDropping);
    const { exitCode, stdout } = await policy('explain', 'operator.yaml', '--platform', 'virtual-node');
    expect(exitCode).toBe(1);
    expect(stdout).toContain('DENIED  uid2-operator, skr');
    expect(stdout).toContain(`no rule accepts the environment variables ${INJECTED.join(', ')}`);
    for (const name of INJECTED) {
      expect(stdout).toContain(`{"pattern":"${name}=.+","required":false,"strategy":"re2"}`);
    }
    expect(stdout).toContain('uid2-operator#2720');
    expect(stdout).toContain('--allow-platform-identity');
  });

  it('finds the same in the policy alone, on either platform', async () => {
    await generated(...noDropping);
    await policy('generate', 'operator.yaml', '--raw', '--output', 'operator.rego', ...noDropping, ...OFFLINE);
    for (const platform of ['aci', 'virtual-node']) {
      const { exitCode, stdout } = await policy('explain', 'operator.rego', '--platform', platform, '--json');
      expect(exitCode).toBe(1);
      const { denied, policies } = JSON.parse(stdout) as Explained;
      expect(denied).toBe(true);
      expect(policies[0]?.rules.map(({ pattern }) => pattern)).toEqual(INJECTED.map((name) => `${name}=.+`));
    }
  });

  it('is satisfied once the rules are there', async () => {
    await generated(...noDropping, '--allow-platform-identity');
    const { exitCode, stdout } = await policy('explain', 'operator.yaml');
    expect(stdout).toContain('Nothing would be denied');
    expect(stdout).toContain('Note: the platform also adds');
    expect(exitCode).toBe(0);
  });

  it('says what vanishes silently when dropping is on', async () => {
    await generated();
    const { exitCode, stdout } = await policy('explain', 'operator.yaml');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/Removed without a denial:\n {2}uid2-operator, skr: IDENTITY_ENDPOINT, IMDS_ENDPOINT/u);
  });

  it.each([
    [
      'a variable was added',
      'value: my-vault}',
      'value: my-vault}\n            - {name: EXTRA, value: x}',
      'EXTRA: added or changed since the policy was made',
    ],
    ['a value was changed', 'value: integ', 'value: prod', 'DEPLOYMENT_ENVIRONMENT'],
    [
      'the command was changed',
      '"/bin/skr"',
      '"/bin/sh"',
      'the command differs: policy ["/bin/skr"], request ["/bin/sh"]',
    ],
    [
      'the image was updated',
      'skr:2.7',
      'skr:2.8',
      'no container of the policy is for the image registry.example/skr:2.8',
    ],
    ['it became privileged', 'command: ["/bin/skr"]', 'securityContext: {privileged: true}', 'privileged'],
  ])('denies what changed since the policy was made: %s', async (_, from, to, sentence) => {
    await generated(...noDropping, '--allow-platform-identity');
    await workspace.write('operator.yaml', (await workspace.read('operator.yaml')).replace(from, to));
    const { exitCode, stdout } = await policy('explain', 'operator.yaml');
    expect(exitCode).toBe(1);
    expect(stdout).toContain(sentence);
  });

  it('notices an image whose content changed when it knows the images', async () => {
    await generated();
    await workspace.write('images.json', operatorImages.replaceAll('2a2a', '3a3a'));
    expect((await policy('explain', 'operator.yaml')).exitCode).toBe(0);
    const { exitCode, stdout } = await policy('explain', 'operator.yaml', ...OFFLINE);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('Regenerate: image content changed');
  });

  it('says that nothing is enforced without a policy', async () => {
    const { exitCode, stdout } = await policy('explain', 'operator.yaml');
    expect(exitCode).toBe(1);
    expect(stdout).toContain('there is no policy');
  });
});

/** What the guest answers to a container with one variable too many, as a pod event shows it. */
async function denialMessage(): Promise<string> {
  const recording = {
    policy: 'operator.rego',
    steps: [{ point: 'create_container', input: request(['EXTRA=secret-value']) }],
  };
  await workspace.write('recording.json', JSON.stringify(recording));
  const { stdout } = await policy('evaluate', 'recording.json');
  const { decisions } = JSON.parse(stdout) as { decisions: readonly { denial?: string }[] };
  return decisions[0]?.denial ?? '';
}

function request(env: readonly string[]): object {
  return {
    containerID: 'c'.repeat(64),
    sandboxID: 'a'.repeat(64),
    argList: ['/bin/skr'],
    envList: env,
    workingDir: '/',
    mounts: [],
    privileged: false,
    noNewPrivileges: false,
    user: { id: '0', name: 'root' },
    groups: [{ id: '0', name: 'root' }],
    umask: '0022',
    capabilities: { ambient: [], bounding: [], effective: [], inheritable: [], permitted: [] },
    seccompProfileSHA256: '',
  };
}

describe('holdfast policy explain of a message and a request', () => {
  beforeEach(async () => {
    await policy('generate', 'operator.yaml', '--raw', '--output', 'operator.rego', ...noDropping, ...OFFLINE);
  });

  it('decodes a denial from the command line, a file or standard input', async () => {
    const message = `Error: failed to create containerd task: ${await denialMessage()}: unknown`;
    expect(decodeDenial(message).point).toBe('create_container');
    await workspace.write('event.txt', message);
    const direct = await policy('explain', '--message', message, '--policy', 'operator.rego');
    const file = await policy('explain', '--message', 'event.txt', '--policy', 'operator.rego');
    const piped = await workspace.policy(['explain', '--message', '-', '--policy', 'operator.rego'], {
      stdin: message,
    });
    expect(direct.stdout).toContain('create_container is denied');
    expect(direct.stdout).not.toContain('secret-value');
    expect(direct.exitCode).toBe(0);
    expect(file.stdout).toBe(direct.stdout);
    expect(piped.stdout).toBe(direct.stdout);
  });

  it('compares a request with every container of the policy', async () => {
    await workspace.write('request.json', JSON.stringify({ point: 'create_container', input: request(['EXTRA=x']) }));
    const { exitCode, stdout } = await policy('explain', 'operator.rego', '--request', 'request.json');
    expect(exitCode).toBe(1);
    expect(stdout).toContain('FAIL environment: EXTRA');
    expect(stdout).toContain('Container skr');
  });

  it.each([
    [['explain'], 64, 'nothing to explain'],
    [['explain', '--message', 'x', '--request', 'y'], 64, 'exclude one another'],
    [['explain', '--message', 'no denial'], 3, 'carries no policy decision'],
    [['explain', '--request', 'operator.rego', '--policy', 'operator.rego'], 3, 'it is not JSON'],
    [['explain', 'operator.rego', '--platform', 'moon'], 64, 'moon'],
  ] as const)('refuses %j', async (args, code, sentence) => {
    const { exitCode, stderr } = await policy(...args);
    expect(stderr).toContain(sentence);
    expect(exitCode).toBe(code);
  });
});

describe('holdfast policy verify', () => {
  it('ends with 0, or with 1 from the threshold on', async () => {
    await generated(...noDropping, '--allow-platform-identity');
    expect((await policy('verify', 'operator.yaml')).exitCode).toBe(0);
    expect((await policy('verify', 'operator.yaml', '--infrastructure-svn', '9')).exitCode).toBe(0);
    const strict = await policy('verify', 'operator.yaml', '--infrastructure-svn', '9', '--fail-on', 'warning');
    expect(strict.stdout).toContain('CCE-SVN-LOW');
    expect(strict.exitCode).toBe(1);
  });

  it('judges a policy by itself against a manifest', async () => {
    await policy('generate', 'operator.yaml', '--raw', '--output', 'operator.rego', ...OFFLINE);
    expect((await policy('verify', 'operator.rego', '--manifest', 'operator.yaml', ...OFFLINE)).exitCode).toBe(0);
    await workspace.write('operator.yaml', operatorManifest.replace('"/bin/skr"', '"/bin/sh"'));
    const { exitCode, stdout } = await policy('verify', 'operator.rego', '--manifest', 'operator.yaml', '--json');
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'refused', failOn: 'error', policies: [{ evaluated: true }] });
  });

  it('compares the measurement, and says what explains another one', async () => {
    await policy('generate', 'operator.yaml', '--raw', '--output', 'operator.rego', ...OFFLINE);
    const text = await workspace.read('operator.rego');
    const withLineFeed = createHash('sha256').update(`${text}\n`).digest('hex');
    const { exitCode, stdout } = await policy('verify', 'operator.rego', '--host-data', withLineFeed);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('MEASURE-MISMATCH');
    expect(stdout).toContain('line feed');
  });

  it('ends with 4 for a policy that needs an evaluator of Rego', async () => {
    await workspace.write('custom.rego', 'package policy\nallow { true }\n');
    const { exitCode, stdout } = await policy('verify', 'custom.rego');
    expect(stdout).toContain('verdict: not evaluable');
    expect(exitCode).toBe(4);
  });

  it('warns of a secret that stands in the policy', async () => {
    const secret = 'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {key: hunter2hunter2}\n';
    const fromSecret = '{name: VAULT_NAME, valueFrom: {secretKeyRef: {name: s, key: key}}}';
    await workspace.write(
      'operator.yaml',
      `${secret}---\n${operatorManifest.replace('{name: VAULT_NAME, value: my-vault}', fromSecret)}`,
    );
    await generated();
    const { stdout } = await policy('verify', 'operator.yaml');
    expect(stdout).toContain('CCE-SECRET-IN-POLICY');
    expect(stdout).not.toContain('hunter2');
  });
});

describe('holdfast policy measure', () => {
  it('measures the same policy in every carrier', async () => {
    await generated();
    await policy('generate', 'operator.yaml', '--raw', '--output', 'p.rego', ...OFFLINE);
    await policy('generate', 'operator.yaml', '--base64', '--output', 'p.b64', ...OFFLINE);
    const expected = createHash('sha256')
      .update(await workspace.read('p.rego'))
      .digest('hex');
    for (const file of ['operator.yaml', 'p.rego', 'p.b64']) {
      const { exitCode, stdout } = await policy('measure', file, '--expect', expected.toUpperCase());
      expect(stdout).toContain(`HOST_DATA must equal ${expected}`);
      expect(stdout).toContain('as expected');
      expect(exitCode).toBe(0);
    }
  });

  it('ends with 1 for another measurement, and with 64 for what is none', async () => {
    await generated();
    expect((await policy('measure', 'operator.yaml', '--expect', '0'.repeat(64))).exitCode).toBe(1);
    expect((await policy('measure', 'operator.yaml', '--expect', 'abc')).exitCode).toBe(64);
  });
});

describe('holdfast policy diff', () => {
  it('lists what lets more through, and ends with 1', async () => {
    await generated(...noDropping);
    await workspace.write('before.yaml', await workspace.read('operator.yaml'));
    await generated(...noDropping, '--allow-platform-identity');
    const { exitCode, stdout } = await policy('diff', 'before.yaml', 'operator.yaml');
    expect(stdout).toContain('loosens   added    containers[uid2-operator].env_rules');
    expect(stdout).toContain('The measurement changes');
    expect(exitCode).toBe(1);
  });

  it('finds the same meaning in other formatting', async () => {
    await policy('generate', 'operator.yaml', '--raw', '--output', 'raw.rego', ...OFFLINE);
    await policy('generate', 'operator.yaml', '--pretty', '--output', 'pretty.rego', ...OFFLINE);
    const { exitCode, stdout } = await policy('diff', 'raw.rego', 'pretty.rego', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ comparisons: [{ measurementChanges: true, changes: [] }] });
    expect(exitCode).toBe(0);
  });
});

describe('holdfast policy inspect', () => {
  it('shows containers in a table, with colours only where they are welcome', async () => {
    await generated('--debug-mode');
    const args = ['inspect', 'operator.yaml'];
    const plain = await policy(...args);
    expect(plain.stdout).toMatch(/uid2-operator {2,}registry\.example\/.*\/bin\/sh -c \/app\/start\.sh/u);
    expect(plain.stdout).toContain('allow_environment_variable_dropping = true');
    expect(plain.stdout).toContain('CCE-DEBUG');
    const coloured = await workspace.policy(args, { terminal: true });
    expect(coloured.stdout).toContain('\u001b[33mwarning');
    expect((await workspace.policy(args, { terminal: true, env: { NO_COLOR: '1' } })).stdout).toBe(plain.stdout);
  });

  it('lets nothing of a policy steer the terminal', async () => {
    await workspace.write(
      'evil.rego',
      'package policy\n\ncontainers := [{"id": "a\\u001b[2Jb", "layers": [], "command": ["\\u202ex"]}]\n',
    );
    const { stdout } = await policy('inspect', 'evil.rego');
    // oxlint-disable-next-line no-control-regex -- that is what must not be there
    expect(stdout).not.toMatch(/[\u001b\u202e]/u);
    expect(stdout).toContain('CONTAINER');
  });

  it('gives everything as JSON', async () => {
    await generated();
    const { stdout } = await policy('inspect', 'operator.yaml', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'manifests',
      policies: [{ type: 'cce', present: true, containers: [{ name: 'uid2-operator' }, { name: 'skr' }, {}] }],
    });
  });
});
