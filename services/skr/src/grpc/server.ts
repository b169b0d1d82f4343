import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { sendUnaryData, ServerUnaryCall, ServiceDefinition } from '@grpc/grpc-js';
import { thimCertificateBundle } from '@holdfast/attestation';
import {
  DependencyError,
  errorMessage,
  fromBase64,
  fromUtf8,
  PlatformError,
  RequestError,
  toBase64,
  toHex,
  toUtf8,
} from '@holdfast/base';

import type { SkrContext } from '../context.ts';
import { unwrapKey, wrapKey } from './key-wrap-protocol.ts';
import { decodeMessage, encodeMessage } from './messages.ts';
import type { FlatMessage } from './messages.ts';

type Fields = Readonly<Record<number, string | Uint8Array>>;
type Handler = (request: FlatMessage) => Promise<Fields>;

const SERVICE = 'key_provider.KeyProviderService';
const METHODS = ['SayHello', 'GetReport', 'GetAttestationData', 'WrapKey', 'UnWrapKey'] as const;
type Method = (typeof METHODS)[number];
const MAX_MESSAGE = 1024 * 1024;

/** The interface of the service for clients and the server; messages have texts and bytes only. */
export const keyProviderService: ServiceDefinition = Object.fromEntries(
  METHODS.map((name) => [
    name,
    {
      path: `/${SERVICE}/${name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: encodeMessage,
      requestDeserialize: (bytes: Buffer) => decodeMessage(bytes),
      responseSerialize: encodeMessage,
      responseDeserialize: (bytes: Buffer) => decodeMessage(bytes),
    },
  ]),
);

/** Preconditions of the pod, not failures of the request. */
const PRECONDITIONS = new Set(['SNP_DEVICE_UNAVAILABLE', 'SKR_NOT_READY', 'SECURITY_POLICY_UNREADABLE']);

/**
 * The gRPC interface of the sidecar, `key_provider.KeyProviderService`. Server reflection is not offered.
 * @param keyInfoFolder Where WrapKey finds `<kid>-info.json`.
 */
export function buildGrpcServer(context: SkrContext, keyInfoFolder: string): Server {
  const handlers: Readonly<Record<Method, Handler>> = {
    SayHello: async (request) => Promise.resolve({ 1: `Hello ${textOf(request, 1)}` }),
    // The reference hashes the text it is given, not what the text encodes; clients rely on it.
    GetReport: async (request) => ({ 1: toHex(await context.attester.report(bytesOf(request, 1))) }),
    GetAttestationData: async (request) => {
      const evidence = await context.attester.evidence(decodeRuntimeData(textOf(request, 1)));
      return {
        1: evidence.certificates.tcbm,
        2: toBase64(toUtf8(thimCertificateBundle(evidence.certificates))),
        3: toBase64(evidence.report),
        4: evidence.uvmEndorsement === undefined ? '' : toBase64(evidence.uvmEndorsement),
      };
    },
    WrapKey: async (request) => ({ 1: await wrapKey(bytesOf(request, 1), keyInfoFolder) }),
    UnWrapKey: async (request) => ({ 1: await unwrapKey(bytesOf(request, 1), context) }),
  };
  const server = new Server({ 'grpc.max_receive_message_length': MAX_MESSAGE });
  server.addService(
    keyProviderService,
    Object.fromEntries(
      METHODS.map((name) => [
        name,
        (call: ServerUnaryCall<FlatMessage, Fields>, callback: sendUnaryData<Fields>): void => {
          handlers[name](call.request).then(
            (answer) => {
              context.events.answered(`grpc ${name}`);
              callback(null, answer);
            },
            (error: unknown) => {
              const code = statusOf(name, error);
              context.events.refused(`grpc ${name}`, code, error);
              callback({ code, details: detailsOf(error) });
            },
          );
        },
      ]),
    ),
  );
  return server;
}

/** Opens the server; the answer is its address. */
export async function listenGrpc(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (cause, bound) => {
      if (cause === null) {
        resolve(`grpc://${host}:${bound}`);
        return;
      }
      reject(
        new DependencyError('GRPC_LISTEN_FAILED', `cannot listen on ${host}:${port}: ${cause.message}`, {
          retryable: false,
          cause,
          action: 'Stop the program that uses the port, or choose another port.',
        }),
      );
    });
  });
}

function statusOf(method: Method, error: unknown): status {
  if (!(error instanceof PlatformError)) return status.INTERNAL;
  if (PRECONDITIONS.has(error.code)) return status.FAILED_PRECONDITION;
  if (!(error instanceof RequestError)) return status.INTERNAL;
  return method === 'GetAttestationData' ? status.FAILED_PRECONDITION : status.INVALID_ARGUMENT;
}

function detailsOf(error: unknown): string {
  return error instanceof PlatformError
    ? `${error.code}: ${error.message}`
    : 'internal error; the log of the sidecar says more';
}

function bytesOf(request: FlatMessage, field: number): Uint8Array {
  return request.get(field) ?? new Uint8Array();
}

function textOf(request: FlatMessage, field: number): string {
  try {
    return fromUtf8(bytesOf(request, field));
  } catch (cause) {
    throw new RequestError('SKR_REQUEST_INVALID', `field ${field}: ${errorMessage(cause)}`, { cause });
  }
}

function decodeRuntimeData(text: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch (cause) {
    throw new RequestError('SKR_REQUEST_INVALID', 'the runtime data is not standard Base64 with padding', { cause });
  }
}
