import { isDeepStrictEqual } from 'node:util';

import { InternalError, UnsupportedError } from '@holdfast/base';
import { isAlias, isMap, isScalar, isSeq, type Pair, type YAMLMap } from 'yaml';

import { asObject } from './json-value.ts';
import { applyEdits, lineEnding, setOwn, type TextEdit } from './manifest-text.ts';
import type { ManifestPath } from './pod-template.ts';
import { scalarText } from './yaml-scalar.ts';
import { type ManifestDocument, type ManifestStream, readManifests } from './yaml-stream.ts';

/** Set the text at `path` of a document; mappings on the way that are missing or null are created. */
export interface YamlChange {
  readonly document: ManifestDocument;
  readonly path: ManifestPath;
  readonly value: string;
}

/**
 * The text of a stream after the changes, with every other byte as it was: comments, quotes, order, separators and line
 * endings. The result is read again and compared with what was meant before it is answered.
 * @throws UnsupportedError MANIFEST_EDIT_UNSUPPORTED when the place is an alias or carries an anchor or tag
 */
export function setYamlText(stream: ManifestStream, changes: readonly YamlChange[]): string {
  const text = applyEdits(
    stream.text,
    changes.map((change) => editFor(stream.text, change)),
  );
  const expected = stream.documents.map((document) => {
    const mine = changes.filter((change) => change.document === document);
    return mine.reduce((value, change) => withText(value, change.path, change.value), document.value);
  });
  const found = readManifests(text).documents.map((document) => document.value);
  if (!isDeepStrictEqual(found, expected)) {
    throw unsupported('setting the value would change another part of the document');
  }
  return text;
}

/** A copy of a plain value with the text at `path` set; mappings on the way are created. */
function withText(value: unknown, path: ManifestPath, text: string): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return text;
  if (Array.isArray(value)) {
    return (value as unknown[]).map((item, index) => (index === name ? withText(item, rest, text) : item));
  }
  const copy: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(asObject(value) ?? {})) setOwn(copy, key, member);
  setOwn(copy, String(name), withText(copy[name], rest, text));
  return copy;
}

function editFor(text: string, { document, path, value }: YamlChange): TextEdit {
  let node: unknown = document.syntax.contents;
  for (const [depth, name] of path.entries()) {
    if (isSeq(node)) {
      node = node.items[Number(name)];
      continue;
    }
    if (!isMap(node)) throw unsupported(`the value above ${String(name)} is not a mapping written in place`);
    const pair = node.items.find((item) => isScalar(item.key) && (item.key.source ?? item.key.value) === name);
    const rest = path.slice(depth).map(String);
    if (pair === undefined) return insertion(text, node, rest, value);
    if (depth === path.length - 1) return replacement(text, pair, value);
    if (isNull(pair.value)) return nullReplacement(text, node, pair, rest.slice(1), value);
    node = pair.value;
  }
  throw new InternalError('MANIFEST_EDIT_BROKEN', 'an empty path cannot be set');
}

function isNull(node: unknown): boolean {
  return (
    node === null || (isScalar(node) && node.type === 'PLAIN' && /^(?:|~|null|Null|NULL)$/.test(node.source ?? ''))
  );
}

/** Replaces the scalar that is there, or the nothing after the colon. */
function replacement(text: string, pair: Pair, value: string): TextEdit {
  const node = pair.value;
  if (node === null || isNull(node)) return { ...afterColon(text, pair), text: ` ${scalarText(value)}` };
  if (!isScalar(node) || isAlias(node)) throw unsupported('the value to replace is not a scalar written in place');
  refuseProperties(node);
  const [start, end] = rangeOf(node);
  const block = node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED';
  const quoted = node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE';
  const tail = block ? blankTail(text, start, end) : 0;
  // The quotes of a Base64 value stay: `'` needs no escapes for it and `"` reads the same.
  const quote = quoted ? text.charAt(start) : '';
  const plain = scalarText(value);
  return { start, end: end - tail, text: quoted && !plain.startsWith('"') ? quote + plain + quote : plain };
}

/** Characters of the line ends and indentation that close a block scalar. */
function blankTail(text: string, start: number, end: number): number {
  let at = end;
  while (at > start && /\s/.test(text.charAt(at - 1))) at -= 1;
  return end - at;
}

