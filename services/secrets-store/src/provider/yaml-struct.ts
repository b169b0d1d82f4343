import { isAlias, isMap, isScalar, isSeq, parseDocument, Scalar } from 'yaml';
import type { Document, Node, YAMLMap } from 'yaml';

/** What a document is read for: the scalars keep their text, as in the provider's own decoder. */
export interface YamlStruct {
  readonly document: Document;
  /** Undefined for an empty document. */
  readonly root: YAMLMap | undefined;
}

/**
 * A YAML mapping whose scalars all stay text: `0755` is "0755". A repeated key is an error.
 * @throws Error with a text like that of the provider's decoder
 */
export function parseYamlStruct(text: string, typeName: string): YamlStruct {
  const document = parseDocument(text, {
    schema: 'failsafe',
    uniqueKeys: true,
    prettyErrors: false,
    logLevel: 'silent',
  });
  const [problem] = document.errors;
  if (problem !== undefined) throw new Error(`yaml: ${problem.message}`);
  const { contents } = document;
  if (isNull(contents)) return { document, root: undefined };
  if (!isMap(contents)) throw mismatch(contents, typeName);
  return { document, root: contents };
}

/** The value of a key, with its alias followed; undefined when it is not there or null. */
export function memberOf({ document, root }: YamlStruct, key: string): Node | undefined {
  const value = root?.items.find((pair) => isScalar(pair.key) && pair.key.value === key)?.value;
  return resolved(value, document);
}

/** The elements of a list of texts. */
export function textsOf(struct: YamlStruct, key: string): readonly string[] {
  const list = memberOf(struct, key);
  if (list === undefined) return [];
  if (!isSeq(list)) throw mismatch(list, '[]string');
  return list.items.map((item) => {
    const value = resolved(item, struct.document);
    return value === undefined ? '' : textOf(value);
  });
}

/** The text of a scalar. */
export function textOf(node: Node): string {
  if (!isScalar(node)) throw mismatch(node, 'string');
  return String(node.value);
}

/** A 32-bit integer: plain, decimal, octal or hexadecimal. A quoted number is text and refused. */
export function int32Of(node: Node): number {
  const text = isScalar(node) && node.type === Scalar.PLAIN ? String(node.value).replaceAll('_', '') : '';
  const [, sign = '', digits = ''] = /^([-+]?)(\d+|0x[\da-fA-F]+|0o[0-7]+|0b[01]+)$/.exec(text) ?? [];
  const octal = /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
  const value = digits === '' ? Number.NaN : Number(octal) * (sign === '-' ? -1 : 1);
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 31) return value;
  throw mismatch(node, 'int32');
}

function resolved(value: unknown, document: Document): Node | undefined {
  const node = isAlias(value) ? value.resolve(document) : (value as Node | null | undefined);
  return isNull(node) ? undefined : (node ?? undefined);
}

function isNull(node: unknown): boolean {
  if (node === null || node === undefined) return true;
  return isScalar(node) && node.type === Scalar.PLAIN && ['', '~', 'null', 'Null', 'NULL'].includes(String(node.value));
}

function mismatch(node: unknown, typeName: string): Error {
  const shown = isMap(node)
    ? '!!map'
    : isSeq(node)
      ? '!!seq'
      : `!!str \`${String((node as Scalar).value).slice(0, 20)}\``;
  return new Error(`yaml: unmarshal errors:\n  cannot unmarshal ${shown} into ${typeName}`);
}
