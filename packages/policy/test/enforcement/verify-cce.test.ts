import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { loadVectors, vectorsFolder } from '@holdfast/base/testing';
import { describe, expect, it } from 'vitest';

import { generateCce } from '../../src/cce/index.ts';
import type { CceInput, CceOptions, GeneratedCcePolicy } from '../../src/cce/index.ts';
import type { PlatformProfile, VerificationFinding, VerifyCceInput } from '../../src/enforcement/index.ts';
import {
  aciProfile,
  predictContainer,
  predictedContainerOf,
  renderExplanation,
  verifyCce,
  virtualNodeProfile,
} from '../../src/enforcement/index.ts';
import { imageFacts, plainImages, sampleImages } from '../cce/support.ts';

const folder = vectorsFolder();
const index = loadVectors('policy/index.json') as
  | { cases: { id: string; kind: string; input: string; parameters?: string | null }[] }
  | undefined;
const samples = (index?.cases ?? []).filter((entry) => entry.kind === 'cce-aci' || entry.kind === 'cce-vn2');
const injected = ['IDENTITY_ENDPOINT', 'IMDS_ENDPOINT', 'APP_IDENTITY_ENDPOINT'];
const noDropping: CceOptions = { flags: { allow_environment_variable_dropping: false } };

const operatorYaml = `
apiVersion: v1
kind: Pod
metadata: { name: operator }
spec:
  containers:
    - name: operator
      image: registry.test/operator:1
      command: ["/bin/operator"]
      env: [{ name: DEPLOYMENT_ENVIRONMENT, value: prod }]
      livenessProbe: { exec: { command: ["/bin/check"] } }
`;

async function generated(options: CceOptions, yaml = operatorYaml): Promise<GeneratedCcePolicy> {
  const [policy] = await generateCce({ kind: 'virtual-node', manifests: yaml }, plainImages(), options);
  if (policy === undefined) throw new Error('no policy');
  return policy;
}

function verified(policy: GeneratedCcePolicy, more: Partial<VerifyCceInput> = {}): readonly VerificationFinding[] {
  const containers = policy.containers
    .filter((container) => container.name !== 'pause-container')
    .map((container) => predictedContainerOf(container));
  return verifyCce({ policy: policy.text, containers, profile: virtualNodeProfile, ...more }).findings;
}

const errors = (findings: readonly VerificationFinding[]): readonly string[] =>
  findings.filter((finding) => finding.severity === 'error').map((finding) => `${finding.code}: ${finding.message}`);

describe.skipIf(samples.length === 0)('a policy admits the deployment it was generated from', () => {
  it.each(samples)('$id', async ({ input, parameters, kind }) => {
    const path = join(folder ?? '', 'policy', input);
    if (!existsSync(path)) throw new Error(`missing ${path}`);
    const text = readFileSync(path, 'utf8');
    const source: CceInput =
      kind === 'cce-vn2'
        ? { kind: 'virtual-node', manifests: text }
        : {
            kind: 'arm',
            template: text,
            parameters: parameters ? readFileSync(join(folder ?? '', 'policy', parameters), 'utf8') : undefined,
          };
    const policies = await generateCce(source, sampleImages(), { approveWildcards: true });
    for (const policy of policies) {
      const profile = kind === 'cce-vn2' ? virtualNodeProfile : aciProfile;
      const findings = verified(policy, { profile, expectedHostData: policy.sha256 });
      const denied = findings.filter((finding) => finding.code === 'CCE-DENIED').map((finding) => finding.container);
      // A container without any command can never start; some published samples have one.
      const commandless = policy.containers.filter((container) => container.command === null);
      expect(denied).toEqual(commandless.map((container) => container.name));
    }
  });
});

