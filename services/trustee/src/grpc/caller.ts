import { credentials, makeGenericClientConstructor, status } from '@grpc/grpc-js';
import type { Client, ServiceDefinition, ServiceError } from '@grpc/grpc-js';
import { DependencyError, VerificationError } from '@holdfast/base';

import { decodeFields, encodeFields } from './messages.ts';
import type { GrpcFields, GrpcMessage } from './messages.ts';

const DEADLINE_MS = 30_000;
const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_REASON = 2000;
const NO_ANSWER: ReadonlySet<number> = new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED]);

/** Calls one service at an address such as `http://127.0.0.1:50004`; https takes the certificates of the system. */
export class GrpcCaller {
  readonly #client: Client;
  readonly #definition: ServiceDefinition;
  readonly #address: string;

  constructor(address: string, definition: ServiceDefinition) {
    const { protocol, hostname, port } = new URL(address);
    const isEncrypted = protocol === 'https:';
    // An URL leaves out the usual port of its scheme, and gRPC takes 443 when there is none.
    const target = `${hostname}:${port || (isEncrypted ? '443' : '80')}`;
    const Constructor = makeGenericClientConstructor(definition, 'service');
    const channel = isEncrypted ? credentials.createSsl() : credentials.createInsecure();
    this.#client = new Constructor(target, channel, { 'grpc.max_receive_message_length': MAX_ANSWER_BYTES });
    this.#definition = definition;
    this.#address = address;
  }

  /**
   * @throws DependencyError TRUSTEE_GRPC_UNAVAILABLE when no answer comes in time
   * @throws VerificationError TRUSTEE_EVIDENCE_REFUSED when the service refuses, with its reasons
   */
  async call(method: string, fields: GrpcFields): Promise<GrpcMessage> {
    const answer = await new Promise<Buffer>((resolve, reject) => {
      this.#client.makeUnaryRequest<GrpcFields, Buffer>(
        this.#definition[method]?.path ?? '',
        encodeFields,
        (bytes) => bytes,
        fields,
        { deadline: Date.now() + DEADLINE_MS },
        (error, message) => {
          if (error === null && message !== undefined) resolve(message);
          else reject(this.#failure(method, error));
        },
      );
    });
    return decodeFields(answer);
  }

  close(): void {
    this.#client.close();
  }

  #failure(method: string, error: ServiceError | null): Error {
    const reason = (error?.details ?? 'no answer').slice(0, MAX_REASON);
    if (error === null || NO_ANSWER.has(error.code)) {
      return new DependencyError('TRUSTEE_GRPC_UNAVAILABLE', `${method} at ${this.#address} has no answer: ${reason}`, {
        retryable: true,
      });
    }
    return new VerificationError('TRUSTEE_EVIDENCE_REFUSED', `${method} at ${this.#address} is refused: ${reason}`);
  }
}
