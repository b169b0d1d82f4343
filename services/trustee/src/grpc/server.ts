import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { formatJson, parseJson } from '@holdfast/attestation';
import { DependencyError, fromUtf8, MalformedError, toBase64 } from '@holdfast/base';

import type { BuiltInAttestation } from '../appraisal/attestation-service.ts';
import type { TrusteeContext } from '../context.ts';
import { chainOf, readVerificationRequests, requireWrites, setPolicyUnasked } from '../routes/verification-requests.ts';
import type { RawVerificationRequest } from '../routes/verification-requests.ts';
import { attestationServiceDefinition, referenceValueServiceDefinition } from './definitions.ts';
import { decodeFields, textOf } from './messages.ts';
import type { GrpcFields, GrpcMessage } from './messages.ts';

type Handler = (request: GrpcMessage) => Promise<GrpcFields>;

const CODE = 'TRUSTEE_EVIDENCE_INVALID';
const NONCE_BYTES = 32;

/**
 * Attestation service and reference values over gRPC, as Trustee's `grpc-as` and `rvps` offer them. They trust their
 * callers: the address belongs where only key brokers reach it. Server reflection is not offered.
 */
export function buildGrpcServer(context: TrusteeContext, attestation: BuiltInAttestation): Server {
  const server = new Server({ 'grpc.max_receive_message_length': context.bodyLimitBytes });
  server.addService(
    attestationServiceDefinition,
    implementation(context, {
      AttestationEvaluate: (request) => evaluate(attestation, request),
      SetAttestationPolicy: async (request) => {
        await setPolicyUnasked(context, attestation, textOf(request, 1), textOf(request, 2));
        return {};
      },
      GetAttestationChallenge: () => Promise.resolve({ 1: toBase64(context.random(NONCE_BYTES)) }),
    }),
  );
  server.addService(
    referenceValueServiceDefinition,
    implementation(context, {
      QueryReferenceValue: async (request) => {
        const value = await context.references.query(textOf(request, 1) ?? '');
        return { 1: value === undefined ? undefined : formatJson(value) };
      },
      RegisterReferenceValue: (request) => register(context, textOf(request, 1) ?? ''),
    }),
  );
  return server;
}

/** Opens the server; the answer is its address. */
export async function listenGrpc(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
  tls: TrusteeContext['tls'],
): Promise<string> {
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [{ private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) }]);
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host.includes(':') ? `[${host}]` : host}:${port}`, credentials, (cause, bound) => {
      if (cause === null) {
        resolve(`${tls === undefined ? 'grpc' : 'grpcs'}://${host}:${bound}`);
        return;
      }
      const message = `cannot listen on ${host}:${port}: ${cause.message}`;
      const action = 'Stop the program that uses the port, or choose another port.';
      reject(new DependencyError('TRUSTEE_GRPC_LISTEN_FAILED', message, { retryable: false, cause, action }));
    });
  });
}

async function evaluate(attestation: BuiltInAttestation, request: GrpcMessage): Promise<GrpcFields> {
  const requests = readVerificationRequests(request.get(1) ?? [], fromGrpc);
  const [policyId] = request.get(2) ?? [];
  const { token } = await attestation.evaluate(requests, policyId === undefined ? 'default' : fromUtf8(policyId));
  return { 1: token };
}

/** `IndividualAttestationRequest`. Of members that exclude each other the later one counts, as the format wants it. */
function fromGrpc(bytes: Uint8Array): RawVerificationRequest {
  const message = decodeFields(bytes);
  const structured = textOf(message, 5);
  const raw = textOf(message, 4);
  const toml = textOf(message, 7);
  const digest = textOf(message, 6);
  return {
    tee: textOf(message, 1) ?? '',
    evidence: textOf(message, 3) ?? '',
    runtimeData:
      structured === undefined
        ? raw === undefined
          ? undefined
          : { raw }
        : { structured: parseJson(structured, CODE) },
    initData: toml === undefined ? (digest === undefined ? undefined : { digest }) : { toml },
    // A field that was not set reads as an empty text.
    hashAlgorithm: textOf(message, 8) || undefined,
  };
}

async function register(
  { references, attestationApiWrites, events }: TrusteeContext,
  text: string,
): Promise<GrpcFields> {
  requireWrites(attestationApiWrites);
  for (const name of await references.register(parseJson(text, 'TRUSTEE_REFERENCE_MESSAGE_INVALID'))) {
    events.changed('reference value', name, 'caller of the reference values', Buffer.from(text, 'utf8'));
  }
  return {};
}

function implementation(context: TrusteeContext, handlers: Readonly<Record<string, Handler>>) {
  const entries = Object.entries(handlers).map(([name, handler]) => [
    name,
    (call: ServerUnaryCall<Buffer, GrpcFields>, callback: sendUnaryData<GrpcFields>): void => {
      const answer = async (): Promise<GrpcFields> => handler(decodeFields(call.request));
      answer().then(
        (fields) => callback(null, fields),
        (error: unknown) => {
          context.events.requestRefused('grpc', name, 'AttestationService', error);
          const code = error instanceof MalformedError ? status.INVALID_ARGUMENT : status.ABORTED;
          callback({ code, details: chainOf(error) });
        },
      );
    },
  ]);
  return Object.fromEntries(entries) as Readonly<
    Record<string, (call: ServerUnaryCall<Buffer, GrpcFields>, callback: sendUnaryData<GrpcFields>) => void>
  >;
}