describe('verifyCce', () => {
  it('predicts the outage that injected managed-identity variables cause, and the rules that prevent it', async () => {
    const findings = verified(await generated(noDropping));
    const denied = findings.find((finding) => finding.code === 'CCE-DENIED');
    expect(denied).toMatchObject({ severity: 'error', container: 'operator' });
    expect(denied?.explanation?.primary).toMatchObject({ predicate: 'environment', offending: injected });
    const rules = (denied?.suggestions ?? []).filter((suggestion) => suggestion.rule !== undefined);
    expect(rules.map((suggestion) => suggestion.rule?.['pattern'])).toEqual(injected.map((name) => `${name}=.+`));
    const text = denied?.explanation === undefined ? '' : renderExplanation(denied.explanation);
    for (const name of injected) expect(text).toContain(`{"pattern":"${name}=.+","required":false,"strategy":"re2"}`);
    const repaired = verified(await generated({ ...noDropping, allowPlatformIdentity: true }));
    expect(errors(repaired)).toEqual([]);
  });

  it('warns of what dropping removes without a word', async () => {
    const findings = verified(await generated({}));
    expect(errors(findings)).toEqual([]);
    const dropped = findings.filter((finding) => finding.code === 'CCE-ENV-DROPPED');
    expect(dropped.map((finding) => finding.severity)).toEqual(['info', 'info', 'info']);
    expect(dropped.map((finding) => finding.message.split(' ')[0])).toEqual(injected);
  });

  it('predicts the denial of an image that changed without a new policy', async () => {
    const policy = await generated({});
    const [container] = policy.containers;
    if (container === undefined) throw new Error('no container');
    const changed = predictedContainerOf({ ...container, layers: ['cd'.repeat(32)] });
    const findings = verified(policy, { containers: [changed] });
    expect(findings.find((finding) => finding.code === 'CCE-DENIED')?.suggestions).toMatchObject([
      { kind: 'regenerate' },
    ]);
  });

  it('predicts the denial of a variable that the manifest got after generation', async () => {
    const policy = await generated({ ...noDropping, allowPlatformIdentity: true });
    const later = await generated(noDropping, operatorYaml.replace('env: [', 'env: [{ name: DEBUG, value: "1" }, '));
    const containers = later.containers.slice(0, 1).map((container) => predictedContainerOf(container));
    const [denied] = verified(policy, { containers }).filter((finding) => finding.code === 'CCE-DENIED');
    expect(denied?.explanation?.primary?.offending).toEqual(['DEBUG']);
  });

  it('reports secrets that stand in the policy without showing them', async () => {
    const policy = await generated({});
    const containers = policy.containers
      .slice(0, 1)
      .map((container) => predictedContainerOf(container, new Set(['prod'])));
    const finding = verified(policy, { containers }).find(({ code }) => code === 'CCE-SECRET-IN-POLICY');
    expect(finding?.message).toContain('DEPLOYMENT_ENVIRONMENT');
    expect(finding?.message).not.toContain('prod');
  });

  it('only warns of denials that announced variables will cause', async () => {
    const policy = await generated({ ...noDropping, allowPlatformIdentity: true });
    const soon = {
      name: 'SOON',
      example: '1',
      when: 'always',
      since: 'announced',
      scope: 'all',
      source: 'x',
      date: '2026-01-01',
    } as const;
    const profile: PlatformProfile = { ...virtualNodeProfile, variables: [...virtualNodeProfile.variables, soon] };
    const findings = verified(policy, { profile });
    expect(errors(findings)).toEqual([]);
    expect(findings.find((finding) => finding.code === 'CCE-DENIED-ANNOUNCED')).toMatchObject({ severity: 'warning' });
  });

  it('reports a missing policy, a wrong measurement and custom Rego', async () => {
    const policy = await generated({});
    expect(verified({ ...policy, text: '' }).map((finding) => finding.code)).toEqual(['CCE-EMPTY']);
    const codes = verified(policy, { expectedHostData: '0'.repeat(64) }).map((finding) => finding.code);
    expect(codes).toContain('MEASURE-MISMATCH');
    const custom = `${policy.text}\n\nextra if { true }\n`;
    const result = verifyCce({ policy: custom, containers: [], profile: aciProfile });
    expect(result.evaluated).toBe(false);
    expect(result.findings.map((finding) => finding.code)).toContain('CCE-CUSTOM-REGO');
  });
});

describe('predictContainer', () => {
  const image = imageFacts(
    'r',
    { Entrypoint: ['/e'], Cmd: ['c'], Env: ['A=1', 'B=2'], User: '5:6', WorkingDir: '' },
    [],
  );

  it('lets the manifest replace command, arguments, variables and user as Kubernetes does', () => {
    expect(predictContainer({ name: 'x' }, image)).toMatchObject({
      command: ['/e', 'c'],
      workingDir: '/',
      user: { id: '5' },
      groups: [{ id: '6' }],
      noNewPrivileges: false,
    });
    expect(predictContainer({ name: 'x', args: ['d'] }, image).command).toEqual(['/e', 'd']);
    const replaced = predictContainer(
      {
        name: 'x',
        command: ['/n'],
        env: [{ name: 'A', value: '9' }],
        securityContext: { runAsUser: 7, capabilities: { drop: ['CAP_CHOWN'] } },
      },
      image,
    );
    expect(replaced.command).toEqual(['/n']);
    expect(replaced.env.map(({ name, value }) => `${name}=${value}`)).toEqual(['A=9', 'B=2']);
    expect(replaced.user.id).toBe('7');
    expect(replaced.capabilities.bounding).not.toContain('CAP_CHOWN');
  });
});
