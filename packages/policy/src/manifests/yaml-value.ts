import { MalformedError } from '@holdfast/base';
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Scalar, type YAMLMap } from 'yaml';

import type { ManifestLimits } from './limits.ts';
import { lineAt, setOwn } from './manifest-text.ts';
import { plainScalar } from './yaml-scalar.ts';

/** Values left to make before a text counts as too large; shared by all documents of a stream. */
export interface NodeBudget {
  remaining: number;
}

interface Reading {
  readonly text: string;
  readonly limits: ManifestLimits;
  readonly budget: NodeBudget;
  readonly anchors: Map<string, Node>;
  /** Nodes being read now, outermost first: an alias to one of them has no end. */
  readonly open: Set<Node>;
}

/**
 * The plain value of a document, with aliases followed and merge keys (`<<`) applied, as Kubernetes reads it.
 * @throws MalformedError MANIFEST_TOO_LARGE, MANIFEST_TOO_DEEP, MANIFEST_KEY_DUPLICATE, MANIFEST_YAML_INVALID
 */
export function documentValue(document: Document, text: string, limits: ManifestLimits, budget: NodeBudget): unknown {
  const reading: Reading = { text, limits, budget, anchors: new Map(), open: new Set() };
  return valueOf(document.contents, 1, reading);
}

function valueOf(node: unknown, depth: number, reading: Reading): unknown {
  if (node === null || node === undefined) return null;
  if (isAlias(node)) {
    const target = reading.anchors.get(node.source);
    if (target === undefined) throw invalid(node, `the alias *${node.source} has no anchor before it`, reading);
    return valueOf(target, depth, reading);
  }
  spend(depth, reading);
  if (isScalar(node)) {
    anchor(node, reading);
    return scalarValue(node, reading);
  }
  if (!isMap(node) && !isSeq(node)) throw invalid(undefined, 'a node is no scalar, mapping or sequence', reading);
  if (reading.open.has(node)) throw invalid(node, 'an alias points to a value that contains it', reading);
  anchor(node, reading);
  checkTag(node, isMap(node) ? 'map' : 'seq', reading);
  reading.open.add(node);
  const value = isMap(node)
    ? mapValue(node, depth, reading)
    : node.items.map((item) => valueOf(item, depth + 1, reading));
  reading.open.delete(node);
  return value;
}

function spend(depth: number, { limits, budget }: Reading): void {
  if (depth > limits.maxDepth) {
    throw new MalformedError('MANIFEST_TOO_DEEP', `values are nested deeper than ${limits.maxDepth} levels`);
  }
  budget.remaining -= 1;
  if (budget.remaining < 0) {
    throw new MalformedError('MANIFEST_TOO_LARGE', `the input holds more than ${limits.maxNodes} values`);
  }
}

function mapValue(map: YAMLMap, depth: number, reading: Reading): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  const merged: Record<string, unknown>[] = [];
  const seen = new Set<string>();
  for (const pair of map.items) {
    const name = keyName(pair.key, reading);
    if (seen.has(name)) {
      throw new MalformedError(
        'MANIFEST_KEY_DUPLICATE',
        `the key ${JSON.stringify(name)} occurs twice${at(pair.key, reading)}`,
      );
    }
    seen.add(name);
    const member = valueOf(pair.value, depth + 1, reading);
    if (name === '<<' && isPlain(pair.key)) merged.push(...mergeSources(member, pair.key, reading));
    else setOwn(value, name, member);
  }
  // A mapping's own keys win over merged ones, and earlier merged mappings over later ones.
  for (const source of merged) {
    for (const [name, member] of Object.entries(source)) {
      if (!Object.hasOwn(value, name)) setOwn(value, name, member);
    }
  }
  return value;
}

function mergeSources(value: unknown, key: unknown, reading: Reading): Record<string, unknown>[] {
  const sources: unknown[] = Array.isArray(value) ? value : [value];
  return sources.map((source) => {
    if (typeof source === 'object' && source !== null && !Array.isArray(source))
      return source as Record<string, unknown>;
    throw invalid(key, 'a merge key needs a mapping or a list of mappings', reading);
  });
}

/** The name of a mapping's key; numbers and booleans count as their text, as they do when YAML becomes JSON. */
function keyName(key: unknown, reading: Reading): string {
  const node = isAlias(key) ? reading.anchors.get(key.source) : key;
  if (!isScalar(node)) throw invalid(key, 'a key is not a scalar', reading);
  anchor(node, reading);
  const value = scalarValue(node, reading);
  return typeof value === 'string' ? value : (node.source ?? String(value));
}

function scalarValue(node: Scalar, reading: Reading): string | number | boolean | null {
  const source = node.source ?? '';
  if (node.tag === undefined) return isPlain(node) ? plainScalar(source) : source;
  const value = node.tag === 'tag:yaml.org,2002:str' ? source : plainScalar(source);
  const kind = value === null ? 'null' : { string: 'str', boolean: 'bool', number: 'number' }[typeof value as 'string'];
  const tags: Readonly<Record<string, readonly string[]>> = { number: ['int', 'float'] };
  if ((tags[kind] ?? [kind]).some((name) => node.tag === `tag:yaml.org,2002:${name}`)) return value;
  throw invalid(node, `the tag ${node.tag} does not fit its value or is not accepted`, reading);
}

function isPlain(node: unknown): boolean {
  return isScalar(node) && node.type === 'PLAIN';
}

function checkTag(node: Node, kind: 'map' | 'seq', reading: Reading): void {
  if (node.tag === undefined || node.tag === `tag:yaml.org,2002:${kind}`) return;
  throw invalid(node, `the tag ${node.tag} is not accepted`, reading);
}

function anchor(node: Scalar | YAMLMap | Node, reading: Reading): void {
  const name = (node as { anchor?: string }).anchor;
  if (name !== undefined) reading.anchors.set(name, node);
}

function at(node: unknown, reading: Reading): string {
  const start = (node as { range?: readonly number[] | null } | undefined)?.range?.[0];
  return start === undefined ? '' : ` (line ${lineAt(reading.text, start)})`;
}

function invalid(node: unknown, problem: string, reading: Reading): MalformedError {
  return new MalformedError('MANIFEST_YAML_INVALID', `${problem}${at(node, reading)}`);
}