/**
 * Inserts `a: { b: text }` as the first entry of a mapping; before `spec` where there is one, because that reads best.
 */
function insertion(text: string, map: YAMLMap, names: readonly string[], value: string): TextEdit {
  refuseProperties(map, true);
  if (map.flow === true) {
    const open = rangeOf(map)[0] + 1;
    const separator = map.items.length > 0 ? ', ' : '';
    return { start: open, end: open, text: flowEntry(names, value) + separator };
  }
  const before = map.items.find((item) => isScalar(item.key) && item.key.source === 'spec') ?? map.items[0];
  const start = entryStart(before);
  const indent = columnOf(text, start);
  const eol = lineEnding(text);
  return { start, end: start, text: blockEntry(names, value, indent, eol) + eol + ' '.repeat(indent) };
}

/** Gives a key that has no value the mapping `{ b: text }`. */
function nullReplacement(text: string, map: YAMLMap, pair: Pair, names: readonly string[], value: string): TextEdit {
  const place = afterColon(text, pair);
  if (map.flow === true) return { ...place, text: ` {${flowEntry(names, value)}}` };
  const indent = columnOf(text, entryStart(pair)) + 2;
  const eol = lineEnding(text);
  return { ...place, text: eol + ' '.repeat(indent) + blockEntry(names, value, indent, eol) };
}

function blockEntry(names: readonly string[], value: string, indent: number, eol: string): string {
  const last = names.length - 1;
  return names
    .map((name, depth) => {
      const pad = depth === 0 ? '' : ' '.repeat(indent + 2 * depth);
      return `${pad}${scalarText(name)}:${depth === last ? ` ${scalarText(value)}` : ''}`;
    })
    .join(eol);
}

/** In flow style everything is in double quotes, so that a manifest written as JSON stays JSON. */
function flowEntry(names: readonly string[], value: string): string {
  const [name, ...rest] = names;
  return `${JSON.stringify(name)}: ${rest.length === 0 ? JSON.stringify(value) : `{${flowEntry(rest, value)}}`}`;
}

/** The range from the colon of a key without value (or with a written null) to the end of that value. */
function afterColon(text: string, pair: Pair): { start: number; end: number } {
  refuseProperties(pair.value);
  const colon = pair.srcToken?.sep?.find((token) => token.type === 'map-value-ind');
  if (colon === undefined) throw unsupported('the key is written without a colon');
  const start = colon.offset + 1;
  const node = pair.value;
  if (!isScalar(node) || (node.source ?? '') === '') return { start, end: start };
  const [from, end] = rangeOf(node);
  if (text.slice(start, from).trim() !== '') throw unsupported('a comment stands between the key and its value');
  return { start, end };
}

function entryStart(pair: Pair | undefined): number {
  const token = pair?.srcToken?.start[0] ?? pair?.srcToken?.key;
  const key = pair?.key;
  if (
    !isScalar(key) ||
    pair?.srcToken?.start.some(({ type }) => type !== 'space' && type !== 'newline' && type !== 'comment')
  ) {
    throw unsupported('a key beside the new one carries an anchor or is not a scalar');
  }
  return key.range?.[0] ?? token?.offset ?? 0;
}

/** Columns of the place from the start of its line. */
function columnOf(text: string, at: number): number {
  return at - (text.lastIndexOf('\n', at - 1) + 1);
}

function refuseProperties(node: unknown, tagsOnly = false): void {
  const { anchor, tag } = (node ?? {}) as { anchor?: string; tag?: string };
  if (tag !== undefined || (anchor !== undefined && !tagsOnly))
    throw unsupported('the value carries an anchor or a tag');
}

function rangeOf(node: { range?: readonly number[] | null | undefined }): readonly [number, number] {
  const [start, end] = node.range ?? [];
  if (start === undefined || end === undefined)
    throw new InternalError('MANIFEST_EDIT_BROKEN', 'a parsed node has no range');
  return [start, end];
}

function unsupported(problem: string): UnsupportedError {
  return new UnsupportedError('MANIFEST_EDIT_UNSUPPORTED', problem);
}
