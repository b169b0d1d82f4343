import { loadVectors } from '@holdfast/base/testing';
import { describe, expect, it } from 'vitest';

import { runDoctor } from '../../src/index.ts';
import { configOf } from '../configs.ts';

interface NetworkCase {
  readonly id: string;
  readonly input: { readonly cluster_vnet: string; readonly peer_pod_vnet: string };
  readonly expect: { readonly overlap: boolean };
}

const vectors = loadVectors('trustee.json') as
  | { readonly groups: { readonly network: readonly NetworkCase[] } }
  | undefined;

describe.skipIf(vectors === undefined)('ranges of peered networks', () => {
  it.each(vectors?.groups.network ?? [])('$id', ({ input, expect: { overlap } }) => {
    // Ranges of pods and Services apart from both.
    const config = configOf(
      'peer-pods',
      `cluster: {vnet: {cidr: ${input.cluster_vnet}}, serviceCidr: 172.30.0.0/16, podCidr: 172.20.0.0/14}
network: {vnet: {cidr: ${input.peer_pod_vnet}}}
`,
    );
    const [result] = runDoctor(config, {}, new Set(['NW-08']));
    expect(result?.verdict).toBe(overlap ? 'failed' : 'passed');
  });
});
