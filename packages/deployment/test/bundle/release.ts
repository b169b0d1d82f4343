import { createHash } from 'node:crypto';

import { toBase64, toUtf8 } from '@holdfast/base';
import { pauseContainer } from '@holdfast/policy';

import { bundleOf } from '../doctor/facts.ts';
import type { Bundle } from '../../src/index.ts';

const rule = (pattern: string, strategy = 'string'): unknown => ({ pattern, strategy, required: false });

export interface ReleaseOptions {
  readonly rules?: readonly unknown[];
  readonly skrCommand?: readonly string[];
  readonly pause?: boolean;
}

/** A policy of the shape of a release: the sidecar, the operator with three open variables, and the sandbox. */
export function policyText(options: ReleaseOptions = {}): string {
  const entry = (name: string, command: readonly string[], rules: readonly unknown[]): unknown => ({
    ...pauseContainer,
    name,
    id: name,
    command,
    env_rules: rules,
    layers: ['aa'.repeat(32)],
  });
  const containers = [
    entry('skr', options.skrCommand ?? ['/skr.sh'], [rule('Port=9000')]),
    entry(
      'uid2-operator',
      ['python3', 'start.py'],
      options.rules ??
        ['VAULT_NAME', 'OPERATOR_KEY_SECRET_NAME', 'DEPLOYMENT_ENVIRONMENT'].map((name) => rule(`${name}=.+`, 're2')),
    ),
    ...(options.pause === false ? [] : [pauseContainer]),
  ];
  return [
    'package policy',
    '',
    'api_version := "0.10.0"',
    'framework_version := "0.2.3"',
    '',
    'fragments := []',
    '',
    `containers := ${JSON.stringify(containers)}`,
    '',
    'allow_properties_access := true',
    'allow_environment_variable_dropping := true',
    '',
  ].join('\n');
}

export function digestOf(policy: string): string {
  return createHash('sha256').update(toUtf8(policy)).digest('hex');
}

/** A release with an image and a policy. */
export function releaseOf(policy = policyText(), change: (text: string) => string = (text) => text): Bundle {
  return bundleOf((text) =>
    change(
      text
        .replaceAll('CCE_POLICY_PLACEHOLDER', toBase64(toUtf8(policy)))
        .replaceAll('"IMAGE_PLACEHOLDER"', '"ghcr.io/iabtechlab/uid2-operator:5.58.0-azure-cc"'),
    ),
  );
}

/** The setting that names the published digest. */
export function digestSetting(policy = policyText()): string {
  return `operator: {bundle: {path: x, digest: "${digestOf(policy)}"}}\n`;
}
