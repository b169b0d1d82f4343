import type { JsonObject } from './json.ts';
import { excludedNamespaces } from './peer-pods/namespaces.ts';
import { USE_LABEL } from './workload-identity/annotations.ts';

/** Where the API server finds the webhook. */
export interface WebhookAddress {
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
  readonly path: string;
}

const podCreation = {
  apiGroups: [''],
  apiVersions: ['v1'],
  operations: ['CREATE'],
  resources: ['pods'],
};

/**
 * The registration of the workload identity mutation. Fail: a labelled pod without its token would run and be refused by
 * every Azure service; pods without the label are never asked about.
 * @param caBundle Base64 of the PEM certificates that the webhook's certificate is verified with; empty until there are any.
 */
export function workloadIdentityRegistration(address: WebhookAddress, caBundle: string): JsonObject {
  return registration('azure-wi-webhook-mutating-webhook-configuration', {
    name: 'mutation.azure-workload-identity.io',
    admissionReviewVersions: ['v1', 'v1beta1'],
    clientConfig: clientConfig(address, caBundle),
    matchPolicy: 'Equivalent',
    objectSelector: { matchLabels: { [USE_LABEL]: 'true' } },
    rules: [podCreation],
  });
}

/** The registration of the peer-pods mutation: creation only, because resources of a pod cannot change. */
export function peerPodsRegistration(address: WebhookAddress, caBundle: string): JsonObject {
  return registration('mutating-webhook-configuration', {
    name: 'mwebhook.peerpods.io',
    admissionReviewVersions: ['v1'],
    clientConfig: clientConfig(address, caBundle),
    namespaceSelector: {
      matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: [...excludedNamespaces] }],
    },
    rules: [{ ...podCreation, scope: 'Namespaced' }],
  });
}

/**
 * A policy that admits pods of the peer-pods runtime class in the named namespaces only: machines cost money, and the
 * namespaces that the webhook is not asked about are not counted.
 */
export function peerPodsNamespacePolicy(runtimeClass: string, allowed: readonly string[]): readonly JsonObject[] {
  const name = 'peer-pods-namespaces';
  const class_ = JSON.stringify(runtimeClass);
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: { resourceRules: [podCreation] },
        validations: [
          {
            expression:
              `!has(object.spec.runtimeClassName) || object.spec.runtimeClassName != ${class_} || ` +
              `namespaceObject.metadata.name in [${allowed.map((namespace) => JSON.stringify(namespace)).join(', ')}]`,
            message: `pods of the runtime class ${runtimeClass} are allowed in: ${allowed.join(', ')}`,
          },
        ],
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name },
      spec: { policyName: name, validationActions: ['Deny'] },
    },
  ];
}

function registration(name: string, webhook: JsonObject): JsonObject {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name },
    webhooks: [
      { failurePolicy: 'Fail', reinvocationPolicy: 'IfNeeded', sideEffects: 'None', timeoutSeconds: 10, ...webhook },
    ],
  };
}

function clientConfig({ namespace, service, port, path }: WebhookAddress, caBundle: string): JsonObject {
  return { service: { namespace, name: service, port, path }, ...(caBundle === '' ? {} : { caBundle }) };
}
