import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { loadVectors } from '@holdfast/base/testing';
import { describe, type ExpectStatic, it } from 'vitest';

import { kataPolicies } from '../../src/kata/generate.ts';
import type { KataPolicyData } from '../../src/kata/policy-data.ts';
import { textSha256, writeKataPolicy } from '../../src/kata/policy-document.ts';
import { writePolicyJson } from '../../src/kata/policy-json.ts';
import { defaultKataSettings, parseKataSettings } from '../../src/kata/settings.ts';
import { readManifests } from '../../src/manifests/index.ts';
import {
  type KataCase,
  kataCases,
  msImages,
  upstreamImages,
  vectorJson,
  vectorsMissing,
  vectorText,
} from './vectors.ts';

/** Published inputs with fields that the reference tool tolerated only because it ran silently. */
const silent = /webhook/u;

const constants = (loadVectors('policy/constants.json') ?? { kataMs: {} }) as {
  readonly kataMs: { readonly rulesBytes: number; readonly rulesSha256: string };
};

/**
 * The whole policy: by its length always, and by its digest when the environment names the AKS tool's rules file, which is not part of
 * the vectors.
 */
function expectWholePolicy(expect: ExpectStatic, json: string, expected: KataCase['resources'][number]): void {
  const text = writeKataPolicy('', JSON.parse(json) as KataPolicyData);
  const bytes = constants.kataMs.rulesBytes + Buffer.byteLength(text, 'utf8');
  expect([bytes, Math.ceil(bytes / 3) * 4]).toEqual([expected.policyBytes, expected.base64Length]);
  const file = process.env['HOLDFAST_KATA_MS_RULES'];
  if (file === undefined) return;
  const rules = readFileSync(file, 'utf8');
  expect(textSha256(rules)).toBe(constants.kataMs.rulesSha256);
  expect(textSha256(rules + text)).toBe(expected.policySha256);
}

describe.skipIf(vectorsMissing)('kataPolicies writes the published policy_data byte for byte', () => {
  for (const entry of kataCases('kata-ms')) {
    it(`of ${entry.id}`, ({ expect }) => {
      const { policies } = kataPolicies([readManifests(vectorText(entry.input))], msImages(entry.images), {
        settings: defaultKataSettings('ms'),
        tolerateUnknownFields: silent.test(entry.id),
      });
      expect(policies.map(({ resource }) => resource.kind)).toEqual(entry.resources.map(({ kind }) => kind));
      entry.resources.forEach((expected, at) => {
        const text = writePolicyJson(policies[at]?.policyData);
        expect(text).toBe(vectorText(expected.policyData));
        expect(createHash('sha256').update(text, 'utf8').digest('hex')).toBe(expected.policyDataSha256);
        expectWholePolicy(expect, text, expected);
      });
    });
  }
});

describe.skipIf(vectorsMissing)('kataPolicies agrees with an independent generator in the upstream profile', () => {
  for (const entry of kataCases('kata-eval')) {
    it(`about ${entry.id}`, ({ expect }) => {
      const streams = entry.files
        .filter((file) => file.endsWith('.yaml'))
        .toSorted((a, b) => Number(b.endsWith('pod.yaml')) - Number(a.endsWith('pod.yaml')))
        .map((file) => readManifests(vectorText(file)));
      const { policies } = kataPolicies(streams, upstreamImages(), { settings: defaultKataSettings('upstream') });
      expect(policies).toHaveLength(1);
      const written: unknown = JSON.parse(writePolicyJson(policies[0]?.policyData));
      expect(written).toEqual(vectorJson(entry.computed.policyData));
    });
  }
});

describe.skipIf(vectorsMissing)('defaultKataSettings', () => {
  it('carries the settings of the AKS policy tool', ({ expect }) => {
    expect(defaultKataSettings('ms')).toEqual(parseKataSettings('ms', vectorText('kata-ms/genpolicy-settings.json')));
  });

  it('carries the settings of Kata Containers 4.1.0', ({ expect }) => {
    const read = parseKataSettings('upstream', vectorText('kata-eval/genpolicy-settings.json'));
    expect(defaultKataSettings('upstream')).toEqual(read);
  });
});
