import { formatJson, parseJson } from '@holdfast/attestation';
import { RequestError } from '@holdfast/base';

import type { GrpcCaller } from '../grpc/caller.ts';
import { textOf } from '../grpc/messages.ts';
import { readReferenceMessage } from './reference-value-service.ts';
import type { ReferenceValues } from './reference-value-service.ts';

/** Reference values in another process, over gRPC (`reference.ReferenceValueProviderService`), which knows no list and no removal. */
export function createRemoteReferenceValues(caller: GrpcCaller): ReferenceValues {
  return {
    register: async (message) => {
      const names = Object.keys(readReferenceMessage(message));
      await caller.call('RegisterReferenceValue', { 1: formatJson(message) });
      return names;
    },
    query: async (name) => {
      const text = textOf(await caller.call('QueryReferenceValue', { 1: name }), 1);
      return text === undefined ? undefined : parseJson(text, 'TRUSTEE_STORAGE_MALFORMED');
    },
    list: () => Promise.reject(unknown('listed')),
    delete: () => Promise.reject(unknown('removed')),
  };
}

function unknown(what: string): RequestError {
  return new RequestError(
    'TRUSTEE_REFERENCES_REMOTE',
    `reference values of another service cannot be ${what} through it`,
    {
      action: 'Ask the service that keeps them.',
    },
  );
}
