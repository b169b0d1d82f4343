import { annotatePods, podAnnotation, podTemplates, readManifests } from '../../src/manifests/index.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const KEY = 'example.com/policy';

function annotate(text: string, value = 'cGFja2FnZQ=='): string {
  const stream = readManifests(text);
  return annotatePods(
    stream,
    podTemplates(stream).map((template) => ({ template, key: KEY, value })),
  );
}

const pod = (metadata: string) => `# a pod\napiVersion: v1\nkind: Pod\n${metadata}spec:\n  containers: []   # none\n`;

describe('annotatePods', () => {
  it.each([
    [
      'adds the first entry of a block mapping',
      'metadata:\n  name: a\n  annotations:\n    # why\n    b: "c" # d\n',
      'metadata:\n  name: a\n  annotations:\n    # why\n    example.com/policy: cGFja2FnZQ==\n    b: "c" # d\n',
    ],
    [
      'replaces a plain value',
      'metadata:\n  annotations:\n    example.com/policy: old # x\n    z: 1\n',
      'metadata:\n  annotations:\n    example.com/policy: cGFja2FnZQ== # x\n    z: 1\n',
    ],
    [
      'keeps the quotes of the value it replaces',
      "metadata:\n  annotations: {example.com/policy: 'old'}\n",
      "metadata:\n  annotations: {example.com/policy: 'cGFja2FnZQ=='}\n",
    ],
    [
      'replaces a folded value',
      'metadata:\n  annotations:\n    example.com/policy: >-\n      old\n      older\n    z: 1\n',
      'metadata:\n  annotations:\n    example.com/policy: cGFja2FnZQ==\n    z: 1\n',
    ],
    [
      'fills an empty value',
      'metadata:\n  annotations:\n    example.com/policy:   # none yet\n',
      'metadata:\n  annotations:\n    example.com/policy: cGFja2FnZQ==   # none yet\n',
    ],
    [
      'fills explicit null annotations',
      'metadata:\n  annotations: null\n  name: a\n',
      'metadata:\n  annotations:\n    example.com/policy: cGFja2FnZQ==\n  name: a\n',
    ],
    [
      'fills an empty flow mapping',
      'metadata: {}\n',
      'metadata: {"annotations": {"example.com/policy": "cGFja2FnZQ=="}}\n',
    ],
    [
      'creates annotations',
      'metadata:\n  name: a\n',
      'metadata:\n  annotations:\n    example.com/policy: cGFja2FnZQ==\n  name: a\n',
    ],
    ['creates metadata before spec', '', 'metadata:\n  annotations:\n    example.com/policy: cGFja2FnZQ==\n'],
    ['fills null metadata', 'metadata:\n', 'metadata:\n  annotations:\n    example.com/policy: cGFja2FnZQ==\n'],
  ])('%s and keeps every other byte', (_name, before, after) => {
    expect(annotate(pod(before))).toBe(pod(after));
    expect(annotate(pod(before).replaceAll('\n', '\r\n'))).toBe(pod(after).replaceAll('\n', '\r\n'));
  });

  it('annotates the pod template of each controller and no other document', () => {
    const controller = (kind: string) =>
      `kind: ${kind}\nmetadata: {name: c}\nspec:\n  template:\n    spec: {containers: [{name: x}]}\n`;
    const cron =
      'kind: CronJob\nspec:\n  jobTemplate:\n    spec:\n      template:\n        metadata:\n          labels: {a: b}\n        spec: {containers: []}\n';
    const text = ['kind: ConfigMap\n', controller('Deployment'), controller('Job'), '', cron].join('--- # next\n');
    const stream = readManifests(annotate(text));
    expect(podTemplates(stream).map((template) => podAnnotation(template, KEY))).toEqual(Array(3).fill('cGFja2FnZQ=='));
    expect(annotate(text).replaceAll(/^ *(?:metadata:|annotations:|example.com\/policy: .*)\n/gm, '')).toBe(
      text.replaceAll(/^ *metadata:\n/gm, ''),
    );
  });

  it('annotates a pod in a List and a pod written as JSON', () => {
    const list = '{"kind": "List", "items": [{"kind": "Pod", "spec": {"containers": []}}]}';
    expect(JSON.parse(annotate(list))).toEqual({
      kind: 'List',
      items: [{ kind: 'Pod', metadata: { annotations: { [KEY]: 'cGFja2FnZQ==' } }, spec: { containers: [] } }],
    });
  });

  it('keeps a byte order mark, and the blank lines after a block scalar', () => {
    const before = `\uFEFF${pod('metadata:\n  annotations:\n    example.com/policy: |\n      old\n\n\n')}`;
    const after = `\uFEFF${pod('metadata:\n  annotations:\n    example.com/policy: cGFja2FnZQ==\n\n\n')}`;
    expect(annotate(before)).toBe(after);
  });

  it('is idempotent', () => {
    const once = annotate(pod('metadata: {name: a}\n'));
    expect(annotate(once)).toBe(once);
  });

  it.each([
    ['metadata from an alias', 'x: &m {name: a}\nkind: Pod\nmetadata: *m\nspec: {containers: []}\n'],
    [
      'a value with an anchor',
      'kind: Pod\nmetadata: {annotations: {example.com/policy: &a x}}\nspec: {containers: []}\n',
    ],
    [
      'annotations of another document through a merge',
      'kind: Pod\nx: &b {annotations: {q: r}}\nmetadata:\n  <<: *b\n  name: a\nspec: {containers: []}\n',
    ],
    [
      'annotations shared by an anchor',
      'kind: Pod\nmetadata: {annotations: &a {q: r}, labels: *a}\nspec: {containers: []}\n',
    ],
  ])('refuses %s', (_name, text) => {
    expect(() => annotate(text)).toThrow(expect.objectContaining({ code: 'MANIFEST_EDIT_UNSUPPORTED' }));
  });

  it('sets any text as the value', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.constantFrom('', 'metadata: {}\n', 'metadata:\n  annotations:\n'),
        (value, metadata) => {
          const text = annotate(pod(metadata), value);
          const [template] = podTemplates(readManifests(text));
          expect(template && podAnnotation(template, KEY)).toBe(value);
        },
      ),
    );
  });
});

describe('podTemplates', () => {
  it('refuses a workload without containers', () => {
    expect(() => podTemplates(readManifests('kind: Deployment\nspec: {template: {spec: {}}}\n'))).toThrow(
      expect.objectContaining({ code: 'MANIFEST_POD_INVALID' }),
    );
  });
});
