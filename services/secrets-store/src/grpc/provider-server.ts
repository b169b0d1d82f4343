import { chmod, rm, stat } from 'node:fs/promises';

import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { sendUnaryData, ServerUnaryCall, ServiceDefinition } from '@grpc/grpc-js';
import { DependencyError, errorMessage, PlatformError, RequestError } from '@holdfast/base';

import type { MountProvider } from '../driver/volume-driver.ts';
import type { Events } from '../events.ts';
import {
  decodeMountRequest,
  decodeMountResponse,
  decodeVersionRequest,
  decodeVersionResponse,
  encodeMountRequest,
  encodeMountResponse,
  encodeVersionRequest,
  encodeVersionResponse,
} from './messages.ts';
import type { MountRequestMessage, MountResponseMessage, VersionResponseMessage } from './messages.ts';

const SERVICE = 'v1alpha1.CSIDriverProvider';
const API_VERSION = 'v1alpha1';
const RUNTIME_NAME = 'secrets-store-csi-driver-provider-azure';
/** The driver takes no longer message unless its flag --max-call-recv-msg-size says so. */
const MAX_MESSAGE = 4 * 1024 * 1024;

/** The provider's side of the Secrets Store CSI driver, for the server and for clients in tests. */
export const providerService = {
  Version: {
    path: `/${SERVICE}/Version`,
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeVersionRequest,
    requestDeserialize: (bytes: Buffer) => decodeVersionRequest(bytes),
    responseSerialize: encodeVersionResponse,
    responseDeserialize: (bytes: Buffer) => decodeVersionResponse(bytes),
  },
  Mount: {
    path: `/${SERVICE}/Mount`,
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeMountRequest,
    requestDeserialize: (bytes: Buffer) => decodeMountRequest(bytes),
    responseSerialize: encodeMountResponse,
    responseDeserialize: (bytes: Buffer) => decodeMountResponse(bytes),
  },
} as const satisfies ServiceDefinition;

export interface ProviderServerOptions {
  readonly mount: MountProvider;
  /** Of this software. */
  readonly version: string;
  /** Longest time for one mount, in milliseconds. */
  readonly mountTimeoutMs: number;
  readonly events: Pick<Events, 'answered' | 'refused'>;
}

/** `v1alpha1.CSIDriverProvider`: answers the files of a mount to the driver, which writes them. */
export function buildProviderServer(options: ProviderServerOptions): Server {
  const server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE,
    'grpc.max_send_message_length': MAX_MESSAGE,
  });
  const answer: VersionResponseMessage = {
    version: API_VERSION,
    runtimeName: RUNTIME_NAME,
    runtimeVersion: options.version,
  };
  server.addService(providerService, {
    Version: (
      _call: ServerUnaryCall<string, VersionResponseMessage>,
      callback: sendUnaryData<VersionResponseMessage>,
    ) => {
      options.events.answered('Version');
      callback(null, answer);
    },
    Mount: (
      call: ServerUnaryCall<MountRequestMessage, MountResponseMessage>,
      callback: sendUnaryData<MountResponseMessage>,
    ) => {
      mount(call.request, options).then(
        (response) => {
          options.events.answered('Mount');
          callback(null, response);
        },
        (error: unknown) => {
          options.events.refused('Mount', error);
          callback({ code: statusOf(error), details: detailsOf(error) });
        },
      );
    },
  });
  return server;
}

/**
 * Opens the server at a Unix socket, `<folder>/<provider>.sock`. One that a dead process left behind is replaced.
 * @throws DependencyError PROVIDER_LISTEN_FAILED
 */
export async function listenProvider(server: Server, socket: string): Promise<void> {
  try {
    const old = await stat(socket).catch(() => undefined);
    if (old?.isSocket() === true) await rm(socket);
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (cause) =>
        cause === null ? resolve() : reject(cause),
      );
    });
    // Whoever may write to the socket may ask with any pod's name.
    await chmod(socket, 0o600);
  } catch (cause) {
    throw new DependencyError('PROVIDER_LISTEN_FAILED', `cannot open the socket ${socket}: ${errorMessage(cause)}`, {
      retryable: false,
      cause,
      action: 'Check that the folder is there, is writable, and that its path is short (108 bytes on Linux).',
    });
  }
}

async function mount(message: MountRequestMessage, options: ProviderServerOptions): Promise<MountResponseMessage> {
  const attributes = readJson('attributes', message.attributes, isTextMap) ?? {};
  const secrets = readJson('secrets', message.secrets, isTextMapOrNull);
  const permission = readJson('file permission', message.permission, isPermission) ?? 0o644;
  const signal = AbortSignal.timeout(options.mountTimeoutMs);
  try {
    const result = await options.mount({ attributes, secrets: secrets ?? undefined, permission, signal });
    const response = { ...result, errorCode: '' };
    const size = encodeMountResponse(response).length;
    if (size > MAX_MESSAGE) throw tooLarge(size);
    return response;
  } catch (cause) {
    const text = `failed to mount objects, error: ${errorMessage(cause)}`;
    throw cause instanceof RequestError ? new RequestError(cause.code, text, { cause }) : labelled(cause, text);
  }
}

function readJson<T>(what: string, text: string, is: (value: unknown) => value is T): T | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The text may hold tokens and passwords; the parser would quote it.
    throw unreadable(what, text === '' ? 'unexpected end of JSON input' : 'not JSON');
  }
  if (!is(value)) throw unreadable(what, 'not of the expected type');
  return value;
}

function isTextMap(value: unknown): value is Readonly<Record<string, string>> {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isMap && Object.values(value).every((member) => typeof member === 'string');
}

function isTextMapOrNull(value: unknown): value is Readonly<Record<string, string>> | null {
  return value === null || isTextMap(value);
}

function isPermission(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0o7777;
}

function unreadable(what: string, reason: string): RequestError {
  return new RequestError('MOUNT_REQUEST_INVALID', `failed to unmarshal ${what}, error: ${reason}`);
}

function tooLarge(size: number): RequestError {
  return new RequestError(
    'VAULT_OBJECT_UNUSABLE',
    `the files are ${size} bytes, more than the ${MAX_MESSAGE} that the driver takes`,
    { action: 'Split the objects over several SecretProviderClasses.' },
  );
}

function labelled(cause: unknown, text: string): unknown {
  if (!(cause instanceof DependencyError)) return cause;
  return new DependencyError(cause.code, text, { retryable: cause.retryable, cause, details: cause.details });
}

/** The driver tries again only when it is told that nobody was there; everything else is reported as it is. */
function statusOf(error: unknown): status {
  return error instanceof PlatformError ? status.UNKNOWN : status.INTERNAL;
}

function detailsOf(error: unknown): string {
  return error instanceof PlatformError ? error.message : 'internal error; the log of the provider says more';
}
