import type { KubernetesObject } from '@holdfast/deployment';

const GROUP = 'secrets-store.csi.x-k8s.io';
const texts = { type: 'object', additionalProperties: { type: 'string' } } as const;
const text = { type: 'string' } as const;

const classSchema = {
  type: 'object',
  properties: {
    apiVersion: text,
    kind: text,
    metadata: { type: 'object' },
    spec: {
      type: 'object',
      properties: {
        provider: text,
        parameters: texts,
        secretObjects: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              secretName: text,
              type: text,
              labels: texts,
              annotations: texts,
              data: {
                type: 'array',
                items: { type: 'object', properties: { objectName: text, key: text } },
              },
            },
          },
        },
      },
    },
    status: {
      type: 'object',
      properties: { byPod: { type: 'array', items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } },
    },
  },
} as const;

const podStatusSchema = {
  type: 'object',
  properties: {
    apiVersion: text,
    kind: text,
    metadata: { type: 'object' },
    status: {
      type: 'object',
      properties: {
        podName: text,
        secretProviderClassName: text,
        mounted: { type: 'boolean' },
        targetPath: text,
        objects: {
          type: 'array',
          items: { type: 'object', properties: { id: text, version: text } },
        },
      },
    },
  },
} as const;

/** The two custom resources of the driver, for a cluster that does not have them from its chart. */
export function customResourceDefinitions(): readonly KubernetesObject[] {
  return [
    definition('SecretProviderClass', 'secretproviderclasses', classSchema),
    definition('SecretProviderClassPodStatus', 'secretproviderclasspodstatuses', podStatusSchema),
  ];
}

function definition(kind: string, plural: string, openAPIV3Schema: object): KubernetesObject {
  const version = (name: string, storage: boolean) => ({
    name,
    served: true,
    storage,
    ...(storage
      ? {}
      : {
          deprecated: true,
          deprecationWarning: `${GROUP}/v1alpha1 ${kind} is deprecated and will be removed; use ${GROUP}/v1`,
        }),
    schema: { openAPIV3Schema },
  });
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [version('v1', true), version('v1alpha1', false)],
    },
  };
}
