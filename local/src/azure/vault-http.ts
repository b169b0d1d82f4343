import { Buffer } from 'node:buffer';

import { PlatformError } from '@holdfast/base';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';

const JSON_TYPE = 'application/json; charset=utf-8';
const MAX_RESULTS = 25;

/** An answer of Key Vault other than success; it never leaves the vault application. */
export class VaultFault extends Error {
  readonly status: number;
  readonly vaultCode: string;
  readonly innerCode: string | undefined;
  readonly challenge: boolean;

  constructor(
    status: number,
    vaultCode: string,
    message: string,
    options: { readonly innerCode?: string; readonly challenge?: boolean } = {},
  ) {
    super(message);
    this.status = status;
    this.vaultCode = vaultCode;
    this.innerCode = options.innerCode;
    this.challenge = options.challenge ?? false;
  }
}

const FAULTS: Readonly<Record<string, readonly [status: number, code: string, innerCode?: string]>> = {
  VAULT_SECRET_NOT_FOUND: [404, 'SecretNotFound'],
  VAULT_SECRET_DISABLED: [403, 'Forbidden', 'SecretDisabled'],
  VAULT_SECRET_DELETED: [409, 'Conflict', 'ObjectIsDeletedButRecoverable'],
  VAULT_PARAMETER_INVALID: [400, 'BadParameter'],
  VAULT_KEY_NOT_FOUND: [404, 'KeyNotFound'],
  VAULT_KEY_DELETED: [409, 'Conflict', 'ObjectIsDeletedButRecoverable'],
  VAULT_KEY_DISABLED: [403, 'Forbidden', 'KeyDisabled'],
  VAULT_KEY_NOT_YET_VALID: [403, 'Forbidden', 'KeyNotYetValid'],
  VAULT_KEY_EXPIRED: [403, 'Forbidden', 'KeyExpired'],
  VAULT_KEY_OPERATION_FORBIDDEN: [403, 'Forbidden', 'KeyOperationForbidden'],
  VAULT_CERTIFICATE_NOT_FOUND: [404, 'CertificateNotFound'],
  VAULT_CERTIFICATE_DELETED: [409, 'Conflict', 'ObjectIsDeletedButRecoverable'],
  VAULT_CERTIFICATE_PARAMETER_INVALID: [400, 'BadParameter'],
  VAULT_KEY_PARAMETER_INVALID: [400, 'BadParameter'],
  RELEASE_POLICY_INVALID: [400, 'BadParameter'],
  RELEASE_REQUEST_INVALID: [400, 'BadParameter'],
};

/** The answer for anything that a handler threw. */
export function faultOf(error: unknown): VaultFault {
  if (error instanceof VaultFault) return error;
  const [status, code, innerCode] = (error instanceof PlatformError ? FAULTS[error.code] : undefined) ?? [];
  if (error instanceof PlatformError && status !== undefined && code !== undefined) {
    return new VaultFault(status, code, error.message, innerCode === undefined ? {} : { innerCode });
  }
  const http = (error as { statusCode?: unknown }).statusCode;
  if (http === 413) return new VaultFault(413, 'RequestEntityTooLarge', 'The request body is too large.');
  if (typeof http === 'number' && http >= 400 && http < 500) {
    return new VaultFault(http, 'BadParameter', 'The request cannot be read.');
  }
  return new VaultFault(500, 'InternalServerError', 'The server encountered an internal error.');
}

export async function sendJson(reply: FastifyReply, body: unknown): Promise<FastifyReply> {
  return reply.header('Content-Type', JSON_TYPE).send(body);
}

/** The JSON body of a request, as `schema` reads it. */
export function parseBody<S extends z.ZodType>(request: FastifyRequest, schema: S): z.output<S> {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json')
    throw new VaultFault(415, 'BadParameter', 'The content type must be application/json.');
  let value: unknown;
  try {
    value = JSON.parse(Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '');
  } catch {
    throw new VaultFault(400, 'BadParameter', 'The request body is not JSON.');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const places = parsed.error.issues.map((issue) => issue.path.join('.') || 'body').join(', ');
  throw new VaultFault(400, 'BadParameter', `Property has an invalid value: ${places}`);
}

export function nameOf(request: FastifyRequest): string {
  return (request.params as { name: string }).name;
}

/** Empty for the newest version. */
export function versionOf(request: FastifyRequest): string {
  return (request.params as { version?: string }).version ?? '';
}

/** The decoded query: the Azure SDKs send the name as `api%2Dversion`. */
export function queryOf(request: FastifyRequest): URLSearchParams {
  const at = request.url.indexOf('?');
  return new URLSearchParams(at === -1 ? '' : request.url.slice(at + 1));
}

/** One page of a list, with the address of the next one. */
export function pageOf(
  request: FastifyRequest,
  origin: string,
  items: readonly unknown[],
): Readonly<Record<string, unknown>> {
  const query = queryOf(request);
  const size = Number(query.get('maxresults') ?? MAX_RESULTS);
  if (!Number.isInteger(size) || size < 1 || size > MAX_RESULTS) {
    throw new VaultFault(400, 'BadParameter', `maxresults must be between 1 and ${MAX_RESULTS}`);
  }
  const start = Number(query.get('$skiptoken') ?? 0);
  if (!Number.isSafeInteger(start) || start < 0)
    throw new VaultFault(400, 'BadParameter', 'The skip token is not valid.');
  const end = start + size;
  let nextLink: string | null = null;
  if (end < items.length) {
    const path = request.url.split('?', 1)[0] ?? '';
    query.set('$skiptoken', String(end));
    nextLink = `${origin}${path}?${query.toString()}`;
  }
  return { value: items.slice(start, end), nextLink };
}
