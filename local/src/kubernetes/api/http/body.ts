import { errorMessage } from '@holdfast/base';
import { parseDocument } from 'yaml';

import { isMap } from '../objects.ts';
import type { ObjectInput } from '../objects.ts';
import { unknownFields } from '../scheme/schema.ts';
import type { KindInfo } from '../scheme/scheme.ts';
import { badRequest, StatusError } from '../status.ts';
import { decodeProtobuf, PROTOBUF_TYPE } from './protobuf.ts';
import type { ApiRequest, ResourcePath, ResourceRequest } from './request.ts';

/** Reads a body that is JSON, or YAML where a client may send it. Throws BadRequest, UnsupportedMediaType. */
export function readBody(request: ApiRequest): unknown {
  const type = mediaType(request);
  if (type === PROTOBUF_TYPE) return decodeProtobuf(request.body ?? new Uint8Array());
  if (type === 'application/yaml' || type === 'application/apply-patch+yaml') return parseYaml(textOf(request));
  if (type === '' || type === 'application/json' || /^application\/[\w.-]+\+json$/.test(type)) {
    return parseJson(textOf(request));
  }
  throw new StatusError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml`,
  );
}

export function mediaType(request: ApiRequest): string {
  return (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

function textOf(request: ApiRequest): string {
  return Buffer.from(request.body ?? new Uint8Array()).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw badRequest(`couldn't get version/kind; json parse error: ${errorMessage(error)}`);
  }
}

/** JSON is YAML as well; anchors are refused because they can blow up. */
function parseYaml(text: string): unknown {
  if (text.trimStart().startsWith('{')) return parseJson(text);
  const document = parseDocument(text, { uniqueKeys: true, version: '1.2' });
  const [problem] = document.errors;
  if (problem !== undefined) throw badRequest(`error converting YAML to JSON: ${problem.message}`);
  try {
    return document.toJS({ maxAliasCount: 0 }) as unknown;
  } catch (error) {
    throw badRequest(`error converting YAML to JSON: ${errorMessage(error)}`);
  }
}

/** The object of a body, checked against the path it was sent to. */
export function readObject(request: ResourceRequest, value: unknown): ObjectInput {
  const { info, path } = request;
  if (!isMap(value)) throw badRequest('the body of the request is not an object');
  const apiVersion = value['apiVersion'] ?? info.apiVersion;
  const kind = value['kind'] ?? info.kind;
  if (apiVersion !== info.apiVersion) {
    throw badRequest(
      `the API version in the data (${JSON.stringify(apiVersion)}) does not match the expected API version (${info.apiVersion})`,
    );
  }
  if (kind !== info.kind) {
    throw badRequest(`${JSON.stringify(kind)} in version "${info.version}" cannot be handled as a ${info.kind}`);
  }
  const metadata = { ...(isMap(value['metadata']) ? value['metadata'] : {}) };
  assertSame(metadata, 'name', path.name, 'name of the object', 'name on the URL');
  assertSame(
    metadata,
    'namespace',
    path.namespace,
    'namespace of the provided object',
    'namespace sent on the request',
  );
  if (path.name !== undefined) metadata['name'] = path.name;
  if (info.namespaced) metadata['namespace'] = namespaceOf(path, metadata);
  return { ...value, apiVersion, kind, metadata };
}

function namespaceOf(path: ResourcePath, metadata: Readonly<Record<string, unknown>>): string {
  if (path.namespace !== undefined) return path.namespace;
  const { namespace } = metadata as { readonly namespace?: unknown };
  return typeof namespace === 'string' && namespace !== '' ? namespace : 'default';
}

function assertSame(
  metadata: Readonly<Record<string, unknown>>,
  member: string,
  expected: string | undefined,
  what: string,
  where: string,
): void {
  const value = metadata[member];
  if (value === undefined || value === '' || value === null || expected === undefined || value === expected) return;
  if (member === 'namespace') throw badRequest(`the ${what} does not match the ${where}`);
  throw badRequest(`the ${what} (${JSON.stringify(value)}) does not match the ${where} (${expected})`);
}

/**
 * What `fieldValidation` asks for: Strict refuses members that the kind does not know, Warn (which is what happens when nothing is said) answers
 * with a header, Ignore does nothing.
 */
export function checkFields(request: ResourceRequest, object: ObjectInput, isApply: boolean): void {
  const mode = request.query.get('fieldValidation') ?? 'Warn';
  if (!['Strict', 'Warn', 'Ignore', ''].includes(mode)) {
    throw badRequest(`fieldValidation: Unsupported value: ${JSON.stringify(mode)}`);
  }
  const { info } = request;
  if (info.deprecation !== undefined) warn(request, info.deprecation);
  if (mode === 'Ignore') return;
  const unknown = unknownFields(info.schema, object);
  if (unknown.length === 0) return;
  if (mode === 'Strict') throw strictError(info, object, unknown, isApply);
  for (const path of unknown.slice(0, 10)) warn(request, `unknown field "${path}"`);
}

function strictError(info: KindInfo, object: ObjectInput, unknown: readonly string[], isApply: boolean): StatusError {
  if (!isApply) {
    return badRequest(`strict decoding error: ${unknown.map((path) => `unknown field "${path}"`).join(', ')}`);
  }
  const { name = '', namespace } = object.metadata;
  const id = `${namespace === undefined ? '' : `${namespace}/`}${name}; ${info.apiVersion}, Kind=${info.kind}`;
  const problems = unknown.map((path) => `.${path}: field not declared in schema`);
  const text = problems.length === 1 ? (problems[0] ?? '') : `errors:\n${problems.map((one) => `  ${one}`).join('\n')}`;
  return badRequest(`failed to create typed patch object (${id}): ${text}`);
}

export function warn(request: ApiRequest, text: string): void {
  const before = request.reply.getHeader('warning');
  const line = `299 - ${JSON.stringify(text)}`;
  const lines = before === undefined ? [] : Array.isArray(before) ? before : [String(before)];
  request.reply.removeHeader('warning');
  void request.reply.header('warning', [...lines, line]);
}
