import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { fromBase64, fromUtf8, toHex, toUtf8 } from '@holdfast/base';
import { loadVectors, vectorsFolder } from '@holdfast/base/testing';
import { describe, expect, it } from 'vitest';

import { operatorPodImages } from '../../src/virtual-node/image-catalogue.ts';
import { createOperatorPolicy } from '../../src/virtual-node/operator-manifest.ts';
import { enclaveIdOf, encodeCcePolicy, measureCcePolicy } from '../../src/virtual-node/policy.ts';

const policy = createOperatorPolicy(operatorPodImages(['holdfast', 'serve']));

describe('createOperatorPolicy', () => {
  it('gives the same bytes wherever the product is installed', () => {
    expect(createOperatorPolicy(operatorPodImages(['/another/place/node', 'serve']))).toBe(policy);
  });

  it('reads like the documents of the confcom tool', () => {
    const lines = policy.split('\n');
    expect(lines[0]).toBe('package policy');
    expect(policy).toContain('\napi_version := "0.11.0"\nframework_version := "0.2.3"\n');
    expect(lines.at(-1)).toBe('reason := {"errors": data.framework.errors}');
    const containers = lines.find((line) => line.startsWith('containers := '))?.slice('containers := '.length) ?? '';
    const parsed = JSON.parse(containers) as { name: string; command: string[]; env_rules: { pattern: string }[] }[];
    expect(parsed.map(({ name, command }) => [name, command[0]])).toEqual([
      ['skr', '/skr.sh'],
      ['uid2-operator', '/app/holdfast'],
    ]);
    expect(JSON.stringify(sortKeys(parsed))).toBe(containers);
  });

  it('does not depend on ports, addresses or the names of vault and secret', () => {
    const rules = policy.match(/"pattern":"[^"]*"/g)?.join('\n') ?? '';
    expect(rules).toContain('VAULT_NAME=.+');
    expect(rules).toContain('http_port=[0-9]+');
    expect(rules).toContain('CORE_BASE_URL=https?://.+');
    expect(rules).not.toMatch(/8080|9080|:\d{4}/);
  });

  it('carries the measurement of the exact text', () => {
    expect(enclaveIdOf(policy)).toBe(toHex(measureCcePolicy(fromBase64(encodeCcePolicy(policy)))));
    expect(fromUtf8(fromBase64(encodeCcePolicy(policy)))).toBe(policy);
    expect(enclaveIdOf(`${policy}\n`)).not.toBe(enclaveIdOf(policy));
  });
});

const vectors = loadVectors('uid2-core.json') as { vectors: Record<string, string>[] } | undefined;

describe.skipIf(vectors === undefined)('enclaveIdOf, known answers', () => {
  it('gives the enclave id of the published artefact script', () => {
    const known = vectors?.vectors.find(({ id }) => id === 'cce-policy-digest') ?? {};
    expect(enclaveIdOf(known['rego_utf8'] ?? '')).toBe(known['enclave_id']);
    expect(encodeCcePolicy(known['rego_utf8'] ?? '')).toBe(known['annotation_base64']);
  });
});

const samples = join(vectorsFolder() ?? '', 'policy', 'cce', 'vn2');

describe.skipIf(vectorsFolder() === undefined)('createCcePolicy, beside generated samples', () => {
  it('names the same sections and the same members per container', () => {
    const sample = readdirSync(samples)
      .map((folder) => join(samples, folder, 'expected.G3.pretty.rego'))
      .map((file) => tryRead(file))
      .find((text) => text !== undefined);
    const sections = (text: string): string[] => [...text.matchAll(/^(\w+) :=/gm)].map(([, name]) => name ?? '');
    expect(sections(policy)).toEqual(sections(sample ?? ''));
    const members = (text: string): string[] =>
      Object.keys((JSON.parse(/^containers := ([\s\S]*?\n?\])\n\n/m.exec(text)?.[1] ?? '[{}]') as object[])[0] ?? {});
    expect(members(policy)).toEqual(members(sample ?? '').filter((name) => name !== 'id'));
    expect(toUtf8(policy).every((byte) => byte < 0x80)).toBe(true);
  });
});

function tryRead(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // not every sample folder has this generation
  }
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sortKeys(inner)]),
  );
}
