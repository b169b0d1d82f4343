import { fromBase64, fromUtf8 } from '@holdfast/base';
import { loadVectors } from '@holdfast/base/testing';
import { lintCceText, measureCceText } from '@holdfast/policy';
import type { ImageFacts } from '@holdfast/policy';
import { describe, expect, it } from 'vitest';

import { operatorPodImages } from '../../src/images/service-images.ts';
import { createOperatorPolicy } from '../../src/virtual-node/operator-manifest.ts';

const images = operatorPodImages.map(({ reference, config }, index): ImageFacts => {
  const rootHashExt4 = String(index).repeat(64);
  const layer = { mediaType: 'layer', digest: 'sha256:0', size: 1, diffId: 'sha256:0', rootHashExt4 };
  const platform = { os: 'linux', architecture: 'amd64' };
  return { reference, manifestDigest: 'sha256:0', platform, config, layers: [layer] };
});
const policy = await createOperatorPolicy(images);

describe('createOperatorPolicy', () => {
  it('names the containers of the pod, their commands and the root hashes of their layers, and the sandbox', () => {
    expect(policy.containers.map(({ name, command, layers }) => [name, command, layers[0]?.[0]])).toEqual([
      ['skr', ['/skr.sh'], '0'],
      ['uid2-operator', ['/app/holdfast', 'serve', 'operator'], '1'],
    ]);
    expect(policy.text).toContain('"pause-container"');
  });

  it('drops no variable: one that no rule admits denies the container, as under the published policy', () => {
    expect(policy.text).toContain('allow_environment_variable_dropping := false');
    expect(lintCceText(policy.text).map(({ code }) => code)).toContain('CCE-NODROP-ENV');
  });

  it('admits any name of vault, secret and environment, and no other variable of its own', () => {
    const rules = policy.text.match(/"pattern":"[^"]*"/g)?.join('\n') ?? '';
    expect(rules).toContain('VAULT_NAME=.+');
    expect(rules).toContain('DEPLOYMENT_ENVIRONMENT=.+');
    expect(rules).not.toContain('CORE_BASE_URL');
    expect(rules).not.toMatch(/8080|9080|:\d{4}/);
  });

  it('carries the measurement of the exact text', () => {
    expect(fromUtf8(fromBase64(policy.base64))).toBe(policy.text);
    expect(measureCceText(policy.text).sha256).toBe(policy.sha256);
    expect(measureCceText(`${policy.text}\n`).sha256).not.toBe(policy.sha256);
  });
});

const vectors = loadVectors('uid2-core.json') as { vectors: Record<string, string>[] } | undefined;

describe.skipIf(vectors === undefined)('enclave id, known answers', () => {
  it('is the measurement that the published artefact script computes', () => {
    const known = vectors?.vectors.find(({ id }) => id === 'cce-policy-digest') ?? {};
    expect(measureCceText(known['rego_utf8'] ?? '').sha256).toBe(known['enclave_id']);
  });
});
