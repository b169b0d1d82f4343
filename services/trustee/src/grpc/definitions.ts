import type { ServiceDefinition } from '@grpc/grpc-js';

import { decodeFields, encodeFields } from './messages.ts';

/** `attestation.AttestationService` for servers and clients. */
export const attestationServiceDefinition: ServiceDefinition = definition('attestation.AttestationService', [
  'AttestationEvaluate',
  'SetAttestationPolicy',
  'GetAttestationChallenge',
]);

/** `reference.ReferenceValueProviderService` for servers and clients. */
export const referenceValueServiceDefinition: ServiceDefinition = definition(
  'reference.ReferenceValueProviderService',
  ['QueryReferenceValue', 'RegisterReferenceValue'],
);

function definition(service: string, methods: readonly string[]): ServiceDefinition {
  const entries = methods.map((name) => [
    name,
    {
      path: `/${service}/${name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: encodeFields,
      // Read in the handler, so that what is malformed is answered and not thrown at the transport.
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: encodeFields,
      responseDeserialize: decodeFields,
    },
  ]);
  return Object.fromEntries(entries) as ServiceDefinition;
}
