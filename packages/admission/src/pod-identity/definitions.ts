import type { JsonObject } from '../json.ts';
import { POD_IDENTITY_GROUP, podIdentityKinds } from './resources.ts';

const text = { type: 'string' };
const number = { type: 'integer' };
const texts = { type: 'array', nullable: true, items: text };
const metadata = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const replicas = { type: 'integer', format: 'int32', nullable: true };
const object = (properties: JsonObject): JsonObject => ({ type: 'object', properties });

const secretReference = object({ name: text, namespace: text });

const identitySpec = object({
  metadata,
  type: number,
  resourceID: text,
  clientID: text,
  clientPassword: secretReference,
  tenantID: text,
  auxiliaryTenantIDs: texts,
  adResourceID: text,
  adEndpoint: text,
  replicas,
});
const bindingSpec = object({ metadata, azureIdentity: text, selector: text, weight: number });
const unusedStatus = object({ metadata, availableReplicas: { type: 'integer', format: 'int32' } });
const embedded = (spec: JsonObject): JsonObject =>
  object({ apiVersion: text, kind: text, metadata, spec, status: unusedStatus });

interface Definition {
  readonly kind: string;
  readonly spec: JsonObject;
  readonly status: JsonObject;
  readonly columns: readonly JsonObject[];
}

const column = (name: string, type: string, jsonPath: string): JsonObject => ({ name, type, jsonPath });

const definitions: readonly Definition[] = [
  {
    kind: podIdentityKinds.identity,
    spec: identitySpec,
    status: unusedStatus,
    columns: [
      column('Type', 'string', '.spec.type'),
      column('ClientID', 'string', '.spec.clientID'),
      column('Age', 'date', '.metadata.creationTimestamp'),
    ],
  },
  {
    kind: podIdentityKinds.binding,
    spec: bindingSpec,
    status: unusedStatus,
    columns: [
      column('AzureIdentity', 'string', '.spec.azureIdentity'),
      column('Selector', 'string', '.spec.selector'),
      column('Age', 'date', '.metadata.creationTimestamp'),
    ],
  },
  {
    kind: podIdentityKinds.assigned,
    spec: object({
      metadata,
      azureIdentityRef: embedded(identitySpec),
      azureBindingRef: embedded(bindingSpec),
      pod: text,
      podNamespace: text,
      nodename: text,
      replicas,
    }),
    status: object({ metadata, status: text, availableReplicas: { type: 'integer', format: 'int32' } }),
    columns: [],
  },
  {
    kind: podIdentityKinds.exception,
    spec: object({ metadata, podLabels: { type: 'object', additionalProperties: text } }),
    status: object({ metadata, status: text }),
    columns: [],
  },
];

/**
 * The CustomResourceDefinitions of pod identity (apiextensions.k8s.io/v1): four namespaced kinds of `aadpodidentity.k8s.io/v1`
 * in which every member is optional and `status` is no subresource, as release 1.8 of AAD Pod Identity installs them.
 */
export function podIdentityDefinitions(): readonly JsonObject[] {
  return definitions.map(({ kind, spec, status, columns }) => {
    const singular = kind.toLowerCase();
    const plural = singular.endsWith('y') ? `${singular.slice(0, -1)}ies` : `${singular}s`;
    const schema = {
      openAPIV3Schema: object({ apiVersion: text, kind: text, metadata: { type: 'object' }, spec, status }),
    };
    return {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.${POD_IDENTITY_GROUP}` },
      spec: {
        group: POD_IDENTITY_GROUP,
        scope: 'Namespaced',
        names: { kind, listKind: `${kind}List`, plural, singular },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema,
            ...(columns.length === 0 ? {} : { additionalPrinterColumns: columns }),
          },
        ],
      },
    };
  });
}
