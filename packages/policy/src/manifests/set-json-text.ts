import { InternalError, UnsupportedError } from '@holdfast/base';

import type { JsonMember, JsonNode, JsonSource } from './json-syntax.ts';
import { applyEdits, lineEnding, type TextEdit } from './manifest-text.ts';
import type { ManifestPath } from './pod-template.ts';

/**
 * Set the text at `path`; object members are found in any letter case, missing or null objects on the way are created.
 */
export interface JsonChange {
  readonly path: ManifestPath;
  readonly value: string;
}

/**
 * The text of a JSON document after the changes, with every other byte as it was: order, comments, indentation and line
 * endings. New members come last in their object, in the indentation of the document.
 * @throws UnsupportedError MANIFEST_EDIT_UNSUPPORTED when a value on the way is neither an object nor null
 */
export function setJsonText(source: JsonSource, changes: readonly JsonChange[]): string {
  return applyEdits(
    source.text,
    changes.map((change) => editFor(source, change)),
  );
}

function editFor({ text, root }: JsonSource, { path, value }: JsonChange): TextEdit {
  let node = root;
  for (const [depth, name] of path.entries()) {
    const next = typeof name === 'number' ? node.items?.[name] : memberOf(node, name)?.node;
    if (next === undefined || (next.value === null && depth < path.length - 1)) {
      return creation(text, node, next, path.slice(depth).map(String), value);
    }
    node = next;
  }
  if (node.members !== undefined || node.items !== undefined) throw unsupported('the value to replace is not text');
  return { start: node.start, end: node.end, text: JSON.stringify(value) };
}

/** A member by its name in any letter case, an exact match first. */
export function memberOf(node: JsonNode, name: string): JsonMember | undefined {
  const members = node.members ?? [];
  const wanted = name.toLowerCase();
  return (
    members.find((member) => member.name === name) ?? members.find((member) => member.name.toLowerCase() === wanted)
  );
}

function creation(
  text: string,
  parent: JsonNode,
  at: JsonNode | undefined,
  names: readonly string[],
  value: string,
): TextEdit {
  if (parent.members === undefined) throw unsupported(`the value that should hold ${names[0] ?? ''} is not an object`);
  const layout = layoutOf(text, parent);
  if (at !== undefined) {
    const [, ...rest] = names;
    return { start: at.start, end: at.end, text: objectText(rest, value, layout) };
  }
  const entry = entryText(names, value, layout);
  const last = parent.members.at(-1);
  if (last !== undefined) {
    const space = layout.multiline ? layout.eol + layout.indent : ' ';
    return { start: last.node.end, end: last.node.end, text: `,${space}${entry}` };
  }
  if (text.slice(parent.start + 1, parent.end - 1).trim() !== '') throw unsupported('the empty object holds a comment');
  const close = layout.multiline ? layout.eol + layout.indent.slice(0, -layout.unit.length) : '';
  const open = layout.multiline ? layout.eol + layout.indent : '';
  return { start: parent.start + 1, end: parent.end - 1, text: open + entry + close };
}

interface Layout {
  readonly multiline: boolean;
  readonly eol: string;
  /** Of one level. */
  readonly unit: string;
  /** Of the members of the object. */
  readonly indent: string;
}

function layoutOf(text: string, object: JsonNode): Layout {
  const eol = lineEnding(text);
  const unit = /\n([ \t]+)\S/.exec(text)?.[1] ?? '';
  const first = object.members?.[0];
  const own = indentAt(text, object.start);
  const multiline = first === undefined ? unit !== '' : text.slice(object.start, first.nameStart).includes('\n');
  const indent = first === undefined || !multiline ? own + unit : indentAt(text, first.nameStart);
  return { multiline, eol, unit, indent };
}

/** The blanks that begin the line of a place. */
function indentAt(text: string, at: number): string {
  const line = text.slice(text.lastIndexOf('\n', at - 1) + 1, at);
  return /^[ \t]*/.exec(line)?.[0] ?? '';
}

function entryText(names: readonly string[], value: string, layout: Layout): string {
  const [name, ...rest] = names;
  if (name === undefined) throw new InternalError('MANIFEST_EDIT_BROKEN', 'an empty path cannot be set');
  return `${JSON.stringify(name)}: ${rest.length === 0 ? JSON.stringify(value) : objectText(rest, value, layout)}`;
}

function objectText(names: readonly string[], value: string, layout: Layout): string {
  const inner: Layout = { ...layout, indent: layout.indent + layout.unit };
  const entry = entryText(names, value, inner);
  if (!layout.multiline) return `{${entry}}`;
  return `{${layout.eol}${inner.indent}${entry}${layout.eol}${layout.indent}}`;
}

function unsupported(problem: string): UnsupportedError {
  return new UnsupportedError('MANIFEST_EDIT_UNSUPPORTED', problem);
}
