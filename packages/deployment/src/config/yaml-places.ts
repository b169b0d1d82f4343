import { isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import type { Document } from 'yaml';

/** A path into the configuration: member names and list positions. */
export type ConfigPath = readonly (string | number)[];

/** A parsed configuration that remembers where everything stands. */
export interface PlacedYaml {
  readonly value: unknown;
  readonly errors: readonly { readonly line: number; readonly message: string }[];
  /** Line, from 1, of the value at a path, or of the nearest thing around it that is written down. */
  lineOf(path: ConfigPath): number;
  /** Line of a member's name. */
  lineOfKey(path: ConfigPath, key: string): number;
}

const MAX_LENGTH = 1024 * 1024;

/** Parses YAML; anything that is wrong with its grammar is in `errors`, never thrown. */
export function parsePlacedYaml(text: string): PlacedYaml {
  if (text.length > MAX_LENGTH) {
    return failed([{ line: 1, message: `the file is longer than ${MAX_LENGTH} characters` }]);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const lineAt = (offset: number): number => Math.max(1, lines.linePos(offset).line);
  if (document.errors.length > 0) {
    return failed(document.errors.map((error) => ({ line: lineAt(error.pos[0]), message: error.message })));
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch {
    // The library refuses documents whose aliases multiply.
    return failed([{ line: 1, message: 'the aliases of the file are nested too deeply' }]);
  }
  return {
    value,
    errors: [],
    lineOf: (path) => lineAt(offsetOf(document, path)),
    lineOfKey: (path, key) => lineAt(keyOffset(document, path, key) ?? offsetOf(document, path)),
  };
}

function failed(errors: PlacedYaml['errors']): PlacedYaml {
  return { value: undefined, errors, lineOf: () => 1, lineOfKey: () => 1 };
}

function offsetOf(document: Document, path: ConfigPath): number {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = path.slice(0, length - 1);
    const last = path[length - 1];
    // The name of a member stands where people look, even when its value is a block further down.
    const key = typeof last === 'string' ? keyOffset(document, parent, last) : undefined;
    if (key !== undefined) return key;
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

function keyOffset(document: Document, path: ConfigPath, key: string): number | undefined {
  const parent: unknown = path.length === 0 ? document.contents : document.getIn(path, true);
  if (!isMap(parent)) return undefined;
  for (const item of parent.items) {
    if (isPair(item) && isScalar(item.key) && String(item.key.value) === key) return item.key.range?.[0];
  }
  return undefined;
}
