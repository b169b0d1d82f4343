import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { buildKubernetesApp, createClusterStore } from '../../../src/kubernetes/api/index.ts';
import { isMap } from '../../../src/kubernetes/api/objects.ts';
import { backend, TOKEN } from './cluster-server.ts';
import { runVector } from './merge-vectors.ts';
import type { Send, StepOutcome, VectorKind, VectorScenario, VectorState } from './merge-vectors.ts';

interface RecordedScenario extends VectorScenario {
  readonly outcomes: readonly StepOutcome[];
  /** The first 16 digits of the SHA-256 of each state as JSON with its names in order; null while there is no object. */
  readonly digests: readonly (string | null)[];
  /** The last state in full. */
  readonly state: VectorState | null;
}

interface MergeVectors {
  readonly source: string;
  readonly kinds: Readonly<Record<string, VectorKind>>;
  readonly crd: unknown;
}

const NOW = Date.parse('2026-01-01T00:00:00Z');
/** The first line says where they come from, every other one is a scenario. */
const [head = '', ...lines] = readFileSync(new URL('fixtures/merge-vectors.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n');
const vectors = JSON.parse(head) as MergeVectors;
const scenarios = lines.map((line) => JSON.parse(line) as RecordedScenario);

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => inOrder(item));
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((name) => [name, inOrder(value[name])]),
  );
}

function digestOf(state: VectorState | null): string | null {
  if (state === null) return null;
  return createHash('sha256')
    .update(JSON.stringify(inOrder(state)))
    .digest('hex')
    .slice(0, 16);
}

describe('acceptance 16: the API, replaying what a kube-apiserver answered', () => {
  let app: FastifyInstance;
  const send: Send = async (method, url, body) => {
    const response = await app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${TOKEN}`, ...(body === undefined ? {} : { 'content-type': body.type }) },
      ...(body === undefined ? {} : { payload: JSON.stringify(body.value) }),
    });
    return { status: response.statusCode, body: response.json<unknown>() };
  };

  beforeAll(async () => {
    let used = 0;
    const randomBytes = (length: number): Uint8Array => new Uint8Array(length).fill((used += 1) % 256);
    app = buildKubernetesApp({
      store: createClusterStore({ clock: () => NOW, randomBytes }),
      backend,
      clock: () => NOW,
      authenticate: async () => ({ username: 'administrator', groups: ['system:masters'] }),
    });
    const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    await send('POST', definitions, { type: 'application/json', value: vectors.crd });
  });

  afterAll(async () => app.close());

  it.each(scenarios.map((scenario, index) => [scenario.name, index, scenario] as const))(
    '%s',
    async (_name, index, scenario) => {
      const kind = vectors.kinds[scenario.kind];
      if (kind === undefined) throw new Error(`the vectors do not say what a ${scenario.kind} is`);
      const { steps, states } = await runVector(scenario, kind, `vector-${index + 1}`, send);
      expect(steps).toEqual(scenario.outcomes);
      expect(states.at(-1)).toEqual(scenario.state);
      expect(states.map(digestOf)).toEqual(scenario.digests);
    },
  );

  it('has at least 250 scenarios, each with a name of its own', () => {
    const names = scenarios.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(250);
  });
});
