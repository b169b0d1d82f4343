import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeFields, encodeFields, joinPath } from '../../../src/kubernetes/api/apply/field-set.ts';
import { applyJsonPatch } from '../../../src/kubernetes/api/apply/json-patch.ts';
import { applyMergePatch } from '../../../src/kubernetes/api/apply/merge-patch.ts';
import { applyStrategicMergePatch } from '../../../src/kubernetes/api/apply/strategic-merge-patch.ts';
import { decodeProtobuf } from '../../../src/kubernetes/api/http/protobuf.ts';
import { builtInSchema } from '../../../src/kubernetes/api/scheme/schema.ts';
import { StatusError } from '../../../src/kubernetes/api/status.ts';

describe('applyJsonPatch', () => {
  it.each([
    ['adds a member', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    ['inserts into a list', { l: [1, 3] }, [{ op: 'add', path: '/l/1', value: 2 }], { l: [1, 2, 3] }],
    ['appends to a list', { l: [1] }, [{ op: 'add', path: '/l/-', value: 2 }], { l: [1, 2] }],
    ['removes an item', { l: [1, 2] }, [{ op: 'remove', path: '/l/0' }], { l: [2] }],
    ['replaces a value', { a: 1 }, [{ op: 'replace', path: '/a', value: 2 }], { a: 2 }],
    ['moves a value', { a: { x: 1 } }, [{ op: 'move', from: '/a/x', path: '/b' }], { a: {}, b: 1 }],
    ['copies a value', { a: [1] }, [{ op: 'copy', from: '/a', path: '/b' }], { a: [1], b: [1] }],
    ['unescapes names', { 'a/b': { '~': 1 } }, [{ op: 'remove', path: '/a~1b/~0' }], { 'a/b': {} }],
    [
      'goes on after a test that holds',
      { a: [1, { b: 2 }] },
      [{ op: 'test', path: '/a', value: [1, { b: 2 }] }],
      { a: [1, { b: 2 }] },
    ],
  ])('%s', (_name, document, patch, expected) => {
    const before = structuredClone(document);
    expect(applyJsonPatch(document, patch)).toEqual(expected);
    expect(document).toEqual(before);
  });

  it.each([
    ['a test that fails', [{ op: 'test', path: '/a', value: 2 }]],
    ['a path that is not there', [{ op: 'remove', path: '/x/y' }]],
    ['an index past the end', [{ op: 'add', path: '/l/3', value: 1 }]],
    ['an index with a leading zero', [{ op: 'remove', path: '/l/00' }]],
    ['a move into itself', [{ op: 'move', from: '/o', path: '/o/x' }]],
    ['an operation without a value', [{ op: 'add', path: '/b' }]],
    ['an unknown operation', [{ op: 'increment', path: '/a' }]],
  ])('refuses %s', (_name, patch) => {
    expect(() => applyJsonPatch({ a: 1, l: [1], o: {} }, patch)).toThrow(StatusError);
  });

  it('cannot reach the prototype of objects', () => {
    applyJsonPatch({}, [{ op: 'add', path: '/__proto__', value: { polluted: true } }]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('applyMergePatch', () => {
  // The examples of RFC 7396, appendix A, in short.
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'foo' }, null, null],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j and %j give %j', (document, patch, expected) => {
    expect(applyMergePatch(document, patch)).toEqual(expected);
  });
});

describe('applyStrategicMergePatch', () => {
  const schema = builtInSchema('Pod');
  const patched = (spec: unknown, patch: unknown): unknown =>
    (applyStrategicMergePatch(schema, { spec }, { spec: patch }) as { readonly spec: unknown }).spec;

  it('merges containers by name and leaves the others alone', () => {
    const containers = [
      { name: 'a', image: 'a:1' },
      { name: 'b', image: 'b:1' },
    ];
    expect(patched({ containers }, { containers: [{ name: 'b', image: 'b:2' }] })).toEqual({
      containers: [
        { name: 'a', image: 'a:1' },
        { name: 'b', image: 'b:2' },
      ],
    });
  });

  it('deletes an item, replaces a list, replaces an object', () => {
    const containers = [{ name: 'a' }, { name: 'b' }];
    expect(patched({ containers }, { containers: [{ name: 'a', $patch: 'delete' }] })).toEqual({
      containers: [{ name: 'b' }],
    });
    expect(patched({ containers }, { containers: [{ $patch: 'replace' }, { name: 'c' }] })).toEqual({
      containers: [{ name: 'c' }],
    });
    const nodeSelector = { $patch: 'replace', disk: 'ssd' };
    expect(patched({ nodeSelector: { zone: '1' } }, { nodeSelector })).toEqual({ nodeSelector: { disk: 'ssd' } });
  });

  it('orders a list as it is told to', () => {
    const containers = [{ name: 'a' }, { name: 'b' }, { name: 'c' }];
    const order = [{ name: 'c' }, { name: 'a' }];
    expect(patched({ containers }, { '$setElementOrder/containers': order })).toEqual({
      containers: [{ name: 'b' }, { name: 'c' }, { name: 'a' }],
    });
  });

  it('removes values from a plain list and keeps only named keys', () => {
    const metadata = builtInSchema('ObjectMeta');
    const patch = { '$deleteFromPrimitiveList/finalizers': ['a'] };
    expect(applyStrategicMergePatch(metadata, { finalizers: ['a', 'b'] }, patch)).toEqual({ finalizers: ['b'] });
    const volumes = [{ name: 'v', emptyDir: {} }];
    const kept = [{ name: 'v', $retainKeys: ['name', 'secret'], secret: { secretName: 's' } }];
    expect(patched({ volumes }, { volumes: kept })).toEqual({ volumes: [{ name: 'v', secret: { secretName: 's' } }] });
  });

  it('replaces a list without a merge key, and refuses an item without its key', () => {
    const tolerations = [{ key: 'a' }];
    expect(patched({ tolerations }, { tolerations: [{ key: 'b' }] })).toEqual({ tolerations: [{ key: 'b' }] });
    expect(() => patched({ containers: [] }, { containers: [{ image: 'x' }] })).toThrow(/merge key: name/);
  });
});

describe('FieldsV1', () => {
  const element = fc.oneof(
    fc.string({ maxLength: 5 }).map((name) => `f:${name.replaceAll('\u0000', '')}`),
    fc.string({ maxLength: 5 }).map((value) => `v:${JSON.stringify(value)}`),
    fc.string({ maxLength: 5 }).map((value) => `k:${JSON.stringify({ name: value })}`),
  );
  const path = fc
    .array(element, { minLength: 1, maxLength: 4 })
    .map((elements) => elements.reduce((parent, one) => joinPath(parent, one), ''));

  it('comes back from its encoding', () => {
    fc.assert(
      fc.property(fc.array(path, { maxLength: 20 }), (paths) => {
        const set = new Set(paths);
        expect(decodeFields(JSON.parse(JSON.stringify(encodeFields(set))))).toEqual(set);
      }),
    );
  });

  it('is refused when it is something else', () => {
    for (const fields of [1, [], { x: {} }, { 'f:a': 1 }, { 'k:name': {} }]) {
      expect(() => decodeFields(fields)).toThrow(StatusError);
    }
  });
});

describe('decodeProtobuf', () => {
  // What kubectl 1.32 sends for `create namespace kafka`.
  const namespace = Buffer.from(
    '6b3873000a0f0a0276311209' +
      Buffer.from('Namespace').toString('hex') +
      '1219' +
      '0a130a056b61666b61' +
      '1200' +
      '1a00' +
      '2200' +
      '2a00' +
      '3200' +
      '1200' +
      '1a020a00' +
      '1a002200',
    'hex',
  );

  it('reads a namespace', () => {
    expect(decodeProtobuf(namespace)).toMatchObject({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'kafka' },
    });
  });

  it('lets only refusals escape, whatever is cut off or changed', () => {
    fc.assert(
      fc.property(fc.nat(namespace.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const bytes = cut ? namespace.subarray(0, at) : Buffer.from(namespace);
        if (!cut) bytes[at] = byte;
        try {
          decodeProtobuf(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(StatusError);
        }
      }),
    );
  });
});
